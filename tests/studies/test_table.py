"""Means, intervals, comparisons in words, published numbers, and every form of a table."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unweave.base.errors import InputError
from unweave.studies import table
from unweave.studies.expansion import expand
from unweave.studies.reading import find
from unweave.studies.spec import Published
from unweave.studies.table import Row, beside, cells, compare, holm, rows, verdict


def row(cell, seed, value, metric="mig", better=True, data="dsprites"):
    return Row(f"{cell}-{seed}", cell, "vae", data, seed, metric, "", value, None, None, better, 64, 1.5, "0")


def some(cell, values, **about):
    return [row(cell, seed, value, **about) for seed, value in enumerate(values)]


def test_a_cell_is_what_scipy_says():
    values = [0.2, 0.5, 0.4, 0.7]
    cell = cells(some("a", values))[0]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (cell.n, cell.best, cell.images, cell.minutes) == (4, 0.7, 256, 6.0)
    assert (cell.mean, cell.sd, cell.low, cell.high) == pytest.approx((0.45, np.std(values, ddof=1), low, high))


def test_a_notebook_shows_a_table_for_each_metric():
    found = cells([*some("<b>", [0.2, 0.4]), *some("other", [3.0], metric="distortion")])
    shown = found._repr_html_()
    assert shown.count("<table>") == 2
    assert '<th scope="row">&lt;b&gt;</th><td>2</td><td>0.300</td>' in shown
    assert "-0.971 to 1.571" in shown


def test_one_seed_has_no_interval_and_lower_may_be_better():
    one = cells(some("a", [3.0], metric="distortion", better=False))[0]
    assert (one.sd, one.low, one.high) == (None, None, None)
    assert cells(some("a", [3.0, 2.0], better=False))[0].best == 2.0


def test_what_has_no_value_is_left_out():
    assert cells([row("a", 0, None), row("a", 1, 0.5)])[0].n == 1


def test_a_comparison_is_the_paired_t_test_over_common_seeds():
    a, b = [0.9, 0.8, 0.85, 0.95], [0.5, 0.6, 0.4, 0.5]
    found = compare([*some("a", a), *some("b", b), row("b", 7, 0.99)], "mig")[0]
    assert (found.first, found.second, found.n) == ("a", "b", 4)
    assert found.p == pytest.approx(stats.ttest_rel(a, b).pvalue)
    low, high = stats.ttest_rel(a, b).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.verdict.startswith("a is better than b in mig: 0.375 higher (95 % interval")


def test_the_reference_may_be_chosen_and_lower_may_be_better():
    results = [*some("a", [3.0, 3.1, 3.2], better=False), *some("b", [1.0, 1.2, 1.1], better=False)]
    assert compare(results, "mig")[0].verdict.startswith("b is better than a in mig: 2.000 lower (95 %")
    assert compare(results, "mig", "a")[0].verdict.startswith("a is worse than b in mig: 2.000 higher (95 %")
    with pytest.raises(InputError, match="unknown cell 'c'"):
        compare(results, "mig", "c")


def test_cells_of_different_data_sets_are_not_compared():
    means = {"a": ("circle", 0.9), "b": ("circle", 0.5), "c": ("tree", 0.3), "d": ("tree", 0.7), "e": ("identity", 0.1)}
    results = [each for cell, (data, mean) in means.items() for each in some(cell, [mean, mean + 0.1], data=data)]
    assert [(each.first, each.second) for each in compare(results, "mig")] == [("a", "b"), ("d", "c")]
    assert [(each.first, each.second) for each in compare(results, "mig", "c")] == [("c", "d")]
    assert not compare(results, "mig", "e")


@pytest.mark.parametrize(
    ("first", "second", "opening"),
    [
        ([0.5, 0.6], [0.5, 0.6], "a and b are equal in mig with each of 2 common seeds"),
        ([0.5, 0.9, 0.3], [0.4, 0.2, 0.6], "a and b cannot be told apart in mig: a is 0.167 higher"),
        ([0.9], [0.1], "a is 0.800 higher than b in mig with the one common seed, which decides nothing"),
    ],
)
def test_verdicts_say_no_more_than_the_numbers(first, second, opening):
    assert compare([*some("a", first), *some("b", second)], "mig")[0].verdict.startswith(opening)


def test_cells_without_a_common_seed_cannot_be_compared():
    assert "no seed in common" in compare([row("a", 0, 0.5), row("b", 1, 0.4)], "mig")[0].verdict


def test_many_comparisons_make_one_less_sure():
    text = verdict("mig", "a", "b", 5, 0.1, (0.01, 0.19), 0.2)
    assert "cannot be told apart in mig once all comparisons are counted: a is 0.100 higher" in text


def told_apart(k, studies, lead=0.0, seeds=10):
    """Of studies of k cells, the first `lead` deviations better: those that tell any apart, and the first from all."""
    rng, any_, first = np.random.default_rng(k), 0, 0
    for _ in range(studies):
        values = rng.normal(size=(k, seeds)) + rng.normal(size=seeds)  # what a seed does to all cells alike
        values[0] += lead
        found = compare([each for cell, own in enumerate(values) for each in some(str(cell), own)], "mig")
        sure = [each for each in found if f"{each.first} is better than" in each.verdict]
        any_ += bool(sure)
        first += len(sure) == k - 1 and sure[0].first == "0"
    return any_ / studies, first / studies


@pytest.mark.parametrize(("k", "studies"), [(3, 1_500), (8, 600), (20, 300)])
def test_equal_cells_are_told_apart_in_one_study_of_twenty_at_most(k, studies):
    assert told_apart(k, studies)[0] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / studies)


def test_a_cell_that_is_far_better_is_told_apart_from_all_others():
    assert told_apart(8, 200, lead=3.0)[1] > 0.8


def test_a_reference_chosen_beforehand_counts_fewer_comparisons():
    rng = np.random.default_rng(0)
    results = [each for cell in range(6) for each in some(str(cell), rng.normal(size=8) + (cell == 0))]
    before, after = compare(results, "mig", "0"), compare(results, "mig")
    assert [each.p for each in before] == [each.p for each in after]
    assert min(e.adjusted for e in before) == pytest.approx(5 * min(e.p for e in before))
    assert min(e.adjusted for e in after) == pytest.approx(15 * min(e.p for e in after))
    assert "all pairs" in table.counted()
    assert "those with 0" in table.counted("0")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_never_below_p_nor_above_bonferroni_and_keeps_the_order(ps):
    adjusted = holm(ps)
    for p, corrected in zip(ps, adjusted, strict=True):
        assert p <= corrected <= min(1, p * len(ps)) or np.isclose(p, corrected)
    order = np.argsort(ps, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


@pytest.mark.parametrize(
    ("ours", "published", "place"),
    [
        ([0.90, 0.92], {"mean": 0.9134, "sd": 0.0736, "n": 10}, "inside"),
        ([0.70, 0.72], {"mean": 0.9134, "sd": 0.0736, "n": 10}, "outside"),
        ([61.0, 63.0], {"low": 60.0}, "inside"),
        ([51.0, 53.0], {"low": 60.0}, "outside"),
        ([51.0, 53.0], {"mean": 52.0}, "no interval published"),
    ],
)
def test_ours_lies_inside_or_outside_the_published_interval(ours, published, place):
    of = Published("a", "mig", "source", **published)
    assert beside(of, cells(some("a", ours))).verdict == place
    assert beside(of, cells(some("b", ours))).verdict == "not run"


def test_a_published_best_that_its_mean_and_sd_rule_out_is_named_beside_the_verdict():
    rng = np.random.default_rng(0)
    for n in (2, 3, 10):
        numbers = rng.exponential(size=n)
        of = {"mean": numbers.mean(), "sd": numbers.std(ddof=1), "n": n}
        assert not Published("a", "mig", "source", best=numbers.max(), **of).contradicts
        beyond = of["mean"] + 1.01 * of["sd"] * (n - 1) / np.sqrt(n)
        assert Published("a", "mig", "source", best=beyond, **of).contradicts
    named = Published("a", "mig", "source", mean=0.8215, sd=0.0088, n=10, best=0.8825)
    assert beside(named, cells(some("a", [0.82, 0.821]))).verdict.startswith("inside; no 10 numbers")
    of_lecture = find("lecture-dsprites").published
    assert [each.cell for each in of_lecture if each.contradicts] == ["FactorVAE, m = 10", "JointVAE, m = 6"]


def test_the_lecture_s_interval_is_five_points_wide_on_each_side():
    found = beside(Published("a", "mig", "lecture", mean=91.34, sd=7.36, n=10), cells(some("a", [90.0, 91.0])))
    assert (found.low, found.high) == pytest.approx((86.07, 96.61), abs=0.01)


def test_every_form_reads_back(tmp_path):
    found = cells([*some("a|b_1", [0.5, 0.6]), *some("c", [0.25])])
    assert "| a\\|b_1 | 2 | 0.550 | 0.071 | -0.085 to 1.185 | 0.600 | 3.0 |" in table.written(found, "md")
    assert r"a|b\_1 & 2 & 0.550" in table.written(found, "latex")
    assert r"95 \% interval" in table.written(found, "latex")
    read = list(csv.DictReader(io.StringIO(table.written(found, "csv"))))
    assert [(line["cell"], float(line["mean"])) for line in read] == [("a|b_1", 0.55), ("c", 0.25)]
    assert json.loads(table.written(found, "json"))[1]["sd"] is None


def test_rows_of_a_study_are_tidy_and_kept(done):
    study, trials = done
    found = list(rows(study, trials))
    values = {r.factor: r.value for r in found if r.run == trials[0].name and r.metric == "mig"}
    assert set(values) == {"", "factor-0", "factor-1", "factor-2"}
    assert {r.metric for r in found} >= {"mig", "distortion", "rate"}
    path = table.keep(study, found)
    with path.open() as file:
        again = list(csv.DictReader(file))
    assert len(again) == len(found)
    assert again[0].keys() == set(Row._fields)
    assert [len(list(rows(study, [trial]))) for trial in trials] == [len(found) // 4] * 4


def test_scores_made_with_other_settings_do_not_count(done, tiny):
    other = tiny(metrics={"mig": {"n": 100}})
    assert {r.metric for r in rows(other, expand(other))}.isdisjoint({"mig"})


def test_parquet_has_the_same_rows(done, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed: pip install 'unweave[tables]'")
    found = list(rows(*done))
    read = pq.read_table(table.write_parquet(found, tmp_path / "r.parquet"))
    assert read.to_pylist() == [r._asdict() for r in found]


HOSTILE = '=HYPERLINK("http://evil.example")\\input{/etc/passwd}<img src=x onerror=alert(1)>~^\nnext'


def test_a_name_from_the_file_is_only_text_to_spreadsheets_latex_and_browsers():
    found = cells([Row("r", HOSTILE, metric="mig", value=-0.5), Row("r", "-b", metric="mig", value=0.7)])
    (_, first, second) = csv.reader(io.StringIO(table.written(found, "csv")))
    assert (first[0], second[0]) == ("'" + HOSTILE, "'-b")
    assert first[3] == "-0.5"  # a number, negative as it is
    (line,) = [line for line in table.written(found, "latex").splitlines() if "passwd" in line]
    assert r"\input" not in line
    assert r"\textbackslash{}input\{/etc/passwd\}" in line
    assert line.endswith(r"\\")
    (line,) = [line for line in table.written(found, "md").splitlines() if "passwd" in line]
    assert r"\<img" in line
    assert line.endswith(" |")
    assert "<img" not in found._repr_html_()
    (_, first) = csv.reader(io.StringIO(table.tidy([Row("r", HOSTILE, metric="mig", value=0.5)], "csv")))
    assert first[1] == "'" + HOSTILE
