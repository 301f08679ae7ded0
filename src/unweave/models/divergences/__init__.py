"""Distances between posteriors, aggregate posterior and prior, and their estimators."""
