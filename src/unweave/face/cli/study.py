"""Run a study of many runs, see where it stands, and print its tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.face.cli.options import Options, argument, first_word, option
from unweave.face.cli.options import signed as with_options

if TYPE_CHECKING:
    from unweave.studies.conduct import Options as Conduct
    from unweave.studies.spec import Study, Trial

ACTIONS = {
    "run": "do what is missing",
    "status": "say where it stands",
    "table": "print means, intervals and comparisons",
    "report": "write one page with all tables and figures",
}
FORMS = {"md": "md", "markdown": "md", "csv": "csv", "json": "json", "latex": "latex", "parquet": "parquet"}


def engine_options() -> Options:
    """How runs are done: which engine, how many at a time."""
    return [
        option("engine", "local (processes of this machine) or ray [local]", "Engine"),
        option("workers", "runs at a time [one a core]", "Engine"),
        option("threads", "threads of each [1]", "Engine"),
        option("address", "of a Ray cluster: auto, or host:port; without one Ray runs here", "Engine"),
        option("minutes", "stop after so many, with all runs saved", "Engine"),
        option("plugin", "a Python file that registers more methods, nets or data sets", "Engine"),
    ]


def signed(tokens: list[str]) -> Callable[..., Any]:
    """`unweave study ACTION STUDY` with the options of the action."""
    action = first_word(tokens)
    if action is not None:
        checks.known("action of study", action, ACTIONS)
    said = "; ".join(f"{name}: {text}" for name, text in ACTIONS.items())
    options = [
        argument("action", said),
        argument("study", "a YAML file, the folder of a study, or a name that `unweave repro` lists"),
        option("out", "folder of the study [studies/NAME]", "Study"),
        option("scale", "which of the study's scales: smoke, laptop, paper [smoke, where there are any]", "Study"),
    ]
    if action == "run":
        options += [
            *engine_options(),
            option("dry_run", "only list the runs to do, with time and disk", "Engine", kind=bool),
            option("retry_failed", "try failed runs again", "Engine", kind=bool),
        ]  # fmt: skip
    if action == "table":
        options += [
            option("format", "md, csv, json, latex, or parquet (with --out-file) [md]", "Table"),
            option("out_file", "write it there instead of printing it", "Table"),
            option("metrics", "names with commas between, parts such as dci.completeness too [the study's]", "Table"),
            option("against", "the cell that others are compared with [the best]", "Table"),
            option("tidy", "every number of every run instead of means (csv, json)", "Table", kind=bool),
        ]
    return with_options(_study, options)


def _study(words: tuple[str, ...], given: dict[str, Any]) -> None:
    action, which = words[0], words[1]
    if plugin := given.get("plugin"):
        from unweave.base.registry import load_file

        load_file(plugin)
    from unweave.studies.reading import find

    study = find(which, scale=given.pop("scale", None), out=given.pop("out", None))
    if study.computes is not None:
        raise InputError(f"{study.name} is computed without runs; see it by `unweave repro {which}`")
    if action == "run":
        run(study, given)
    elif action == "status":
        status(study)
    elif action == "table":
        table(study, given)
    else:
        from unweave.studies.expansion import expand
        from unweave.studies.report import write

        print(write(study, expand(study)))


def conduct_options(given: Mapping[str, Any]) -> Conduct:
    """The engine's options from text."""
    from unweave.base.settings import build
    from unweave.studies.conduct import Options as Conduct

    chosen = {name: value for name, value in given.items() if name not in ("dry_run",)}
    return build(Conduct, chosen, of="study run")


def run(study: Study, given: dict[str, Any]) -> None:
    """Do what is missing of a study and say what came of it."""
    from unweave.studies import table as tables
    from unweave.studies.conduct import conduct, summary
    from unweave.studies.expansion import expand
    from unweave.studies.trial import states

    options = conduct_options(given)
    trials = expand(study)
    if given.get("dry_run"):
        from unweave.studies.plan import plan

        stand = states(study, trials)
        for trial in trials:
            if stand[trial.name] != "done":
                print(f"{stand[trial.name]:<8}{trial.name}  {trial.cell}, seed {trial.seed}")
        print(summary(dict(stand)))
        print(plan(study, trials, stand).words(options.places))
        return
    try:
        stand = conduct(study, trials, options)
    finally:
        tables.keep(study, tables.rows(study, trials))
    show_summary(study, trials, stand)


