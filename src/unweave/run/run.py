"""A run on disk, opened: its model, data, log and scores; and many runs as one table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch

from unweave.base import checks, html
from unweave.base.codes import MEANS, Reading
from unweave.base.errors import Damaged, InputError
from unweave.base.files import note, read_json
from unweave.base.picture import Picture, draw
from unweave.base.records import Codes, Encoded, Images, Score, scores_html
from unweave.base.seeds import Generators, numpy_generator
from unweave.data.base import FactorData, ImageData
from unweave.engine import folder
from unweave.engine.log import read_log
from unweave.engine.scoring import read_scores
from unweave.metrics.doctor import MIN_KL, Finding
from unweave.metrics.probe import Probe
from unweave.models.bound import bound
from unweave.models.trained import CHUNK, Model, load_weights
from unweave.models.vae import VAE
from unweave.run.classes import Classes
from unweave.run.compose import Composed, Rest, compose, wishes, words_of_values
from unweave.run.names import meant, read_names
from unweave.run.rows import COLUMNS, Row, rows_of
from unweave.run.scorebook import ScoreBook, chosen
from unweave.subspaces import Subspaces, find_subspaces
from unweave.subspaces.find import LEAST_ROWS

if TYPE_CHECKING:
    import pandas as pd  # pyright: ignore[reportMissingImports]

POOL = 60_000  # images encoded once, from which every metric draws
SEARCHED = 20_000  # images in whose codes subspaces are looked for
LOOKED_AT = 20  # latents of highest rate that are looked at, since every pair takes a moment
SHOWN = 10_000  # images encoded for pictures of classes


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
        line = "; ".join(f"{name} {html.text(value)}" for name, value in facts.items() if value is not None)
        below = scores_html(found) if self.finished and (found := self.scores) else "<p>Not scored yet.</p>"
        return f"<div><strong>{html.escape(self.title)}</strong><p>{html.escape(line)}</p>{below}</div>"

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
        folder.check_sealed(self.path, folder.SETTINGS, folder.WEIGHTS)
        seed = self.spec.training.seed
        return load_weights(
            path, self.spec.shapes(), lambda: self.spec.build_vae(Generators(seed), fresh=False), folder.SETTINGS
        )

    @cached_property
    def model(self) -> Model:
        """The trained model by itself, which needs no data."""
        channels, height, width = self.data.image_shape
        return Model(self.vae, (channels, height, width), self.data.bounded, self.title)

    @cached_property
    def weights_hash(self) -> str:
        """Eight digits of the weights' SHA-256; scores are kept under it."""
        return hash_of(self.path / folder.WEIGHTS)

    def posterior(self, images: Images) -> Encoded:
        """Means, standard deviations and rates (nats) of each latent for images (n, C, H, W), each (n, d).

        Where the model gives categories, their numbers (n, L) too.
        """
        return self.model.posterior(images)

    def encode(self, images: Images) -> Codes:
        """Posterior means of images (n, C, H, W), (n, d)."""
        return self.model.encode(images)

    def categories(self, images: Images) -> torch.Tensor | None:
        """Categories of images (n, C, H, W), numbers (n, L); None where the model gives none."""
        return self.model.categories(images)

    def decode(self, codes: Codes, categories: torch.Tensor | None = None) -> Images:
        """Expected images of codes (n, d) and categories, numbers (n, L); pixels are cut to [0, 1].

        Without `categories` a model that gives any takes the first of each.
        """
        return self.model.decode(codes, categories)

    def compose(
        self, fixed: str | Mapping[str, Any], *, samples: int = 32, seed: int = 0, rest: Rest = "aggregate"
    ) -> Composed:
        """Images in which what is named is fixed and the rest drawn: `run.compose("scale=small,shape=2")`.

        Names are those of latents and of known factors; see `unweave.run.compose.compose`.
        """
        latents = self.spec.training.latents
        wanted = wishes(fixed)
        names = meant(self.path, latents, wanted)
        return compose(self.model, self.shown, words_of_values(self.data), names, wanted, samples, seed, rest)

    def called(self, latent: int) -> str:
        """A latent as pictures name it: z3, or with the user's name for it z3 size."""
        named = read_names(self.path, self.spec.training.latents).get(str(int(latent)), {}).get("name", "")
        return f"z{latent} {named}" if named else f"z{latent}"

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
    def shown(self) -> Probe:
        """The encoded images that pictures of classes look at."""
        data = self.data.held_out or self.data
        return Probe.of_encoder(self.posterior, data, n=SHOWN, seed=self.spec.training.seed)

    @cached_property
    def kl_per_latent(self) -> np.ndarray:
        """Mean rate of each latent, (d,) nats per image, over 5,000 images."""
        images = self.data.images(numpy_generator(0, "rates").integers(len(self.data), size=5000))
        rates = self.posterior(images).kl
        return np.full(self.spec.training.latents, np.nan) if rates is None else np.asarray(rates).mean(0)

    def fit(self, n: int = 5000) -> dict[str, float]:
        """How well images come back, nats per image: distortion of sampled codes, its floor, the excess, the rate.

        The categories' rate is that against a uniform prior: log S each where they are given without probabilities.
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

    def book(self, codes: Reading = "means") -> ScoreBook:
        """The scores made of the codes as they are, or with planes as radius and angle."""
        checks.one_of(get_args(Reading), codes=codes)
        return self._book if codes == MEANS else self._book.in_planes()

    @cached_property
    def subspaces(self) -> Subspaces:
        """The latents that form planes, found without labels; kept with the weights they were found from.

        Looked for in the codes of up to 20,000 images that were trained on, and in the decoder; latents below 0.1 nats
        are left out, and of many the 20 of highest rate are looked at. See `unweave.subspaces.find_subspaces`.
        """
        return self._book.subspaces()

    @property
    def known_subspaces(self) -> Subspaces | None:
        """What `subspaces` found before, without looking for any now."""
        return self._book.known_subspaces()

    def _find_subspaces(self) -> Subspaces:
        images = numpy_generator(0, "subspaces").permutation(len(self.data))[:SEARCHED]
        encoded = [self.posterior(self.data.images(part)) for part in np.array_split(images, -(-len(images) // 512))]
        codes = np.concatenate([np.asarray(each.mean) for each in encoded])
        rates = self.kl_per_latent
        most = np.argsort(-rates)[:LOOKED_AT]
        live = None if np.isnan(rates).any() else sorted(int(j) for j in most if rates[j] >= MIN_KL)
        decode = None if self.category_sizes else self._decoded
        if (n := len(np.unique(codes, axis=0))) < LEAST_ROWS:  # nothing is wrong with the run
            few = f"it takes {LEAST_ROWS} different codes or more, and there are {n}"
            return Subspaces(codes.shape[1], n, 0, 0.05, (), (), (), (), skipped=few)
        return find_subspaces(codes, decode=decode, live=live)

    def _decoded(self, codes: np.ndarray) -> np.ndarray:
        return np.asarray(self.decode(torch.as_tensor(codes, dtype=torch.float32)))

    @cached_property
    def _book(self) -> ScoreBook:
        told = self.spec.help.words
        return ScoreBook(self.path, self.weights_hash, lambda: self.probe, POOL, self._find_subspaces, saw=told)

    def metrics(
        self,
        names: Sequence[str] | str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        codes: Reading = "means",
        factor_bins: int | None = None,
    ) -> tuple[list[str], dict[str, str]]:
        """Names of the metrics asked for (or all) that apply under these settings, and why the others do not."""
        probe = self.book(codes).cut(factor_bins).probe()
        reasons = {name: metric.refuses(probe) for name, metric in chosen(names, settings).items()}
        refused = {name: reason for name, reason in reasons.items() if reason is not None}
        return [name for name in reasons if name not in refused], refused

    def evaluate(
        self,
        metrics: Sequence[str] | str | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        calibrate: bool = True,
        codes: Reading = "means",
        factor_bins: int | None = None,
    ) -> dict[str, Score]:
        """Scores by the metric's name, kept in metrics.json; one already there for these weights is not made again.

        With `codes` "planes" the latents that form planes become radius and angle (see `subspaces`), and the
        scores say so in their settings. `settings` maps a metric's name to settings of its own. A metric that does not
        apply is left out; `metrics` says why. With `calibrate`, scores against true factors get their floor and
        ceiling, stored ones too. `factor_bins` cuts each factor that is no whole number into so many bins of about as
        many rows, which most metrics need. Unknown names raise InputError.
        """
        return self.book(codes).cut(factor_bins).evaluate(chosen(metrics, settings), calibrate=calibrate)

    @property
    def scores(self) -> dict[str, Score]:
        """Scores made so far for these weights; of several with different settings the newest."""
        return self._book.scores()

    @property
    def category_sizes(self) -> tuple[int, ...]:
        """Size of each categorical latent that the model gives, () where it gives none."""
        return self.vae.category_sizes

    def classes(self, factor: str | None = None) -> Classes | None:
        """Codes of up to 10,000 images by class, held-out ones where there are any: labels, or the values of `factor`.

        Not named, it is the first factor where there are no labels. None where the data set has neither; a factor
        that it does not have raises InputError.
        """
        return Classes.of(self.shown, self.data, factor, self.spec.data.name)

    @cached_property
    def findings(self) -> list[Finding]:
        """What is right and wrong with the codes, in sentences with their numbers; kept in doctor.json."""
        return self._book.findings()

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
        self._check_whose(folder.LOG)
        return read_log(self.path / folder.LOG)

    def _check_whose(self, name: str) -> None:
        """Say so where records are no longer those that the run ended with; the good ones among them are shown."""
        try:
            folder.check_sealed(self.path, name)
        except Damaged as wrong:
            note(str(wrong))

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of log.jsonl."""
        return self._log[0]

    @cached_property
    def progress(self) -> list[dict[str, Any]]:
        """What it scored while it was trained, by --score-every: step, images, seconds, a value and interval each."""
        self._check_whose(folder.SCORES)
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
        """The run's scores as tidy rows with COLUMNS, one per metric, part and factor."""
        spec, made = self.spec, self.made_with
        about = Row(
            run=self.name, method=spec.method.name, data=spec.data.name, seed=spec.training.seed,
            images=made.get("images_seen", 0), minutes=made.get("minutes", 0.0), settings_hash=spec.hash,
            saw=spec.help.words,
        )  # fmt: skip
        return [row.shown() for row in rows_of(self.scores, about)] or [about.shown()]


class Runs(list[Run]):
    """Several runs; `table()` gives their scores as tidy rows, `to_pandas()` as a frame."""

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(name for run in self for name in run.scores))
        values = [{name: score.value for name, score in run.scores.items()} for run in self]
        rows = [[run.name, run.title, *map(own.get, names)] for run, own in zip(self, values, strict=True)]
        return html.table(["run", "title", *names], rows)

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


def hash_of(weights: Path) -> str:
    """Eight digits of the SHA-256 of a file of weights."""
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:8]


def model_of(source: Run | Model) -> Model:
    """The model of a run, or the model itself."""
    return source if isinstance(source, Model) else source.model


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
