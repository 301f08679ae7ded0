"""Prior match: the divergence of the aggregate posterior from the prior, which alpha controls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from scipy.stats import t as student
from torch import Tensor

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.records import Score
from unweave.metrics.aggregate import AggregateMetric, generator, mean_of, posterior_of, sampled, with_prior
from unweave.metrics.arrays import latent_names
from unweave.metrics.base import undefined
from unweave.metrics.probe import Probe
from unweave.models.divergences.mmd import mmd_joint, mmd_per_latent

AT_ONCE = 10  # latents whose squared distances are held at a time


@dataclass(frozen=True)
class PriorMatch(AggregateMetric):
    """sum_j MMD^2(q(z_j), p(z_j)), from one code an image and as many draws of the prior.

    No unit; 0 in expectation where the marginals agree, so it can be slightly negative; lower is better. It is the
    mean over `blocks` of rows, and the interval is Student's t of that mean. Kernels have fixed widths around 1, so
    compare models with the same prior. `parts`: mmd_joint, which also sees how latents hang together, and kl =
    KL(q(z) || p(z)) in nats, with q(z) exact for `max_points` images at most, and mutual_information I(x;z). The kl
    falls with more points as long as I(x;z) grows; where I(x;z) is near log(points) (most_information among the
    settings), kl tells mostly of the gaps between single images. Sources: Gretton et al. 2012; Mathieu et al. 2019,
    https://arxiv.org/abs/1812.02833.

    >>> from unweave.metrics import prior_match
    >>> means = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
    >>> near, far = (prior_match(means * s, torch.full((400, 2), 0.1)).value for s in (1.0, 3.0))
    >>> abs(near) < 0.05 < far
    True
    """

    n: Annotated[int, "images whose codes are compared with samples of the prior"] = 5_000
    blocks: Annotated[int, "number of parts that the images are split into", Range(2)] = 10

    measures = "distance of the aggregate posterior from the prior, MMD squared"
    lies_in = "0 up"
    known = "0 where the marginals agree; needs a model"
    trap = "kernels have fixed widths, so compare models with the same prior"
    interval = "Student's t of blocks"
    inputs = staticmethod(with_prior)
    needs = ("scale", "model")
    reads = "sampled"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(2 * self.blocks, n=self.n)

    def score(self, probe: Probe) -> Score:
        """MMD of all latents together with its parts, and of each in a table."""
        if len(probe) < 2 * self.blocks:
            return undefined(f"{self.blocks} blocks of 2 or more images need {2 * self.blocks}, there are {len(probe)}")
        prior = probe.model.prior
        rows = probe.rng("prior-match").permutation(len(probe))[: self.n]
        codes = posterior_of(probe, rows).rsample(generator(probe, "prior-match")).float()
        with torch.no_grad():
            reference = prior.sample(len(rows), generator(probe, "prior-match/prior")).float().cpu()
        each, joint = _in_blocks(codes, reference, self.blocks)
        drawn = sampled(probe, self.max_points, self.samples)
        kl, bounds = mean_of(drawn.density.joint - drawn.log_prior(prior))
        value = each.sum(1).mean().item()
        half = float(student.ppf(0.975, self.blocks - 1)) * each.sum(1).std().item() / math.sqrt(self.blocks)
        return Score(
            value,
            parts={
                "mmd_joint": joint.mean().item(),
                "kl": kl,
                "mutual_information": drawn.information.mean().item(),
            },
            interval=(value - half, value + half),
            tables={
                "mmd": each.mean(0)[:, None].tolist(),
                "rows": latent_names(each.shape[1]),
                "columns": ["MMD squared"],
            },
            settings={**drawn.facts, "images": len(rows), "kl_interval": list(bounds)},
        )


def _in_blocks(codes: Tensor, reference: Tensor, blocks: int) -> tuple[Tensor, Tensor]:
    """MMD^2 of every latent, (blocks, d), and of all together, (blocks,); blocks are equally large."""
    rows = len(codes) // blocks
    pairs = list(zip(codes.split(rows), reference.split(rows), strict=True))[:blocks]
    each = torch.stack([_per_latent(x, y) for x, y in pairs]).double()
    return each, torch.stack([mmd_joint(x, y) for x, y in pairs]).double()


def _per_latent(x: Tensor, y: Tensor) -> Tensor:
    """MMD^2 of every latent, (d,), some latents at a time."""
    groups = zip(x.split(AT_ONCE, dim=1), y.split(AT_ONCE, dim=1), strict=True)
    return torch.cat([mmd_per_latent(*group) for group in groups])
