"""Tidy rows: one for each number of a score, and none that strict JSON could not hold."""

import math

from unweave.base.records import Score
from unweave.run.rows import COLUMNS, Row, rows_of


def test_what_cannot_be_had_is_none():
    found = list(rows_of({"mig": Score(math.nan, parts={"gap": math.inf, "raw": 0.5})}, Row("first", seed=3)))
    assert [(row.metric, row.value) for row in found] == [("mig", None), ("mig.gap", None), ("mig.raw", 0.5)]
    assert {row.seed for row in found} == {3}


def test_only_the_score_itself_has_an_interval_and_all_have_its_direction():
    score = Score(2.0, per_factor={"x": 1.0}, interval=(1.5, 2.5), higher_is_better=False)
    whole, factor = rows_of({"rate": score}, Row("first"))
    assert (whole.low, whole.high, factor.low, factor.high) == (1.5, 2.5, None, None)
    assert not whole.higher_is_better
    assert not factor.higher_is_better


def test_a_table_of_runs_shows_its_columns_in_their_order():
    assert list(Row("first").shown()) == COLUMNS
