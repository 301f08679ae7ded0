"""The contract of every data set, for small versions of those whose files are not on this machine."""

from inspect import signature

from unweave.contracts import test_data as contract
from unweave.data.base import FactorData, ImageData

TESTS = [each for name, each in vars(contract).items() if name.startswith("test_")]


def keep(data: ImageData) -> None:
    """Whatever the contract asks of `data`, and of `known` factors where it has some."""
    assert data.at_hand
    kinds = [{"data"}, {"known"}] if isinstance(data, FactorData) else [{"data"}]
    for test in TESTS:
        if set(signature(test).parameters) in kinds:
            test(data)
