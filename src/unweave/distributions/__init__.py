"""Posteriors, priors and likelihoods; every density in nats."""

from unweave.distributions.likelihoods import Likelihood as Likelihood
from unweave.distributions.normal import DiagonalNormal as DiagonalNormal
