"""The records that the rooms hand to each other: Pass, Terms, Latents, Score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict, runtime_checkable

import torch
from torch import Tensor, nn

from unweave.base import html
from unweave.base.codes import MEANS, Kind
from unweave.base.seeds import Generators

# Shapes in signatures. The tests install jaxtyping and check them at every call; without it they are plain tensors.
if TYPE_CHECKING:
    Images: TypeAlias = Tensor
    Codes: TypeAlias = Tensor
    PerImage: TypeAlias = Tensor
    PerLatent: TypeAlias = Tensor
    Scalar: TypeAlias = Tensor
else:
    try:
        from jaxtyping import Float

        Images = Float[Tensor, "n c h w"]
        Codes = PerLatent = Float[Tensor, "n d"]
        PerImage = Float[Tensor, "n"]
        Scalar = Float[Tensor, ""]
    except ModuleNotFoundError:
        Images = Codes = PerImage = PerLatent = Scalar = Tensor

NATS = "nats per image"


@dataclass(frozen=True)
class Latents:
    """What an image is encoded as: `continuous` numbers and one category for each size in `categories`.

    `head` says whether the encoder itself gives probabilities of the categories (JointVAE) or not (CascadeVAE).
    """

    continuous: int
    categories: tuple[int, ...] = ()
    head: bool = True

    @property
    def width(self) -> int:
        """How many numbers the decoder receives: continuous codes and one-hot categories side by side."""
        return self.continuous + sum(self.categories)


@runtime_checkable
class Posterior(Protocol):
    """q(z|x) of a batch; diagonal, so densities exist per latent."""

    @property
    def mean(self) -> Tensor: ...
    @property
    def log_variance(self) -> Tensor: ...
    @property
    def std(self) -> Tensor: ...
    def rsample(self, rng: torch.Generator) -> Tensor: ...
    def log_prob(self, z: Tensor) -> Tensor: ...
    def log_prob_each(self, z: Tensor) -> Tensor: ...
    def entropy_each(self) -> Tensor: ...


@runtime_checkable
class Prior(Protocol):
    """p(z), a module of the VAE. `log_prob` is always (n,); per-latent densities exist where p factorises."""

    factorised: bool

    def log_prob(self, z: Tensor) -> Tensor: ...
    def log_prob_each(self, z: Tensor) -> Tensor: ...
    def sample(self, n: int, rng: torch.Generator) -> Tensor: ...
    def kl_each(self, posterior: Posterior) -> Tensor | None: ...


NllOfCategory: TypeAlias = Callable[[int, float], Tensor]  # k and the height of its place -> distortion (n,), nats


@runtime_checkable
class Discrete(Protocol):
    """Chooses the categories the decoder sees: in training by a call, one-hot or relaxed (n, sum S).

    `nll(k, level)` is the weighted distortion (n,) with the same z and, for every image, category k, whose place holds
    `level` instead of 1; without gradient.
    `decide` gives the categories of images afterwards, numbers (n, L), with `nll` taken at the mean code; None where
    there are none to find and the decoder is to see zeros. `sizes` are those of the categories, () for none.
    """

    @property
    def sizes(self) -> tuple[int, ...]: ...

    def __call__(self, z: Tensor, probabilities: Tensor | None, nll: NllOfCategory, rng: Generators) -> Tensor: ...
    def decide(self, probabilities: Tensor | None, nll: NllOfCategory) -> Tensor | None: ...


@dataclass(frozen=True)
class Term:
    """One part of a loss. Its share is weight x value, summed over latents and averaged over images.

    `value` has shape () for a statistic of the batch, (n,) or (n, d); `weight` is a number or a tensor of shape () or
    (d,).
    With weight 0 the term is logged and does not act.
    """

    weight: float | Tensor
    value: Tensor
    unit: str = NATS

    @property
    def mean(self) -> Tensor:
        """Unweighted: mean over images of the sum over latents, in the term's unit."""
        return (self.value.sum(-1) if self.value.ndim == 2 else self.value).mean()

    @property
    def share(self) -> Tensor:
        """What the term adds to the loss."""
        if isinstance(self.weight, Tensor) and self.weight.ndim:
            return (self.weight * self.value).sum(-1).mean()
        return self.weight * self.mean

    @property
    def active(self) -> bool:
        """False for a term that is only logged."""
        return isinstance(self.weight, Tensor) or self.weight != 0


