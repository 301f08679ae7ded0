"""Score codes from plain files, against true factors where these are known; no model is needed."""

from __future__ import annotations

import sys
from typing import Annotated, Any

from unweave.base import registry
from unweave.base.checks import Range
from unweave.base.codes import Reading
from unweave.base.records import Score
from unweave.base.settings import build
from unweave.data.readers.columns import KINDS, read, whole
from unweave.face.cli.doctor import print_findings
from unweave.face.cli.evaluate import (
    CALIBRATE,
    METRICS,
    READING,
    by_metric,
    names_of,
    planes_of,
    print_json,
    show,
)
from unweave.face.cli.evaluate import options as options

CODES = f"one row a sample, one column a latent: {KINDS}; FILE.npz:NAME for one array of several"


def score(
    codes_file: Annotated[str, CODES],
    factors_file: Annotated[str | None, "true factors of the same rows, one column a factor, if they are known"] = None,
    /,
    *,
    metrics: Annotated[str, METRICS] = "all",
    codes: Annotated[Reading, READING] = "means",
    calibrate: Annotated[bool, CALIBRATE] = True,
    json_: Annotated[bool, "print strict JSON"] = False,
    seed: Annotated[int, "fixes what the metrics draw", Range(0)] = 0,
    **settings: Any,
) -> None:
    """`unweave score CODES [FACTORS]`, each metric with its own settings."""
    from unweave.metrics.calibration import calibrated
    from unweave.metrics.doctor import doctor

    given, wanted = by_metric(settings, metrics), names_of(metrics)
    probe, title = _probe(codes_file, factors_file, seed)
    as_they_are, planes = probe, []  # the doctor speaks of latents, not of columns
    facts: dict[str, Any] = {}
    if codes == "planes":
        from unweave.subspaces import find_subspaces
        from unweave.subspaces.reading import as_settings, findings_of, in_planes

        found = find_subspaces(probe.codes, seed=seed)
        probe, title, facts = in_planes(probe, found), f"{title}, {planes_of(found)}", as_settings(found)
        planes = findings_of(found)
    scores: dict[str, Score] = {}
    refused: dict[str, str] = {}
    for name in wanted:
        metric = build(registry.metrics.get(name), given.get(name), of=name)
        if (reason := metric.refuses(probe)) is not None:
            refused[name] = reason
            continue
        if not json_:
            print(f"{name} ...", file=sys.stderr)
        made = metric(probe).with_settings(**facts)
        scores[name] = calibrated(made, metric, probe) if calibrate else made
    if json_:
        print_json(scores)
        return
    if probe.factors is not None:
        show(title, scores, refused)
        return
    show(title, scores, {} if metrics == "all" else refused)
    print("\nScores against true factors need a second file, FACTORS. What the codes alone tell:")
    print_findings([*doctor(as_they_are), *planes])


def _probe(codes: str, factors: str | None, seed: int) -> tuple[Any, str]:
    """The rows that the files hold, and what they are called."""
    from unweave.metrics.probe import Probe

    rows = read(codes, "codes").values
    if factors is None:
        return Probe(rows, seed=seed), codes
    known = read(factors, "factors")
    return Probe(rows, whole(known.values), factor_names=known.names, seed=seed), f"{codes} against {factors}"
