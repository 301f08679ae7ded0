"""The rate: KL from posterior to prior, in closed form where there is one."""

from torch import Tensor

from unweave.base.records import Posterior, Prior


def kl_divergence(posterior: Posterior, prior: Prior, z: Tensor) -> Tensor:
    """KL(q(z|x) || p(z)) in nats: (n, d) in closed form, else the one-sample estimate log q - log p of `z`, (n,)."""
    exact = prior.kl_each(posterior)
    return exact if exact is not None else posterior.log_prob(z) - prior.log_prob(z)
