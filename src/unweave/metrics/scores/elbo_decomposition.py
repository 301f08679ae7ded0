"""ELBO decomposition: the rate as information, total correlation and distance from the prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unweave.base.records import NATS, Score
from unweave.metrics.aggregate import AggregateMetric, Sampled, mean_of, on, sampled, with_prior
from unweave.metrics.arrays import latent_names
from unweave.metrics.probe import Probe


@dataclass(frozen=True)
class ElboDecomposition(AggregateMetric):
    """E KL(q(z|x) || p(z)) = I(x;z) + KL(q(z) || p(z)); where p factorises, the last is TC + sum_j KL(q_j || p_j).

    The value is the rate on the left; `parts` add up to it exactly: mutual_information and marginal_kl, the latter
    once more as total_correlation and dimension_kl where the prior factorises (elsewhere that split is false and is
    not given). All in nats per image, the interval that of the drawn codes. q(z) is exact for `max_points` images at
    most; so I(x;z) cannot exceed log(points), and what it is too small by makes marginal_kl too large. Settings of
    the score say that bound, as most_information. More points cost time, samples x points x d.
    Sources: Hoffman and Johnson 2016; Chen et al. 2018, https://arxiv.org/abs/1802.04942, appendix C.

    >>> from unweave.metrics import elbo_decomposition
    >>> import numpy as np
    >>> score = elbo_decomposition(np.zeros((50, 2)), np.ones((50, 2)))  # no image tells anything
    >>> round(score.value, 6) == round(score.parts["mutual_information"], 6) == 0
    True
    """

    measures = "what the rate is spent on, nats"
    lies_in = "0 up"
    known = "parts add up to the rate; needs a model"
    trap = "I(x;z) cannot exceed the log of the number of images"
    interval = "sampled codes"
    inputs = staticmethod(with_prior)
    needs = ("scale", "model")
    reads = "sampled"

    def score(self, probe: Probe) -> Score:
        """Mean rate and its parts, with the KL of each latent where the prior factorises."""
        drawn = sampled(probe, self.max_points, self.samples)
        prior = probe.model.prior
        log_p, product = drawn.log_prior(prior), drawn.density.each.sum(-1)
        values = {"mutual_information": drawn.information, "marginal_kl": drawn.density.joint - log_p}
        if prior.factorised:
            values |= {"total_correlation": drawn.density.joint - product, "dimension_kl": product - log_p}
        means = {name: mean_of(each) for name, each in values.items()}
        rate, interval = mean_of(drawn.log_posterior - log_p)
        return Score(
            rate,
            parts={name: mean for name, (mean, _) in means.items()},
            tables=_per_latent(drawn, prior) if prior.factorised else {},
            interval=interval,
            unit=NATS,
            settings={**drawn.facts, "intervals": {name: list(bounds) for name, (_, bounds) in means.items()}},
        )


def _per_latent(drawn: Sampled, prior: Any) -> dict[str, Any]:
    """KL(q(z_j) || p(z_j)) of every latent."""
    each = drawn.density.each - on(prior.log_prob_each, drawn.z, prior)
    return {"dimension_kl": each.mean(0)[:, None].tolist(), "rows": latent_names(each.shape[1]), "columns": ["nats"]}