class Terms(dict[str, Term]):
    """Named parts of a loss; what is logged is what is minimised.

    >>> Terms(kl=Term(4.0, torch.ones(2, 3)), seen=Term(0.0, torch.ones(2))).loss
    tensor(12.)
    """

    @property
    def loss(self) -> Tensor:
        """Sum over the terms of their shares, nats per image."""
        return torch.stack([term.share for term in self.values() if term.active]).sum()

    def log(self) -> dict[str, float]:
        """Every term's unweighted mean and the loss, as numbers."""
        shown = {name: term.mean.item() for name, term in self.items()}
        return {"loss": self.loss.item(), **shown}


@dataclass(frozen=True)
class Encoded:
    """What a model says of n images, one row each; torch or numpy, None for what it does not say.

    `mean`, `std` and `kl` are (n, d): the posterior's mean and standard deviation, and its rate, nats; there is no `kl`
    where the prior gives none per latent. `categories` (n, L) are numbers, one column a categorical latent,
    `probabilities` (n, sum S) those of all values side by side.
    """

    mean: Any
    std: Any = None
    kl: Any = None
    categories: Any = None
    probabilities: Any = None


@dataclass(frozen=True)
class Output:
    """What a VAE gives for a batch, with one sample of every code."""

    x: Tensor
    posterior: Posterior
    z: Tensor
    prior: Any
    distortion: Tensor  # (n,) nats per image, unweighted
    distortion_weight: float = 1.0
    categories: Tensor | None = None  # (n, sum S) probabilities, where the encoder gives them
    one_hot: Tensor | None = None  # (n, sum S) what the decoder saw
    training: bool = True


@dataclass(frozen=True, kw_only=True)
class Pass(Output):
    """All that an objective may look at after one pass of a batch: the model's output, and where training stands."""

    data_size: int
    rng: Generators
    step: Any = 0  # optimiser steps done before this one; a tensor () while a step is captured as a CUDA graph
    total_steps: int = 1
    critic: nn.Module | None = None  # frozen
    memory: dict[str, Tensor] = field(default_factory=dict[str, Tensor])  # what an objective keeps between steps

    def terms(self, **parts: Term | tuple[float | Tensor, Tensor]) -> Terms:
        """The weighted distortion, then `parts` (a Term, or weight and value in nats per image)."""
        named = {name: part if isinstance(part, Term) else Term(*part) for name, part in parts.items()}
        return Terms(distortion=Term(self.distortion_weight, self.distortion), **named)


def _plain(value: object) -> Any:
    """Tensors and arrays as nested lists, NaN and infinities as None: what strict JSON can hold."""
    if hasattr(value, "tolist"):
        value = value.tolist()  # type: ignore[union-attr]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not (abs(value) < float("inf")):
        return None
    return value


Table: TypeAlias = Mapping[str, Any] | Sequence[Any]  # values by name, a row of values or words, or rows of them


class Calibrated(TypedDict, total=False):
    """How a score's floor and ceiling were made: by which rules, on how many rows, from how many draws of noise and of
    the true factors, with their standard deviations, and the seed; and what a smooth encoder gets, where that is known.
    """

    rules: int
    rows: int
    draws_of_noise: int
    spread_of_floor: float | None
    draws_of_truth: int
    spread_of_ceiling: float | None
    smooth_ceiling: float | None
    seed: int


