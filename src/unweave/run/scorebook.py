"""The scores of a run: made, kept in metrics.json and read again; and the doctor's findings, in doctor.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from unweave.base import checks, registry
from unweave.base.claim import one_at_a_time
from unweave.base.codes import MEANS, title_of
from unweave.base.files import read_derived, write_json
from unweave.base.records import Score
from unweave.base.settings import all_in_words, build, short_hash
from unweave.engine import folder
from unweave.metrics.base import Metric
from unweave.metrics.calibration import calibrated, calibrates, is_calibrated
from unweave.metrics.doctor import RULES, Finding, doctor
from unweave.metrics.probe import Probe
from unweave.subspaces import Subspaces
from unweave.subspaces.reading import as_settings, findings_of, in_planes

DIAGNOSIS = "doctor.json"
SUBSPACES = "subspaces.json"
SEARCH = 3  # grows whenever the same codes would get other subspaces
IN_PLANES = f" planes v{SEARCH}"  # ends the key of a score of codes in planes


def chosen(
    names: Sequence[str] | str | None, settings: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Metric]:
    """The metrics of these names, or all, with settings of their own by name; unknown names raise InputError.

    Settings may also stand after a name, as in "mig bins=40"; what `settings` says wins over them.
    """
    every = registry.metrics.names()
    wanted = every if names is None or names == "all" else [names] if isinstance(names, str) else names
    asked = all_in_words(wanted)
    for name in asked:
        checks.known("metric", name, every)
    given = settings or {}
    return {n: build(registry.metrics.get(n), {**words, **given.get(n, {})}, of=n) for n, words in asked.items()}


def _scores_in(held: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [(each["metric"], each["weights"], Score.from_json(each["score"])) for each in held["scores"].values()]


def _findings_in(held: Mapping[str, Any]) -> list[Finding]:
    return [Finding(**finding) for finding in held["findings"]]


def diagnosed(weights: str) -> str:
    """What findings are kept of: the weights by their hash, and the rules that they were looked at with."""
    return f"{weights} v{RULES}.{SEARCH}"


@dataclass(frozen=True)
class ScoreBook:
    """What the run in the folder `path` was scored with its `weights`, a hash; `probe` gives its encoded images.

    A score is kept under its metric, the metric's version and settings, and the weights; none is ever overwritten but
    by itself with its floor and ceiling. Images are encoded only where a score has to be made.
    """

    path: Path
    weights: str
    probe: Callable[[], Probe]
    pool: int  # how many images the probe holds
    find: Callable[[], Subspaces]  # looks for subspaces where none are kept for these weights
    planes: bool = False
    saw: str = ""  # what the run saw besides images, which every score says
    factor_bins: int | None = None

    def scores(self) -> dict[str, Score]:
        """Scores made so far for these weights; of several with different settings the newest.

        Those of codes in planes stand under names such as "mig (planes)"; planes of an older search do not count.
        """
        kept = [
            each
            for key, each in self._entries().items()
            if each["weights"] == self.weights and ("codes" not in each or key.endswith(IN_PLANES))
        ]
        return {title_of(each["metric"], each.get("codes", MEANS)): self._said(each["score"]) for each in kept}

    def _said(self, stored: Mapping[str, Any]) -> Score:
        score = Score.from_json(stored)
        return score.with_settings(saw=self.saw) if self.saw else score

    def subspaces(self) -> Subspaces:
        """The planes that the codes of these weights have, found once and kept in subspaces.json."""
        if (known := self.known_subspaces()) is None:
            known = self.find()
            write_json(self.path / SUBSPACES, {"of": f"{self.weights} v{SEARCH}", "subspaces": known.to_dict()})
        return known

    def known_subspaces(self) -> Subspaces | None:
        """What was found for these weights already; None where nobody has looked yet."""
        path = self.path / SUBSPACES
        held = read_derived(path, ("of", "subspaces"), lambda held: Subspaces.from_dict(held["subspaces"]))
        return Subspaces.from_dict(held["subspaces"]) if held.get("of") == f"{self.weights} v{SEARCH}" else None

    def in_planes(self) -> ScoreBook:
        """The same book, of the codes with their planes as radius and angle."""
        return replace(self, planes=True, probe=cache(lambda: in_planes(self.probe(), self.subspaces())))

    def cut(self, bins: int | None) -> ScoreBook:
        """The same book, with factors that are no whole numbers cut into `bins`; None cuts none."""
        if bins is None:
            return self
        return replace(self, factor_bins=bins, probe=cache(lambda: self.probe().binned(bins)))

    def evaluate(self, metrics: Mapping[str, Metric], *, calibrate: bool) -> dict[str, Score]:
        """Scores by name, those kept and new ones; a metric that does not apply is left out."""
        found = {name: self._score(name, metric, calibrate=calibrate) for name, metric in metrics.items()}
        return {name: score for name, score in found.items() if score is not None}

    def _score(self, name: str, metric: Metric, *, calibrate: bool) -> Score | None:
        cut = f" cut {self.factor_bins}" if self.factor_bins else ""
        key = (
            f"{name} v{metric.version} {short_hash(repr(metric))} {self.weights}{cut}{IN_PLANES if self.planes else ''}"
        )
        known = self._entries().get(key)
        if known is None and metric.refuses(self.probe()) is not None:
            return None
        score = metric(self.probe()) if known is None else self._said(known["score"])
        if calibrate and calibrates(metric) and not is_calibrated(score):
            score = calibrated(score, metric, self.probe())
        elif known is not None:
            return score
        if self.planes:
            score = score.with_settings(**as_settings(self.subspaces()))
        if self.saw:
            score = score.with_settings(saw=self.saw)
        entry: dict[str, Any] = {"metric": name, "weights": self.weights, "pool": self.pool, "score": score.as_json()}
        if self.planes:
            entry["codes"] = "planes"
        with one_at_a_time(self.path):  # another process may have added some since
            held = self._entries()
            if key not in held or not is_calibrated(Score.from_json(held[key]["score"])) or is_calibrated(score):
                write_json(self.path / folder.METRICS, {"scores": {**held, key: entry}})
        return Score.from_json(entry["score"])

    def _entries(self) -> dict[str, Any]:
        return read_derived(self.path / folder.METRICS, ("scores",), _scores_in).get("scores", {})

    def findings(self) -> list[Finding]:
        """What the doctor says of these weights."""
        path, key = self.path / DIAGNOSIS, diagnosed(self.weights)
        held: dict[str, Any] = read_derived(path, ("of", "findings"), _findings_in)
        if held.get("of") != key:
            found = [*doctor(self.probe()), *findings_of(self.subspaces())]
            held = {"of": key, "findings": [finding.as_json() for finding in found]}
            write_json(path, held)
        return _findings_in(held)
