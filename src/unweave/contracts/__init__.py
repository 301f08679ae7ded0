"""Tests that walk the registries: what every method, net, prior, data set and metric must keep, plug-ins included.

Run them with `pytest --pyargs unweave.contracts`; they need the extra `test`.
"""
