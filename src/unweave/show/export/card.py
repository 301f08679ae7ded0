"""README.md of an exported model: what it is, how to use it, how good it is and how to make it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import yaml

from unweave.base.files import read_derived
from unweave.base.records import Score
from unweave.base.settings import plain
from unweave.metrics.calibration import verdict
from unweave.run.run import Run
from unweave.run.scorebook import DIAGNOSIS, diagnosed
from unweave.show.export.config import units
from unweave.show.figures.base import DEAD

WORDS = {
    "model.safetensors": "all weights",
    "encoder.onnx": "image -> mean, log_variance and, where it has a head for them, categories (probabilities)",
    "decoder.onnx": "z and, where the model tells any, categories (one-hot) -> image",
    "config.json": "all settings, the shape of images and the names of classes",
}
WITH_PLANES = {
    "encoder.onnx": WORDS["encoder.onnx"] + "; and planes",
    "decoder.onnx": WORDS["decoder.onnx"].replace("z and", "planes and"),
}
LOAD = """```python
import unweave

model = unweave.load_model(".")  # or the folder you saved this to
codes = model.encode(images)  # images (n, {shape}), {units}
again = model.decode(codes{more})
new = model.sample(16).images
```"""
RUN = """```python
import onnxruntime

encoder = onnxruntime.InferenceSession("encoder.onnx")
{head} = encoder.run([{asked}], {{"image": images}})  # float32 (n, {shape}), {units}
decoder = onnxruntime.InferenceSession("decoder.onnx")
(image,) = decoder.run(["image"], {{{back}{more}}})
```"""
MEANS = {"head": "mean, log_variance", "asked": '"mean", "log_variance"', "back": '"z": mean'}
PLANES = {"head": "(planes,)", "asked": '"planes"', "back": '"planes": planes'}


def card(run: Run, about: Mapping[str, Any], files: Sequence[str]) -> str:
    """The text of README.md for these files: facts for hubs in YAML, then sections for people."""
    scores, columns = run.scores, about.get("columns", ())
    words = {**WORDS, **(WITH_PLANES if columns else {})}
    parts = [
        f"# {run.title}",
        _what(run),
        "## Use\n\n" + _use(run, files, columns),
        "## Files\n\n" + "\n".join(f"- `{name}`: {words.get(name, 'see config.json')}" for name in files),
        "## Latents\n\n" + _latents(run),
        "## Scores\n\n" + _scores(scores),
    ]
    if findings := _findings(run):
        parts.append("## What the codes are like\n\n" + findings)
    parts += [
        "## Settings\n\n" + _settings(about),
        "## How to make it again\n\n" + _again(run),
        "## Licence\n\nNobody has stated one yet: `license: unknown` above is a placeholder. Whoever publishes this "
        f"model chooses it, and looks first at the terms of the data it was trained on ({_cell(run.spec.data.name)}).",
    ]
    front = yaml.safe_dump(_front(run, scores), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n\n".join(parts) + "\n"


def _front(run: Run, scores: Mapping[str, Score]) -> dict[str, Any]:
    """What model hubs read."""
    method, data = run.spec.method.name, run.spec.data.name
    front: dict[str, Any] = {
        "library_name": "unweave",
        "license": "unknown",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["unweave", "vae", "disentanglement", "representation-learning", method, data],
    }
    measured = {name: score for name, score in scores.items() if score.value == score.value}
    if measured:
        result = {
            "task": {"type": "image-feature-extraction", "name": "Disentanglement"},
            "dataset": {"type": data, "name": data},
            "metrics": [
                {"type": name, "name": name, "value": round(float(score.value), 6)} for name, score in measured.items()
            ],
        }
        front["model-index"] = [{"name": run.title, "results": [result]}]
    return front


def _what(run: Run) -> str:
    channels, height, width = run.data.image_shape
    sizes = run.category_sizes
    categories = f" and {_list([f'one of {size} categories' for size in sizes])}" if sizes else ""
    seen = f"vectors of {width} numbers" if (channels, height) == (1, 1) else f"{channels} x {height} x {width} images"
    return (
        f"A variational autoencoder trained by unweave with {run.spec.method.name}. It encodes {seen}, "
        f"{units(run.data)}, as {run.spec.training.latents} continuous latents{categories}, and decodes them again."
    )


def _use(run: Run, files: Sequence[str], columns: Sequence[str]) -> str:
    shape = ", ".join(map(str, run.data.image_shape))
    sizes = run.category_sizes
    facts = {"shape": shape, "units": units(run.data)}
    if "model.safetensors" in files:
        return LOAD.format(**facts, more=", model.categories(images)" if sizes else "")
    more = f', "categories": one_hot  # float32 (n, {sum(sizes)})\n' if sizes else ""
    told = f"\n\nThe columns of `planes` are {_list(columns)}; the decoder takes them back." if columns else ""
    return RUN.format(**facts, **(PLANES if columns else MEANS), more=more) + told


def _latents(run: Run) -> str:
    """The rate of each latent when training ended, where the log has it."""
    rates = run.done.get("last", {}).get("kl_per_latent")
    if not rates:
        return f"{run.spec.training.latents} continuous ones; their rates were not logged."
    rows = [f"| z{j} | {rate:.2f} | {'live' if rate >= DEAD else 'dead'} |" for j, rate in enumerate(rates)]
    return "\n".join(["| latent | rate, nats per image | |", "|---|---|---|", *rows])


def _scores(scores: Mapping[str, Score]) -> str:
    if not scores:
        return "None were made before this was exported."
    rows: list[str] = []
    for name, score in scores.items():
        interval = "" if score.interval is None else f"{score.interval[0]:.3f} to {score.interval[1]:.3f}"
        ends = ["" if score.floor is None else f"{score.floor:.3f}", score.truth]
        meaning = verdict(score).partition(": ")[2]
        notes = "; ".join(filter(None, (score.note, meaning)))
        rows.append(f"| {' | '.join(map(_cell, (name, f'{score.value:.3f}', interval, *ends, notes)))} |")
    heads = "| score | value | 95 % interval | noise gets | the truth gets | which says |"
    return "\n".join([heads, "|---|---|---|---|---|---|", *rows])


def _findings(run: Run) -> str:
    """The doctor's sentences, where they are there and about these weights."""
    held = read_derived(run.path / DIAGNOSIS, ("of", "findings"))
    if held.get("of") != diagnosed(run.weights_hash):
        return ""
    return "\n".join(f"- {_cell(finding['sentence'])}" for finding in held["findings"])


def _settings(about: Mapping[str, Any]) -> str:
    shown = {group: about[group] for group in ("method", "net", "prior", "likelihood", "training", "data")}
    return f"```yaml\n{yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, default_flow_style=None)}```"


def _again(run: Run) -> str:
    made = {name: value for name, value in run.made_with.items() if value is not None}
    facts = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in made.items() if not isinstance(value, dict)
    )
    origin = run.stored.get("origin")
    if isinstance(origin, Mapping):
        source = ", ".join(f"{name} {value}" for name, value in origin.items() if isinstance(value, str))
        return _cell(f"Imported, not trained here: {source}.")
    return f"```\n{_without_folders(run)}\n```\n\nMade with {facts}."


def _without_folders(run: Run) -> str:
    """The command, in which paths to the user's data have lost the folders they lie in."""
    local = {
        v: PurePath(v).name
        for v in plain(run.spec.data.settings).values()
        if isinstance(v, str) and Path(v).is_absolute()
    }
    words = [local.get(word, word) for word in shlex.split(run.reproduce)]
    return shlex.join(words)


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _cell(text: str) -> str:
    """Text that stays in its cell or line."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")
