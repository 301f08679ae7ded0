"""How codes are read: as the encoder gives them, or with planes told as radius and direction."""

from __future__ import annotations

from typing import Any

import numpy as np

from unweave.base.codes import PLANES
from unweave.metrics.arrays import Reals
from unweave.metrics.doctor import Finding
from unweave.metrics.probe import Probe
from unweave.subspaces.find import Block, Subspaces


def in_planes(probe: Probe, found: Subspaces) -> Probe:
    """The same rows with the latents of each block told as radius and direction, in the columns of `found.polar`.

    Every column of a block has the rate of the whole block, so that none of them counts as dead by itself. Posteriors'
    widths and the model are left behind, and only metrics that compare with true factors take such a probe.

    >>> from unweave.subspaces import find_subspaces
    >>> rng = np.random.default_rng(0)
    >>> turn = rng.uniform(0, 2 * np.pi, 1000)
    >>> codes = np.stack([np.cos(turn), np.sin(turn)], axis=1) + 0.05 * rng.normal(size=(1000, 2))
    >>> in_planes(Probe(codes), find_subspaces(codes)).codes.shape
    (1000, 3)
    """
    columns, _ = found.polar(probe.codes)
    read = Probe(
        columns,
        probe.factors if probe.values is None else probe.values,
        factor_names=probe.factor_names or None,
        factor_sizes=None if probe.continuous or not probe.factor_sizes else probe.factor_sizes,
        kl_per_latent=None if probe.kl_per_latent is None else rates_of_columns(probe.kl_per_latent, found),
        categories=probe.categories,
        labels=probe.labels,
        seed=probe.seed,
        data=probe.data,
        numbers=probe.numbers,
    )
    read.in_planes = True
    return read


def rates_of_columns(rates: Reals, found: Subspaces) -> Reals:
    """The rate of each column of `found.polar`, nats, from that of each latent (d,): of a block, their sum."""
    blocks = [np.full(1 + len(block.latents), rates[list(block.latents)].sum()) for block in found.blocks]
    return np.concatenate([rates[found.singles], *blocks])


def as_settings(found: Subspaces) -> dict[str, Any]:
    """What a score says of the codes it read: that they are planes, and what its columns are."""
    return {"codes": PLANES, "columns": found.names(), "blocks": [list(block.latents) for block in found.blocks]}


def findings_of(found: Subspaces) -> list[Finding]:
    """The doctor's sentences on what was found: each block, or that there is none."""
    if found.skipped is not None:
        return [Finding("planes", f"Planes were not searched for: {found.skipped}.")]
    if not found.blocks:
        return [Finding("planes", "No latents form a plane: each is best read by itself.")]
    return [_of_block(block, found) for block in found.blocks]


def _of_block(block: Block, found: Subspaces) -> Finding:
    who = " and ".join([", ".join(map(str, block.latents[:-1])), str(block.latents[-1])])
    pair = next((each for each in found.evidence if each.latents == block.latents and each.found_by), None)
    numbers: dict[str, Any] = {"latents": list(block.latents), "centre": list(block.centre)}
    why = ""
    if pair is not None:
        numbers |= {"p_value": pair.p_value, "found_by": pair.found_by}
        numbers |= {"nats_along_axes": pair.codes.axes, "nats_as_radius_and_angle": pair.codes.polar}
        why = (
            f" On any axes they share {pair.codes.axes:.3f} nats or more; as radius and angle {pair.codes.polar:.3f}."
            if pair.found_by == "codes"
            else " The decoded image turns with their angle, whatever the other latents."
        )
        why += f" (p {pair.p_value:.1g}, Holm-corrected over {len(found.evidence)} pairs.)"
    kind, none, angle = (
        ("plane", "neither", "angle about") if len(block.latents) == 2 else ("block", "none", "direction from")
    )
    sentence = (
        f"Latents {who} form a {kind}: {none} means anything by itself, but their {angle} the centre and their "
        f"distance from it do.{why} Use --codes planes to read them so."
    )
    return Finding("planes", sentence, None, numbers)
