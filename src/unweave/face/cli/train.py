"""Train a method on a data set into a run folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unweave.base import checks, registry
from unweave.base.registry import load_file
from unweave.data.own.locate import located
from unweave.face.cli.options import Options, argument, first_word, option, options_of, value_of
from unweave.face.cli.options import signed as with_options
from unweave.run.recipes import load, names

PARTS = {
    "data": registry.datasets,
    "net": registry.nets,
    "prior": registry.priors,
    "likelihood": registry.likelihoods,
}


def signed(tokens: list[str]) -> Callable[..., Any]:
    """The command with the options of the method, data set, net, prior and likelihood that `tokens` name."""
    if plugin := value_of("--plugin", tokens):
        load_file(plugin)
    method, recipe = first_word(tokens), value_of("--recipe", tokens)
    given = load(recipe).settings if recipe else {}
    named = {part: value_of(f"--{part}", tokens) or given.get(part) for part in PARTS}
    if named["data"]:
        named["data"] = located(named["data"])["name"]
    for table, name in [(registry.methods, method), *((PARTS[part], name) for part, name in named.items())]:
        if name is not None:
            checks.known(table.kind, name, table.names())  # before anything heavy is imported
    from unweave.engine.spec import PRIOR, Training

    classes = [(registry.methods.get(method), f"Settings of {method}", "")] if method else []
    suits = registry.datasets.get(named["data"]) if named["data"] else None
    defaults = {
        "data": None,
        "net": suits and suits.net,
        "prior": PRIOR,
        "likelihood": suits and suits.likelihood,
    }
    for part, default in defaults.items():
        name = named[part] or default
        # the user's own data decide by what is in them, so that any net and likelihood may come of it
        for each in PARTS[part].names() if isinstance(name, property) else [name] if name else []:
            classes.append((PARTS[part].get(each), f"Settings of {each}", f"{part}."))
    options: Options = [argument("method", "What to train: " + ", ".join(registry.methods.names()))]
    choices = {part: f"{table.kind}: {', '.join(table.names())}" for part, table in PARTS.items()}
    options += [option(part, text, "Run") for part, text in choices.items()]
    options += [
        option("recipe", f"named settings to start from: {', '.join(names())}", "Run"),
        option("out", "folder of the run [runs/METHOD-DATA-HASH]", "Run"),
        option("resume", "go on with the run in --out, with its settings", "Run", kind=bool),
        option("overwrite", "replace the run in --out", "Run", kind=bool),
        option("plugin", "a Python file that registers more methods, nets or data sets", "Run"),
    ]
    options += options_of(Training, "Training")
    for cls, group, prefix in classes:
        options += options_of(cls, group, prefix)
    return with_options(_run, options)


def _run(words: tuple[str, ...], given: dict[str, Any]) -> None:
    from unweave.run.run import train as run_training

    given.pop("plugin", None)
    run = run_training(words[0], **given)
    at = run.path
    shown = "draw columns" if run.data.image_shape[:2] == (1, 1) else "traverse"
    print(f"{run.title}: done in {at}; next: unweave evaluate {at}, unweave {shown} {at}, unweave report {at}")