def show_summary(study: Study, trials: Sequence[Trial], stand: Mapping[str, Any]) -> None:
    """Print how many runs are done, what they cost, and why some failed."""
    from unweave.studies.conduct import summary
    from unweave.studies.plan import spent
    from unweave.studies.trial import RUNS, why_failed

    total = spent(study, trials)
    print(f"{study.name}: {summary(dict(stand))} in {study.folder}")
    print(
        f"spent: {total['images']:,.0f} images, {total['train_minutes']:.1f} minutes of training and "
        f"{total['score_minutes']:.1f} of scoring"
    )
    failed = [trial for trial in trials if stand[trial.name] == "failed"]
    for trial in failed:
        print(f"failed: {trial.cell}, seed {trial.seed}: {why_failed(study.folder / RUNS / trial.name)}")
    if failed:
        print("try them again with --retry-failed")


def status(study: Study) -> None:
    """Say where every cell of a study stands."""
    from unweave.studies.expansion import expand
    from unweave.studies.trial import RUNS, states

    trials = expand(study)
    stand = states(study, trials)
    width = max(len(trial.cell) for trial in trials)
    for cell in dict.fromkeys(trial.cell for trial in trials):
        of = [stand[trial.name] for trial in trials if trial.cell == cell]
        others = [f"{of.count(each)} {each}" for each in ("running", "stopped", "failed", "missing") if each in of]
        print(f"{cell:<{width}}  " + ", ".join([f"{of.count('done')} of {len(of)} done", *others]))
    show_summary(study, trials, stand)
    runs = study.folder / RUNS
    strangers = len({path.name for path in runs.iterdir()} - set(stand)) if runs.is_dir() else 0
    if strangers:
        print(f"{strangers} other runs lie in {runs}; the study as it is now does not ask for them")


def table(study: Study, given: Mapping[str, Any]) -> None:
    """Print the study's results."""
    from unweave.studies import table as tables
    from unweave.studies.expansion import expand

    form = given.get("format") or "md"
    checks.known("format", form, FORMS)
    form = FORMS[form]
    results = list(tables.rows(study, expand(study)))
    if not results:
        raise InputError(
            f"{study.folder} must hold finished runs for a table, got none; `unweave study run` makes them"
        )
    tables.keep(study, results)
    file = given.get("out_file")
    if form == "parquet":
        if file is None:
            raise InputError("--format parquet needs --out-file, got none")
        print(tables.write_parquet(results, Path(file)))
        return
    names = [each.strip() for each in given["metrics"].split(",")] if "metrics" in given else tables.main_metrics(study)
    known = dict.fromkeys([*tables.main_metrics(study), *(row.metric for row in results if row.factor == "")])
    for name in names:
        checks.known("metric of the study", name, known)
    if given.get("tidy"):
        if form not in ("csv", "json"):
            raise InputError(f"--tidy needs --format csv or json, got {form}")
        text = tables.tidy(results, form)
    else:
        text = words_of(study, results, names, form, given.get("against"))
    if file is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    from unweave.base.files import write_atomic

    write_atomic(Path(file), lambda sink: sink.write(text.encode()))
    print(file)


def words_of(study: Study, results: Sequence[Any], names: Sequence[str], form: str, against: str | None) -> str:
    """Cells, then (in markdown) comparisons in words and the published numbers."""
    from unweave.studies import table as tables

    found = tables.cells(results, names)
    text = tables.written(found, form)  # type: ignore[arg-type]
    if form != "md":
        return text
    scored = [name for name in names if name.partition(".")[0] in study.metrics]
    told = [each.verdict for name in scored or names for each in tables.compare(results, name, against)]
    lines = [f"- {line}" for line in told]
    parts = [text, "\n".join(lines) + "\n" if lines else "", tables.published_table(study, found)]
    return "\n".join(part for part in parts if part)
