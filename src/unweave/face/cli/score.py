"""Score codes from plain files, against true factors if known; no model needed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from unweave.base import registry
from unweave.base.checks import Range
from unweave.base.codes import Reading
from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.base.settings import build
from unweave.data.readers.columns import KINDS, read, whole
from unweave.face.cli.doctor import print_findings
from unweave.face.cli.evaluate import (
    CALIBRATE,
    FACTOR_BINS,
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
CHOOSE = "of wide codes: those that tell most of a factor, chosen on rows that are not scored, or those that vary most"
WIDE = ("mig", "modularity", "sap", "explicitness", "gaussian-total-correlation", "hoyer")  # what "all" means for these
DEAR = "takes long for wide codes, so only --metrics NAME scores it"
DRAWS = 5  # of dictionaries, beside wide codes


def score(
    codes_file: Annotated[str, CODES],
    factors_file: Annotated[str | None, "true factors of the same rows, one column per factor, if known"] = None,
    /,
    *,
    metrics: Annotated[str, METRICS] = "all",
    codes: Annotated[Reading, READING] = "means",
    calibrate: Annotated[bool, CALIBRATE] = True,
    factor_bins: Annotated[int | None, FACTOR_BINS, Range(2)] = None,
    features: Annotated[int, "maximum number of columns scored; of wider codes, this many are chosen", Range(1)] = 256,
    choose: Annotated[Literal["informative", "active"] | None, CHOOSE] = None,
    min_density: Annotated[
        float, "for wide codes: leave out features active in a smaller share of rows", Range(0, 1)
    ] = 0.0,
    dictionaries: Annotated[
        int | None, "number of permuted and of random dictionaries to compare with; 5 for wide codes", Range(0)
    ] = None,
    inputs: Annotated[
        str | None, "inputs that the codes were computed from, same rows, for random dictionaries"
    ] = None,
    others: Annotated[str | None, "codes of the same rows from other seeds, comma-separated files"] = None,
    json_: Annotated[bool, "print strict JSON"] = False,
    seed: Annotated[int, "seed of the metrics' random draws", Range(0)] = 0,
    **settings: Any,
) -> None:
    """`unweave score CODES [FACTORS]`, each metric with its own settings."""
    from unweave.metrics.calibration import calibrated
    from unweave.metrics.dictionaries import beside, dictionaries_of, known_rows
    from unweave.metrics.doctor import doctor
    from unweave.metrics.features import Features, narrow, rows_of
    from unweave.metrics.information import cut
    from unweave.metrics.probe import Probe

    given, wanted = by_metric(settings, metrics), names_of(metrics)
    rows = read(codes_file, "codes").values
    title = codes_file if factors_file is None else f"{codes_file} against {factors_file}"
    known = None if factors_file is None else read(factors_file, "factors", words=True)
    values, names = (None, None) if known is None else (whole(narrow(known.values)), known.names)
    wide, facts, planes = None, dict[str, Any](), []
    if factor_bins is not None and values is not None and values.dtype.kind == "f":
        values, facts = whole(cut(values, factor_bins)), {"factor_bins": factor_bins}
    if rows.ndim == 2 and rows.shape[1] > features:
        wide = Features.of(rows, values, names=names, limit=features, by=choose, min_density=min_density, seed=seed)
        chosen = wide.chosen()
        probe, facts, title = (
            chosen.probe,
            {**facts, **chosen.facts},
            f"{title}, {len(chosen.columns)} of {rows.shape[1]} features",
        )
    else:
        probe = Probe(narrow(rows), values, factor_names=names, seed=seed)
    as_they_are = probe  # the doctor speaks of latents, not of columns
    if codes == "planes":
        from unweave.subspaces import find_subspaces
        from unweave.subspaces.reading import as_settings, findings_of, in_planes

        if wide or dictionaries:
            raise InputError("codes must be means for wide codes and beside dictionaries, got planes")
        found = find_subspaces(probe.codes, seed=seed)
        probe, title, facts = in_planes(probe, found), f"{title}, {planes_of(found)}", {**facts, **as_settings(found)}
        planes = findings_of(found)
    if inputs is not None and (dictionaries == 0 or (wide is None and dictionaries is None)):
        raise InputError("inputs must come with --dictionaries, which are drawn from them, got none")
    drawn = {}
    if draws := dictionaries if dictionaries is not None else DRAWS if wide and values is not None else 0:
        if draws == 1:
            raise InputError("dictionaries must be 0, or 2 or more, whose spread can be told, got 1")
        if values is None:
            raise InputError(f"dictionaries must be 0 without FACTORS to hold them against, got {draws}")
        space = None
        if inputs is not None:
            space = _same_rows(inputs, "inputs", rows.shape[0])
            space = rows_of(space, known_rows(values) if wide is None else wide.rows)
        drawn = dictionaries_of(probe, wide, draws, space)
    scores = _agreement(rows, others, features, given, seed) if others else {}
    refused: dict[str, str] = {}
    for name in wanted:
        metric = build(registry.metrics.get(name), given.get(name), of=name)
        dear = DEAR if wide and metrics == "all" and name not in WIDE else None
        if (reason := metric.refuses(probe) or dear) is not None:
            refused[name] = reason
            continue
        if not json_:
            print(f"{name} ...", file=sys.stderr)
        made = metric(probe).with_settings(**facts)
        made = beside(made, metric, drawn) if metric.uses_factors and drawn else made
        scores[name] = calibrated(made, metric, probe) if calibrate else made
    if json_:
        print_json(scores)
        return
    show(title, scores, refused if probe.factors is not None or metrics != "all" else {})
    if wide:
        _print_features(facts)
    elif probe.factors is None:
        print("\nScores against true factors need a second file, FACTORS. What the codes alone tell:")
        print_findings([*doctor(as_they_are), *planes])


def _same_rows(word: str, what: str, rows: int) -> Any:
    """What a file holds, of as many rows as there are codes."""
    found = read(word, what).values
    if found.shape[0] != rows:
        raise InputError(f"{what} must have as many rows as codes, got {found.shape[0]} in {word} and {rows}")
    return found


def _agreement(rows: Any, others: str, features: int, given: Mapping[str, Any], seed: int) -> dict[str, Score]:
    """Comparisons of these codes with those of other seeds; of wide ones that alone which looks at all features."""
    from unweave.metrics.features import checked, narrow
    from unweave.metrics.probe import Probe
    from unweave.metrics.scores.feature_agreement import FeatureAgreement

    tables = [rows, *(_same_rows(word.strip(), "others", rows.shape[0]) for word in others.split(","))]
    if max(table.shape[1] for table in tables) > features:
        metric = build(FeatureAgreement, given.get("feature-agreement"), of="feature-agreement")
        return {"feature-agreement": metric.of_tables([checked(table) for table in tables], seed)}
    probes = [Probe(narrow(table), seed=seed) for table in tables]
    made = {
        name: build(registry.comparisons.get(name), given.get(name), of=name) for name in registry.comparisons.names()
    }
    return {name: metric(probes) for name, metric in made.items()}


def _print_features(facts: Mapping[str, Any]) -> None:
    """Print which features of wide codes were scored."""
    chose, numbers = facts["rows_that_chose"], facts["features"]
    by = f"{facts['features_by']}, on {chose} rows that are not scored" if chose else facts["features_by"]
    print(f"\n{facts['features_live']} of {facts['features_of']} features live, {len(numbers)} scored ({by}).")
    shown = ", ".join(map(str, numbers[:8]))
    print(f"Latents 0, 1, ... of the scores are columns {shown}{', ...' if len(numbers) > 8 else ''}; --json has all.")
