"""Score a run: every metric with its interval."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from unweave.base import checks, registry
from unweave.base.checks import Range
from unweave.base.codes import Reading
from unweave.base.records import Score
from unweave.base.settings import all_in_words
from unweave.face.cli.options import Options, options_of, value_of

if TYPE_CHECKING:
    from unweave.subspaces import Subspaces

METRICS = (
    "all, or names with commas between, each with its settings after it ('mig bins=40,dci') or as options: "
    + ", ".join(registry.metrics.names())
)
READING = "what is scored: the posterior means, or these with planes told as radius, cosine and sine"
FACTOR_BINS = "cut each factor that is no whole number into so many bins of about as many rows"
CALIBRATE = "also say what noise and the true factors would get"


def options(tokens: list[str]) -> Options:
    """The settings of the metrics that `tokens` name, and with --others of the comparisons."""
    found: Options = {}
    if value_of("--others", tokens):
        for name in registry.comparisons.names():
            found |= options_of(registry.comparisons.get(name), f"Settings of {name}", f"{name}.")
    for name in names_of(value_of("--metrics", tokens)):
        found |= options_of(registry.metrics.get(name), f"Settings of {name}", f"{name}.")
    return found


def names_of(given: str | None) -> list[str]:
    """Names of the metrics in what `--metrics` was given, all if nothing; an unknown one raises InputError."""
    if given in (None, "all"):
        return registry.metrics.names()
    wanted = list(_asked(given))
    for name in wanted:
        checks.known("metric", name, registry.metrics.names())
    return wanted


def _asked(given: str | None) -> dict[str, dict[str, str]]:
    """Settings that stand after the names in what `--metrics` was given, by name."""
    words = "" if given in (None, "all") else str(given)
    return all_in_words(each for each in words.split(",") if each.strip())


def by_metric(given: Mapping[str, Any], metrics: str | None = None) -> dict[str, dict[str, Any]]:
    """Settings by metric, from what `--metrics` was given and from options such as mig.bins, which win."""
    settings: dict[str, dict[str, Any]] = {name: dict(words) for name, words in _asked(metrics).items()}
    for key, value in given.items():
        metric, _, setting = key.partition(".")
        settings.setdefault(metric, {})[setting] = value
    return settings


def evaluate(
    run: Annotated[str, "folder of the run"],
    /,
    *,
    metrics: Annotated[str, METRICS] = "all",
    codes: Annotated[Reading, READING] = "means",
    calibrate: Annotated[bool, CALIBRATE] = True,
    factor_bins: Annotated[int | None, FACTOR_BINS, Range(2)] = None,
    json_: Annotated[bool, "print strict JSON"] = False,
    **settings: Any,
) -> None:
    """Score a run, each metric with its own settings."""
    from unweave.run.run import Run

    opened, given = Run(run), by_metric(settings, metrics)
    wanted, refused = opened.metrics(names_of(metrics), given, codes=codes, factor_bins=factor_bins)
    scores: dict[str, Score] = {}
    for name in wanted:
        if not json_:
            print(f"{name} ...", file=sys.stderr)
        scores |= opened.evaluate([name], given, calibrate=calibrate, codes=codes, factor_bins=factor_bins)
    if json_:
        print_json(scores)
        return
    title = opened.title if codes == "means" else f"{opened.title}, {planes_of(opened.subspaces)}"
    show(title, scores, refused, opened.fit())


def planes_of(found: Subspaces) -> str:
    """Which planes codes are read in, for a heading."""
    planes = [" and ".join(map(str, block.latents)) for block in found.blocks]
    if planes:
        return f"latents {', '.join(planes)} read as radius and angle"
    return f"codes as they are: {found.skipped or 'no planes found'}"


def print_json(scores: Mapping[str, Score]) -> None:
    """Print scores by name as strict JSON."""
    print(json.dumps({name: score.as_json() for name, score in scores.items()}, indent=1, allow_nan=False))


def show(
    title: str, scores: Mapping[str, Score], refused: Mapping[str, str], fit: Mapping[str, float] | None = None
) -> None:
    """Print scores as a table for people: value, interval, floor, ceiling and verdict side by side."""
    from rich.console import Console
    from rich.table import Table

    from unweave.metrics.base import LEFT_OUT
    from unweave.metrics.calibration import verdict
    from unweave.metrics.dictionaries import told
    from unweave.metrics.probe import FEW, OF_ROWS

    console = Console(highlight=False)
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    beside = list(dict.fromkeys(name for score in scores.values() for name in score.settings.get("dictionaries", ())))
    for heading in ("score", "value", "95 % interval", "noise", *beside, "truth", "which says"):
        side = "left" if heading in ("score", "which says") else "right"
        table.add_column(heading, justify=side)
    for name, score in scores.items():
        interval = "" if score.interval is None else f"{score.interval[0]:.3f} to {score.interval[1]:.3f}"
        held = score.settings.get("dictionaries", {})
        between = [f"{held[each]['value']:.3f}" if each in held else "" for each in beside]
        ends = ["" if score.floor is None else f"{score.floor:.3f}", *between, score.truth]
        meaning = verdict(score).partition(": ")[2]
        apart = "categories left out" if score.settings.get("categorical_codes") == LEFT_OUT else ""
        remarks = "; ".join(filter(None, (score.note, told(score), meaning, apart)))
        table.add_row(name, f"{score.value:.3f}", interval, *ends, remarks)
    console.print(table)
    for name, score in scores.items():
        if parts := _parts(score):
            console.print(f"{name}: {parts}")
    rare = next((score.settings for score in scores.values() if "positives" in score.settings), {})
    if counts := rare.get("positives"):
        console.print(f"positives: {', '.join(f'{name} {count}' for name, count in counts.items())}")
    if counts := rare.get("too_few_positives"):
        few = ", ".join(f"{name} {count}" for name, count in counts.items())
        console.print(f"not scored, fewer than {FEW} positives in {OF_ROWS:,} rows: {few}")
    if fit is not None:
        console.print(f"\n{_fit(fit)}")
    for name, reason in refused.items():
        console.print(f"not scored: {name}: {reason}")


def _parts(score: Score) -> str:
    """Sub-scores, or the values by factor, with what noise and truth get, and what truth without one factor would."""
    inside = score.parts or score.per_factor
    values = [f"{part.replace('_', ' ')} {value:.3f}{_beside(score, part)}" for part, value in inside.items()]
    without = [f"{name} {value:.3f}" for name, value in score.as_if_missing.items()]
    lines = [", ".join(values), f"truth without {', '.join(without)}" if without else ""]
    return "; ".join(line for line in lines if line)


def _beside(score: Score, part: str) -> str:
    """Interval, noise and truth of one of a score's parts or factors, in brackets."""
    bounds = score.intervals.get(part)
    of = "parts" if score.parts else "factors"
    ends = {"noise": score.ends("floor", of), "truth": score.ends("ceiling", of)}
    facts = [] if bounds is None else [f"{bounds[0]:.3f} to {bounds[1]:.3f}"]
    facts += [f"{word} {held[part]:.3f}" for word, held in ends.items() if part in held]
    return f" ({', '.join(facts)})" if facts else ""


def _fit(fit: Mapping[str, float]) -> str:
    floor = ""
    if "distortion_floor" in fit:
        floor = f" (floor {fit['distortion_floor']:.2f}, excess {fit['distortion_excess']:.2f})"
    categories = f", of categories {fit['rate_of_categories']:.2f}" if "rate_of_categories" in fit else ""
    return f"distortion {fit['distortion']:.2f}{floor}, rate {fit['rate']:.2f}{categories}, nats per image"