@dataclass(frozen=True)
class Score:
    """A metric's answer: the number, what it is made of, how sure it is and how it was computed.

    `per_factor` maps factor names to values; `parts` holds named sub-scores; `tables` named matrices (a vote matrix,
    importances). `interval` is a 95 % interval or None; `floor` and `ceiling` are what noise and the true factors
    would get, where calibrated. A value that cannot be had is NaN, and `reason` says why.
    """

    value: float
    parts: Mapping[str, float] = field(default_factory=dict[str, float])
    tables: Mapping[str, Table] = field(default_factory=dict[str, Table])
    per_factor: Mapping[str, float] = field(default_factory=dict[str, float])
    interval: tuple[float, float] | None = None
    floor: float | None = None
    ceiling: float | None = None
    unit: str = ""
    higher_is_better: bool = True
    reason: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    version: int = 1

    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]:
        """95 % intervals of its parts or factors, by name."""
        return self.settings.get("intervals", {})

    @property
    def calibration(self) -> Calibrated | None:
        """How floor and ceiling were made; None where they were not asked for."""
        return self.settings.get("calibration")

    @property
    def truth(self) -> str:
        """What the true factors get, to three digits, with what a smooth encoder does in brackets; "" if not known."""
        smooth = (self.calibration or {}).get("smooth_ceiling")
        beside = "" if smooth is None else f" (smooth {smooth:.3f})"
        return "" if self.ceiling is None else f"{self.ceiling:.3f}{beside}"

    @property
    def codes(self) -> Kind:
        """Which codes it is of: posterior means, planes of these, codes drawn from the posteriors, or categories."""
        return self.settings.get("codes", MEANS)

    @property
    def as_if_missing(self) -> Mapping[str, float]:
        """What the true factors without one of them would get, by that factor; {} where it is not calibrated."""
        return self.by_name("as_if_missing")

    def ends(self, end: Literal["floor", "ceiling"], of: Literal["parts", "factors"]) -> Mapping[str, float]:
        """What noise (floor) or the true factors (ceiling) get in its parts or its factors, by name."""
        return self.by_name(f"{end}_of_{of}")

    def by_name(self, table: str) -> Mapping[str, float]:
        """A table of values by name; {} where there is none, or it is one of rows."""
        held = self.tables.get(table)
        return held if isinstance(held, Mapping) else {}

    def words(self, table: Literal["rows", "columns"]) -> Sequence[str]:
        """What its tables call their rows or columns; () where they have no names."""
        held = self.tables.get(table, ())
        return () if isinstance(held, Mapping) else held

    def with_settings(self, **settings: object) -> Score:
        """The same score with further settings written into it."""
        return replace(self, settings={**self.settings, **settings})

    def as_json(self) -> dict[str, Any]:
        """All fields as strict JSON: NaN becomes null and `reason` says why."""
        plain = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}
        if plain["value"] is None and plain["reason"] is None:
            plain["reason"] = "the value is not a number"
        return plain

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Score:
        """Read back what `as_json` wrote."""
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        if known.get("value") is None:
            known["value"] = float("nan")
        if known.get("interval") is not None:
            known["interval"] = tuple(known["interval"])
        return cls(**known)

    @property
    def note(self) -> str:
        """What the number alone does not say: unit, direction, what the run saw besides images, why it is missing."""
        lower = "" if self.higher_is_better else "lower is better"
        of = {"sampled": "of sampled codes", "index": "of categories"}.get(self.codes, "")
        return "; ".join(part for part in (self.unit, lower, of, self.settings.get("saw"), self.reason) if part)

    def _repr_html_(self) -> str:
        inside = {**self.parts, **self.per_factor}
        parts = html.table(["part", "value"], [[name.replace("_", " "), value] for name, value in inside.items()])
        return scores_html({"score": self}) + (parts if inside else "")


def scores_html(found: Mapping[str, Score]) -> str:
    """Scores by name as a table: value, 95 % interval, what noise and the true factors would get, and a note."""
    calibrated = any(each.floor is not None or each.ceiling is not None for each in found.values())
    noted = any(each.note for each in found.values())
    rows: list[list[object]] = []
    for name, each in found.items():
        span = html.DASH if each.interval is None else " to ".join(map(html.text, each.interval))
        row: list[object] = [name, each.value, span]
        row += [each.floor, each.ceiling] if calibrated else []
        rows.append([*row, each.note] if noted else row)
    heads = ["", "value", "95 % interval", *(["noise", "truth"] if calibrated else []), *(["note"] if noted else [])]
    return html.table(heads, rows)
