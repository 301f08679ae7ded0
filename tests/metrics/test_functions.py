"""Functions made from classes: one set of defaults, what they say of themselves, and the stub that editors read."""

import inspect
import pickle
import re
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

from unweave import metrics
from unweave.base import registry
from unweave.base.records import Score
from unweave.metrics import stub
from unweave.metrics.base import FactorMetric
from unweave.metrics.functions import function_of
from unweave.metrics.scores.mig import MIG


def test_the_checked_in_stub_is_what_the_script_writes():
    assert stub.PLACE.read_text("utf-8") == stub.text(), "stale: python -m unweave.metrics.stub"


def test_a_function_shows_what_it_takes():
    given = inspect.signature(metrics.mig).parameters
    assert list(given)[:2] == ["codes", "factors"]
    assert given["bins"].annotation is int
    assert given["bins"].default == MIG().bins
    assert metrics.mig.__doc__.startswith(MIG.__doc__.split("\n")[0])
    assert re.search(r"bins: .+ \[20\]", metrics.mig.__doc__)
    assert pickle.loads(pickle.dumps(metrics.mig)) is metrics.mig


def test_arguments_that_do_not_fit_are_refused_by_the_name_of_the_function():
    with pytest.raises(TypeError, match=r"mig\(\) missing .*'factors'"):
        metrics.mig(np.eye(3))
    with pytest.raises(AttributeError, match="no attribute 'gim'"):
        _ = metrics.gim


@dataclass(frozen=True)
class Half(FactorMetric):
    """Half of what is asked for. Source: Doe 1999."""

    of: Annotated[float, "what is halved"] = 1.0

    def score(self, probe):
        return Score(self.of / 2)


def test_a_metric_that_is_registered_later_is_served_too(monkeypatch):
    codes = np.eye(4)
    assert function_of(Half)(codes, codes.astype(int)).value == 0.5
    monkeypatch.setattr(registry.metrics, "_added", {"half-of-it": Half})
    assert metrics.half_of_it(codes, codes.astype(int), of=3).value == 1.5
    assert "half_of_it" in dir(metrics)
