"""Score a run: every metric with its interval."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from unweave import checks, registry
from unweave.cli.options import argument, option, options_of, value_of
from unweave.cli.options import signed as with_options
from unweave.types import Score


def signed(tokens: list[str]) -> Callable[..., Any]:
    """The command with the settings of the metrics that `tokens` name."""
    names = _names(value_of("--metrics", tokens))
    options = [
        argument("run", "folder of the run"),
        option("metrics", f"all, or names with commas between: {', '.join(registry.metrics.names())}", "Scores"),
        option("json", "print strict JSON", "Scores", kind=bool),
    ]
    for name in names:
        options += options_of(registry.metrics.get(name), f"Settings of {name}", f"{name}.")
    return with_options(_evaluate, options)


def _names(given: str | None) -> list[str]:
    if given in (None, "all"):
        return registry.metrics.names()
    wanted = [name.strip() for name in str(given).split(",") if name.strip()]
    for name in wanted:
        checks.known("metric", name, registry.metrics.names())
    return wanted


def _evaluate(words: tuple[str, ...], given: dict[str, Any]) -> None:
    from unweave.run import Run

    as_json = given.pop("json", False)
    names = _names(given.pop("metrics", None))
    settings: dict[str, dict[str, Any]] = {}
    for key, value in given.items():
        metric, _, setting = key.partition(".")
        settings.setdefault(metric.replace("_", "-"), {})[setting] = value
    run = Run(words[0])
    wanted, refused = run.metrics(names, settings)
    scores: dict[str, Score] = {}
    for name in wanted:
        if not as_json:
            print(f"{name} ...", file=sys.stderr)
        scores |= run.evaluate([name], settings)
    fit = run.fit()
    if as_json:
        print(json.dumps({name: score.as_json() for name, score in scores.items()}, indent=1, allow_nan=False))
        return
    show(run.title, fit, scores, refused)


def show(title: str, fit: Mapping[str, float], scores: Mapping[str, Score], refused: Mapping[str, str]) -> None:
    """Print scores as a table for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for heading, justify in (
        ("score", "left"),
        ("value", "right"),
        ("95 % interval", "right"),
        ("of which", "left"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for name, score in scores.items():
        interval = "" if score.interval is None else f"{score.interval[0]:.3f} to {score.interval[1]:.3f}"
        inside = {**score.parts, **({} if score.parts else score.per_factor)}
        parts = ", ".join(f"{part.replace('_', ' ')} {value:.3f}" for part, value in inside.items())
        table.add_row(name, f"{score.value:.3f}", interval, score.reason or parts)
    console.print(table)
    floor = ""
    if "distortion_floor" in fit:
        floor = f" (floor {fit['distortion_floor']:.2f}, excess {fit['distortion_excess']:.2f})"
    told = f", of categories {fit['rate_of_categories']:.2f}" if "rate_of_categories" in fit else ""
    console.print(f"\ndistortion {fit['distortion']:.2f}{floor}, rate {fit['rate']:.2f}{told}, nats per image")
    for name, reason in refused.items():
        console.print(f"not scored: {name}: {reason}")
