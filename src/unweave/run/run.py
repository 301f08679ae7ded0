"""A run on disk, opened: its model, data, log and scores; and many runs as one table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unweave.base import checks, registry
from unweave.base import html as notebook
from unweave.base.errors import InputError
from unweave.base.files import read_json, write_json
from unweave.base.records import Codes, Encoded, Images, Score
from unweave.base.seeds import Generators, numpy_generator
from unweave.base.settings import build, names_of, short_hash
from unweave.data.base import FactorData, ImageData
from unweave.data.own.locate import located
from unweave.engine import Spec, folder
from unweave.engine import train as train_spec
from unweave.engine.callbacks import Callback, with_watchers
from unweave.engine.log import read_log
from unweave.engine.progress import ProgressBar
from unweave.engine.scoring import read_scores
from unweave.metrics.base import Metric
from unweave.metrics.calibration import calibrated, calibrates, is_calibrated
from unweave.metrics.doctor import RULES, Finding, doctor
from unweave.metrics.probe import Probe
from unweave.models.bound import bound
from unweave.models.trained import CHUNK, Model, load_weights
from unweave.models.vae import VAE
from unweave.run.recipes import load as load_recipe
from unweave.show.figures.base import Classes, Picture, draw

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingImports]

POOL = 60_000  # images encoded once, from which every metric draws
SHOWN = 10_000  # images encoded for pictures of classes
DIAGNOSIS = "doctor.json"
COLUMNS = ["run", "method", "data", "seed", "metric", "factor", "value", "low", "high", "settings_hash"]


class Run:
    """A finished run in its folder: `evaluate`, `traverse`, `draw`, `encode`, `decode`.

    Opening reads settings.json only; weights and data are loaded when first needed. A folder that is no run, a newer
    format and weights that do not fit the settings raise InputError.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.spec, self.stored = folder.read_spec(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.title})"

    def _repr_html_(self) -> str:
        done = {"images": self.done["images"], "seconds": self.done.get("seconds")} if self.finished else {}
        facts = {"folder": self.path, "steps": self.spec.training.steps, **done, "finished": self.finished}
        return notebook.run(self.title, facts, self.scores if self.finished else {})

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def title(self) -> str:
        """For headings: method, data, seed."""
        return self.spec.title

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return (self.path / folder.DONE).is_file()

    @cached_property
    def done(self) -> dict[str, Any]:
        """What done.json says: steps, images, seconds."""
        return read_json(self.path / folder.DONE)

    @cached_property
    def data(self) -> ImageData:
        """The data set it was trained on."""
        return self.spec.dataset

    @cached_property
    def vae(self) -> VAE:
        """The trained model, ready to encode."""
        path = self.path / folder.WEIGHTS
        if not path.is_file():
            raise InputError(f"{self.path} has no {path.name}: the run is not finished; go on with it by --resume")
        seed = self.spec.training.seed
        return load_weights(
            path, self.spec.shapes(), lambda: self.spec.build_vae(Generators(seed), fresh=False), folder.SETTINGS
        )

    @cached_property
    def model(self) -> Model:
        """The trained model by itself, which needs no data."""
        return Model.of(self)

    @cached_property
    def weights_hash(self) -> str:
        """Eight digits of the weights' SHA-256; scores are kept under it."""
        return hashlib.sha256((self.path / folder.WEIGHTS).read_bytes()).hexdigest()[:8]

    def posterior(self, images: Images) -> Encoded:
        """Means, standard deviations and rates (nats) of each latent for images (n, C, H, W), each (n, d).

        Where the model tells categories, their numbers (n, L) too.
        """
        return self.model.posterior(images)

    def encode(self, images: Images) -> Codes:
        """Posterior means of images (n, C, H, W), (n, d)."""
        return self.model.encode(images)

    def categories(self, images: Images) -> torch.Tensor | None:
        """Categories of images (n, C, H, W), numbers (n, L); None where the model tells none."""
        return self.model.categories(images)

    def decode(self, codes: Codes, categories: torch.Tensor | None = None) -> Images:
        """Expected images of codes (n, d) and categories, numbers (n, L); pixels are cut to [0, 1].

        Without `categories` a model that tells any takes the first of each.
        """
        return self.model.decode(codes, categories)

    def reference_images(self, n: int) -> Images:
        """Always the same images: the data set's own references first, then random ones."""
        drawn = numpy_generator(0, "reference").choice(len(self.data), size=min(n, len(self.data)), replace=False)
        return self.data.images(np.concatenate([np.asarray(self.data.reference, dtype=np.int64), drawn])[:n])

    def random_images(self, n: int) -> Images:
        """Random images of the data set, the same for every run of one seed."""
        return self.data.images(numpy_generator(self.spec.training.seed, "pictures").integers(len(self.data), size=n))

    @cached_property
    def probe(self) -> Probe:
        """The pool of encoded images that every metric of this run draws from, held-out ones where there are any."""
        data = self.data.held_out or self.data
        return Probe.of_encoder(self.posterior, data, n=POOL, seed=self.spec.training.seed, model=self.vae)

    @cached_property
    def _shown(self) -> Probe:
        """The encoded images that pictures of classes look at."""
        data = self.data.held_out or self.data
        return Probe.of_encoder(self.posterior, data, n=SHOWN, seed=self.spec.training.seed)

    @property
    def kl_per_latent(self) -> np.ndarray:
        """Mean rate of each latent, (d,) nats per image, over 5,000 images."""
        return self._rates

    @cached_property
    def _rates(self) -> np.ndarray:
        images = self.data.images(numpy_generator(0, "rates").integers(len(self.data), size=5000))
        rates = self.posterior(images).kl
        return np.full(self.spec.training.latents, np.nan) if rates is None else np.asarray(rates).mean(0)

    @torch.no_grad()
    def fit(self, n: int = 5000) -> dict[str, float]:
        """How well images come back, nats per image: distortion of sampled codes, its floor, the excess, the rate.

        The categories' rate is that against a uniform prior: log S each where they are told without probabilities.
        """
        rng, totals = Generators(0), np.zeros(4)
        numbers = numpy_generator(0, "fit").integers(len(self.data), size=n)
        for part in np.array_split(numbers, -(-n // CHUNK)):
            images = torch.as_tensor(self.data.images(part), dtype=torch.float32)
            x = images.contiguous(memory_format=torch.channels_last)
            found, floor = bound(self.vae, x, rng), self.vae.likelihood.floor(self.vae.target(x))
            parts = (found.distortion, floor, found.rate, found.rate_of_categories)
            totals += [each.sum().item() for each in parts]
        distortion, floor, rate, discrete = totals / n
        known = {"distortion_floor": floor, "distortion_excess": distortion - floor} if np.isfinite(floor) else {}
        rates = {"rate": rate, "rate_of_categories": discrete} if self.vae.category_sizes else {"rate": rate}
        return {"distortion": distortion, **known, **rates, "images": float(n)}

    def metrics(
        self,
        names: Sequence[str] | str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> tuple[list[str], dict[str, str]]:
        """Names of the metrics asked for (or all) that apply under these settings, and why the others do not."""
        reasons = {name: metric.refuses(self.probe) for name, metric in self._built(names, settings).items()}
        refused = {name: reason for name, reason in reasons.items() if reason is not None}
        return [name for name in reasons if name not in refused], refused

    def _built(
        self, names: Sequence[str] | str | None, settings: Mapping[str, Mapping[str, Any]] | None
    ) -> dict[str, Metric]:
        """The metrics asked for, or all, with their settings."""
        every = registry.metrics.names()
        wanted = every if names is None or names == "all" else [names] if isinstance(names, str) else names
        for name in wanted:
            checks.known("metric", name, every)
        return {name: build(registry.metrics.get(name), (settings or {}).get(name), of=name) for name in wanted}

    def evaluate(
        self,
        metrics: Sequence[str] | str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        calibrate: bool = True,
    ) -> dict[str, Score]:
        """Scores by the metric's name, kept in metrics.json; one already there for these weights is not made again.

        `settings` maps a metric's name to settings of its own. A metric that does not apply is left out; `metrics`
        says why. With `calibrate`, scores against true factors get their floor and ceiling, stored ones too. Unknown
        names raise InputError.
        """
        scores: dict[str, Score] = {}
        for name, metric in self._built(metrics, settings).items():
            key = f"{name} v{metric.version} {short_hash(repr(metric))} {self.weights_hash}"
            known = self._stored_scores()
            if key not in known and metric.refuses(self.probe) is not None:
                continue
            score = Score.from_json(known[key]["score"]) if key in known else metric(self.probe)
            lacks = calibrate and calibrates(metric) and not is_calibrated(score)
            if lacks:
                score = calibrated(score, metric, self.probe)
            if lacks or key not in known:
                entry = {"metric": name, "weights": self.weights_hash, "pool": POOL, "score": score.as_json()}
                write_json(self.path / folder.METRICS, {"scores": {**known, key: entry}})
                score = Score.from_json(self._stored_scores()[key]["score"])
            scores[name] = score
        return scores

    def _stored_scores(self) -> dict[str, Any]:
        path = self.path / folder.METRICS
        return read_json(path)["scores"] if path.exists() else {}

    @property
    def scores(self) -> dict[str, Score]:
        """Scores made so far for these weights; of several with different settings the newest."""
        stored = self._stored_scores().values()
        return {s["metric"]: Score.from_json(s["score"]) for s in stored if s["weights"] == self.weights_hash}

    @property
    def category_sizes(self) -> tuple[int, ...]:
        """Size of each categorical latent that the model tells, () where it tells none."""
        return self.vae.category_sizes

    def classes(self, factor: str | None = None) -> Classes | None:
        """Codes of up to 10,000 images by class, held-out ones where there are any: labels, or the values of `factor`.

        Not named, it is the first factor where there are no labels. None where the data set has neither; a factor
        that it does not have raises InputError.
        """
        probe, data = self._shown, self.data
        images = partial(_images_of_rows, probe)
        if factor is None and probe.labels is not None:
            names = data.classes or tuple(f"class {k}" for k in range(int(probe.labels.max()) + 1))
            return Classes(probe.codes, probe.labels, names, images)
        if not isinstance(data, FactorData):
            if factor is None:
                return None
            raise InputError(f"factor must be one that {self.spec.data.name} has, got {factor}, and it has none")
        wanted = data.names[0] if factor is None else factor
        checks.known("factor", wanted, data.names)
        column = data.names.index(wanted)
        names = tuple(f"{wanted} {value:.3g}" for value in data.factors[column].values)
        return Classes(probe.codes, probe.known_factors[:, column], names, images)

    @cached_property
    def findings(self) -> list[Finding]:
        """What is right and wrong with the codes, in sentences with their numbers; kept in doctor.json."""
        path, key = self.path / DIAGNOSIS, f"{self.weights_hash} v{RULES}"
        held: dict[str, Any] = read_json(path) if path.exists() else {}
        if held.get("of") != key:
            held = {"of": key, "findings": [finding.as_json() for finding in doctor(self.probe)]}
            write_json(path, held)
        return [Finding(**finding) for finding in held["findings"]]

    def factor_code_information(self) -> tuple[np.ndarray, Sequence[str]] | None:
        """Share of each factor's entropy that each latent tells, (K, d), and the factors' names; None if undefined."""
        if not isinstance(self.data, FactorData):
            return None
        score = self.evaluate(["mig"], calibrate=False)["mig"]
        if "normalised" not in score.tables:  # a single latent, say
            return None
        return np.asarray(score.tables["normalised"]), list(score.per_factor)

    @cached_property
    def _log(self) -> tuple[list[dict[str, Any]], dict[str, str]]:
        return read_log(self.path / folder.LOG)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of log.jsonl."""
        return self._log[0]

    @cached_property
    def progress(self) -> list[dict[str, Any]]:
        """What it scored while it was trained, by --score-every: step, images, seconds, a value and interval each."""
        return read_scores(self.path)

    @property
    def units(self) -> dict[str, str]:
        """The unit of each term in the log."""
        return self._log[1]

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, resolved."""
        return self.spec.plain()

    @property
    def made_with(self) -> dict[str, Any]:
        """Versions, commit, time and images of the run."""
        spent: dict[str, Any] = {}
        if self.finished:
            known = {} if self.done.get("imported") else {"minutes": round(self.done["seconds"] / 60, 2)}
            spent = {"images_seen": self.done["images"], **known}
        return {**spent, **self.stored.get("made_with", {})}

    @property
    def reproduce(self) -> str:
        """The command that makes this run again."""
        return self.stored["command"] if "origin" in self.stored else self.spec.command

    def draw(self, figure: str, **settings: object) -> Picture:
        """A registered figure of this run."""
        return draw(figure, self, settings)

    def traverse(self, **settings: object) -> Picture:
        """One row of images per latent, that latent moving; `save` as png, svg, pdf or gif."""
        return self.draw("traversal", **settings)

    def rows(self) -> list[dict[str, Any]]:
        """The run's scores as tidy rows, one per metric, part and factor."""
        spec = self.spec
        about = {
            "run": self.name,
            "method": spec.method.name,
            "data": spec.data.name,
            "seed": spec.training.seed,
        }
        rows: list[dict[str, Any]] = []
        for metric, score in self.scores.items():
            low, high = score.interval or (None, None)
            rows.append({**about, "metric": metric, "factor": "", "value": score.value, "low": low, "high": high})
            rows += [
                {
                    **about,
                    "metric": f"{metric}.{part}",
                    "factor": "",
                    "value": value,
                    "low": None,
                    "high": None,
                }
                for part, value in score.parts.items()
            ]
            rows += [
                {**about, "metric": metric, "factor": factor, "value": value, "low": None, "high": None}
                for factor, value in score.per_factor.items()
            ]
        if not rows:
            rows = [{**about, "metric": "", "factor": "", "value": None, "low": None, "high": None}]
        return [{**row, "settings_hash": spec.hash} for row in rows]


class Runs(list[Run]):
    """Several runs; `table()` gives their scores as tidy rows, `to_pandas()` as a frame."""

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(name for run in self for name in run.scores))
        values = [{name: score.value for name, score in run.scores.items()} for run in self]
        rows = [[run.name, run.title, *map(own.get, names)] for run, own in zip(self, values, strict=True)]
        return notebook.table(["run", "title", *names], rows)

    def table(self) -> list[dict[str, Any]]:
        """Rows with the columns run, method, data, seed, metric, factor, value, low, high, settings_hash."""
        return [row for run in self for row in run.rows()]

    def draw(self, figure: str, **settings: object) -> Picture:
        """A registered figure of all these runs; one that takes a single run refuses several by InputError."""
        return draw(figure, self, settings)

    def to_pandas(self) -> pd.DataFrame:
        """The table as a pandas frame; without pandas an InputError says what to install."""
        try:
            import pandas as pd  # pyright: ignore[reportMissingImports]
        except ModuleNotFoundError:
            raise InputError("to_pandas needs pandas: pip install 'unweave[tables]'") from None
        return pd.DataFrame(self.table(), columns=COLUMNS)


def _images_of_rows(probe: Probe, rows: np.ndarray) -> Images:
    return probe.rows(rows).images()


def runs(path: str | Path = "runs") -> Runs:
    """The run in `path`, or all finished runs in the folders below it, by name."""
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"runs must be looked for in a folder, got {root}, which is none")
    places = [root] if folder.is_run(root) else sorted(p.parent for p in root.glob(f"*/{folder.SETTINGS}"))
    found = Runs(run for run in map(Run, places) if run.finished)
    if not found:
        raise InputError(f"{root} holds no finished run")
    return found


def resolve(method: str, *, recipe: str | None = None, **settings: Any) -> Spec:
    """The spec of a run; `recipe` names settings to start from, which `settings` override and `steps` cuts short."""
    if recipe is None:
        return Spec.make(method, **settings)
    base = load_recipe(recipe)
    if base.method != method:
        raise InputError(f"recipe {recipe} is for {base.method}, got method {method}")
    return Spec.make(method, recipe=recipe, **base.with_settings(settings))


def default_out(spec: Spec) -> Path:
    """Where a run goes if not told: runs/METHOD-DATA-HASH8."""
    return Path("runs") / f"{spec.method.name}-{spec.data.name}-{spec.hash}"


def train(
    method: str,
    *,
    out: str | Path | None = None,
    recipe: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Sequence[Callback] | None = None,
    watchers: Sequence[Callback] | None = None,
    **settings: Any,
) -> Run:
    """Train `method` and return the run.

    Settings of the method and of training are given by name, the others as data="dsprites", net="conv",
    **{"net.channels": (32, 64)}, likelihood=Bernoulli(distortion_weight=4). With `resume` the settings in the folder
    count, and those given must agree with them. `out` defaults to runs/METHOD-DATA-HASH8. `callbacks` take the place of
    the progress bar; `watchers` is their old name.

    Raises InputError for what is wrong in the settings or the folder, Diverged for a loss that is not a number.

    >>> import unweave
    >>> run = unweave.train("vae", data="dsprites", steps=500, out="runs/first")  # doctest: +SKIP
    >>> run.evaluate(["mig"])  # doctest: +SKIP
    """
    if resume and out is not None and folder.is_run(Path(out)):
        spec = folder.read_spec(Path(out))[0]
        check_resumed(spec, {"method": method, **({"recipe": recipe} if recipe else {}), **settings}, Path(out))
    else:
        spec = resolve(method, recipe=recipe, **settings)
    place = default_out(spec) if out is None else Path(out)
    shown = [ProgressBar()] if callbacks is None and watchers is None else with_watchers(callbacks or (), watchers)
    return Run(train_spec(spec, place, resume=resume, overwrite=overwrite, callbacks=shown))


def check_resumed(stored: Spec, given: Mapping[str, Any], path: Path) -> None:
    """Refuse to go on with a run under other settings; the message names every field that differs."""
    method, recipe = str(given["method"]), given.get("recipe")
    explicit = {k.replace("-", "_"): v for k, v in given.items() if k not in ("method", "recipe")}
    flat = stored.flat()
    if method == flat["method"]:
        asked = resolve(method, recipe=recipe, **{**_kept_data(flat, explicit), **explicit}).flat()
        now = names_of(registry.methods.get(method))
        names = ["method", *(now.get(name, name) for name in explicit)] if recipe is None else list(asked)
        wrong = checks.differing({k: asked.get(k) for k in names}, {k: flat.get(k) for k in names})
    else:
        wrong = checks.differing({"method": method}, {"method": flat["method"]})
    if wrong:
        raise InputError(f"resume must keep the settings of {path}, got others: {'; '.join(wrong)}")


def _kept_data(flat: Mapping[str, Any], explicit: Mapping[str, Any]) -> dict[str, Any]:
    """The stored settings of the data, unless other data are named; a path that is named comes first."""
    named = explicit.get("data")
    found = {} if named is None else located(named)
    if named is not None and found["name"] != flat["data"]:
        return {}
    kept = {k: v for k, v in flat.items() if k == "data" or k.startswith("data.")}
    return {k: v for k, v in kept.items() if k != "data.path" or "path" not in found}
