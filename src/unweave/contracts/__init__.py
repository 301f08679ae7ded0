"""Tests that walk the registries: what every method, net, prior, data set, metric and figure must keep.

Run them with `pytest --pyargs unweave.contracts`; they need the extra `test`.
"""
