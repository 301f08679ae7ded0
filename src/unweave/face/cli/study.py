"""Run a study of many runs, check its progress, and print its tables."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.face.cli.options import Options, options_in, options_of, value_of, word
from unweave.studies.reading import find
from unweave.studies.spec import Study, Trial

ACTIONS = {
    "run": "do what is missing",
    "status": "say where it stands",
    "table": "print means, intervals and comparisons",
    "report": "write one page with all tables and figures",
}
FORMS = {"md": "md", "markdown": "md", "csv": "csv", "json": "json", "latex": "latex", "parquet": "parquet"}
SCALE = "which of the study's scales: smoke, laptop, paper [smoke, where there are any]"


def options(tokens: list[str]) -> Options:
    """The options of the action."""
    action, which = word(tokens, 1), word(tokens, 2)
    if action is None:
        return {}
    checks.known("action of study", action, ACTIONS)
    if action != "run":
        return options_in(table, besides=("study",)) if action == "table" else {}
    if which is not None:
        find(which, scale=value_of("--scale", tokens), out=value_of("--out", tokens))  # before anything heavy
    return {**options_in(run, besides=("study",)), **engine_options()}


def engine_options() -> Options:
    """How runs are done: which engine, how many at a time."""
    from unweave.studies.conduct import Options as Conduct

    return options_of(Conduct, "Engine")


def study(
    action: Annotated[str, "; ".join(f"{name}: {text}" for name, text in ACTIONS.items())],
    study: Annotated[str, "a YAML file, the folder of a study, or a name that `unweave repro` lists"],
    /,
    *,
    out: Annotated[str | None, "folder of the study [studies/NAME]"] = None,
    scale: Annotated[str | None, SCALE] = None,
    **given: Any,
) -> None:
    """`unweave study ACTION STUDY`."""
    if plugin := given.get("plugin"):
        from unweave.base.registry import load_file

        load_file(plugin)
    found = find(study, scale=scale, out=out)
    if found.computes is not None:
        raise InputError(f"{found.name} is computed without runs; see it by `unweave repro {study}`")
    {"run": run, "status": status, "table": table, "report": report}[action](found, **given)


def run(
    study: Study,
    /,
    *,
    dry_run: Annotated[bool, "only list the runs, with estimates of time and disk space"] = False,
    **engine: Any,
) -> None:
    """Do what is missing of a study and say what came of it."""
    from unweave.base.settings import build
    from unweave.studies import table as tables
    from unweave.studies.conduct import Options as Conduct
    from unweave.studies.conduct import conduct, summary
    from unweave.studies.expansion import expand
    from unweave.studies.trial import states

    how = build(Conduct, engine, of="study run")
    trials = expand(study)
    if dry_run:
        from unweave.studies.plan import plan

        stand = states(study, trials)
        for trial in trials:
            if stand[trial.name] != "done":
                print(f"{stand[trial.name]:<8}{trial.name}  {trial.cell}, seed {trial.seed}")
        print(summary(dict(stand)))
        print(plan(study, trials, stand).words(how.places))
        return
    try:
        stand = conduct(study, trials, how)
    finally:
        if study.folder.is_dir():  # a shared one may have vanished meanwhile
            tables.keep(study, tables.rows(study, trials))
    show_summary(study, trials, stand)


def report(study: Study, /) -> None:
    """Write the study's page."""
    from unweave.studies.expansion import expand
    from unweave.studies.report import write

    print(write(study, expand(study)))


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


def table(
    study: Study,
    /,
    *,
    format_: Annotated[str, "md, csv, json, latex, or parquet (with --out-file)"] = "md",
    out_file: Annotated[str | None, "write to this file instead of printing"] = None,
    metrics: Annotated[str | None, "comma-separated names, also parts such as dci.completeness [the study's]"] = None,
    against: Annotated[str | None, "cell to compare the others with [the best]"] = None,
    tidy: Annotated[bool, "print every number of every run instead of means (csv, json)"] = False,
) -> None:
    """Print the study's results."""
    from unweave.studies import table as tables
    from unweave.studies.expansion import expand

    checks.known("format", format_, FORMS)
    form = FORMS[format_]
    results = list(tables.rows(study, expand(study)))
    if not results:
        raise InputError(
            f"{study.folder} must hold finished runs for a table, got none; `unweave study run` makes them"
        )
    tables.keep(study, results)
    if form == "parquet":
        if out_file is None:
            raise InputError("--format parquet needs --out-file, got none")
        print(tables.write_parquet(results, Path(out_file)))
        return
    names = tables.main_metrics(study) if metrics is None else [each.strip() for each in metrics.split(",")]
    known = dict.fromkeys([*tables.main_metrics(study), *(row.metric for row in results if row.factor == "")])
    for name in names:
        checks.known("metric of the study", name, known)
    if tidy:
        if form not in ("csv", "json"):
            raise InputError(f"--tidy needs --format csv or json, got {form}")
        text = tables.tidy(results, form)
    else:
        text = words_of(study, results, names, form, against)
    if out_file is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    from unweave.base.files import write_atomic

    write_atomic(Path(out_file), lambda sink: sink.write(text.encode()))
    print(out_file)


def words_of(study: Study, results: Sequence[Any], names: Sequence[str], form: str, against: str | None) -> str:
    """Cells, then (in markdown) comparisons in words and the published numbers."""
    from unweave.studies import table as tables

    found = tables.cells(results, names)
    text = tables.written(found, form)  # type: ignore[arg-type]
    if form != "md":
        return text
    scored = [name for name in names if name.partition(".")[0] in study.metrics]
    verdicts = [each.verdict for name in scored or names for each in tables.compare(results, name, against)]
    lines = [f"- {line}" for line in verdicts]
    if lines:
        lines += ["", tables.counted(against)]
    parts = [text, "\n".join(lines) + "\n" if lines else "", tables.published_table(study, found)]
    return "\n".join(part for part in parts if part)
