"""Posteriors, priors and likelihoods; every density in nats."""

from unweave.models.distributions.likelihoods import Likelihood as Likelihood
from unweave.models.distributions.normal import DiagonalNormal as DiagonalNormal
