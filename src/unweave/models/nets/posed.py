"""A net with built-in rotation, shift and scale: some latents transform a canonical image, others set its content."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.records import Codes, Images
from unweave.models.nets.broadcast import Broadcast
from unweave.models.nets.convolution import Conv2d
from unweave.models.nets.layers import dense, halved, halving

REACH, STRETCH = 0.5, 0.25  # of a latent of 1: half-widths of the image that it shifts by, log of the size
LARGEST_STRETCH = 1.5  # log of the size that any latent can bring about
FINDING = 16  # channels of the map that finds the object
SHARP = 3.0  # of the softmax that the choice of an angle gets its gradient from
NARROW = -4.0  # where the log variance of angle and shift begins: a wide posterior would hide them from the decoder
STANDS_OUT = 5.0  # where that map begins: weight of a pixel's difference from the image's median


@dataclass(frozen=True)
class Posed(Broadcast):
    """The net `broadcast` with a pose: its decoder draws a canonical image and turns, shifts and scales it.

    The first latents are the pose, in this order: two whose direction is the angle (with `turns` of 2 or more), two for
    the shift along columns and rows (`shift`), one for the log of the size (`scale`). The others and the categories
    decide what the canonical image shows. A pixel at x of the image is read at R(angle)' (x - t) / s of the canonical
    one, linearly between its pixels, with the border continued.

    The encoder first finds the object: a map of weights over places, at first of what differs from the image's median,
    whose centre of mass is the shift. It looks at the object from there, and turns what it sees to each of `turns`
    angles; one stack of convolutions looks at all of them and chooses the one that suits best (a hard choice, with the
    gradient of a softmax: an average over angles has none, and all that is drawn stays round). A vector that is told
    there refines the angle, and all other features are those of that view. A turn of the image by 360 / `turns`
    degrees thus turns the angle alone.

    This is knowledge that the other nets do not have: never compare scores of it with theirs unmarked. Sources: for
    coordinates as a pose Bepler et al. 2019, https://arxiv.org/abs/1909.11663; for the angle found among a set and then
    refined Nasiri and Bepler 2022, https://arxiv.org/abs/2210.12918; the net is our own.

    >>> net = Posed(turns=4)
    >>> net.pose
    5
    >>> net.decoder(6, (1, 32, 32), 1)(torch.zeros(3, 6)).shape
    torch.Size([3, 1, 32, 32])
    """

    turns: Annotated[int, "number of angles at which the encoder sees an image; 1: no rotation", Range(1)] = 8
    shift: Annotated[bool, "the object may be anywhere in the image"] = True
    scale: Annotated[bool, "the object may be of any size"] = True

    takes: ClassVar = Broadcast.takes[:3]

    @property
    def pose(self) -> int:
        """How many latents are the pose."""
        return 2 * (self.turns > 1) + 2 * self.shift + self.scale

    def encoder(self, image_shape: tuple[int, int, int], heads: Mapping[str, int]) -> nn.Module:
        """The stack of convolutions of `conv` behind what finds and turns."""
        self._check("latents", heads.get("mean", 0))
        size, channels = self._fitted(image_shape)
        height, width = halved(size, len(channels))[-1]
        stem = [*halving((image_shape[0], *channels)), nn.Flatten()]
        body = nn.Sequential(*stem, *dense((channels[-1] * height * width, self.hidden)))
        return Posing(self, image_shape, body, heads)

    def decoder(self, width: int, image_shape: tuple[int, int, int], outputs: int) -> nn.Module:
        """The decoder of `broadcast` for the canonical image, and the pose that moves it."""
        self._check("latents and categories together", width)
        return Canonical(self, super().decoder(max(1, width - self.pose), image_shape, outputs), width)

    def _check(self, what: str, width: int) -> None:
        if width < self.pose or (what != "latents" and width == self.pose):
            least = self.pose + (what != "latents")
            raise InputError(f"{what} must be {least} or more for a pose of {self.pose} numbers, got {width}")


class Canonical(nn.Module):
    """Codes to an image: what stands for itself is drawn, and the pose moves it.

    The first layer takes all codes, so that they can be brought to another scale and offset exactly. It never mixes the
    pose with the rest: else the length of the angle's two latents, which moves nothing, would tell what is shown.
    """

    apart: Tensor

    def __init__(self, net: Posed, draw: nn.Module, width: int) -> None:
        super().__init__()
        self.read = own_start(nn.Linear(width, width))
        self.draw, self.net, self.moves = draw, net, True
        with torch.no_grad():
            self.read.weight.copy_(torch.eye(width))
            self.read.bias.zero_()
        apart = torch.eye(width)
        apart[net.pose :, net.pose :] = 1
        self.register_buffer("apart", apart, persistent=False)

    def forward(self, z: Codes) -> Images:
        """Logits of the moved images, or of the canonical ones inside `still`."""
        codes = functional.linear(z, self.read.weight * self.apart, self.read.bias)
        canonical = self.draw(codes[:, self.net.pose :])
        if not self.moves:
            return canonical
        height, width = canonical.shape[-2:]
        where = placed(codes, self.net, height, width)
        grid = functional.affine_grid(where, [len(z), 1, height, width], align_corners=False)
        return functional.grid_sample(canonical.contiguous(), grid, padding_mode="border", align_corners=False)

    @contextmanager
    def still(self) -> Generator[None]:
        """Inside, images are drawn as they are before the pose moves them."""
        self.moves = False
        try:
            yield
        finally:
            self.moves = True


def placed(codes: Codes, net: Posed, height: int, width: int) -> Tensor:
    """Where each pixel is read, (n, 2, 3): canonical = R(angle)' (x - t) / s, x and t in half-widths of the image.

    >>> placed(torch.tensor([[0.0, 1.0, 0, 0, 0]]), Posed(), 32, 32)[0].round(decimals=3).tolist()
    [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]
    """
    n, at = len(codes), 0
    turn = torch.eye(2).to(codes).expand(n, 2, 2)
    if net.turns > 1:
        turn = turned(functional.normalize(codes[:, :2], dim=1)).transpose(1, 2)
        at = 2
    shift = torch.zeros(n, 2).to(codes)
    if net.shift:
        shift, at = REACH * codes[:, at : at + 2], at + 2
    if net.scale:
        turn = turn * torch.exp(-(STRETCH * codes[:, at]).clamp(-LARGEST_STRETCH, LARGEST_STRETCH))[:, None, None]
    sides = torch.tensor([width, height]).to(codes)
    turn = turn * sides / sides[:, None]  # an image that is no square is turned in pixels, not in half-widths
    return torch.cat([turn, -turn @ shift[:, :, None]], dim=2)


def turned(direction: Tensor) -> Tensor:
    """The rotation (n, 2, 2) that turns (1, 0) into a direction (n, 2) of length 1."""
    cos, sin = direction.unbind(1)
    return torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)


class Posing(nn.Module):
    """Images to heads, by way of where the object is and which way it is turned."""

    angles: Tensor

    def __init__(
        self, net: Posed, image_shape: tuple[int, int, int], body: nn.Module, heads: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.net, self.body = net, body
        if net.shift:
            first, second = Conv2d(image_shape[0], FINDING, 5, stride=2, padding=2), Conv2d(FINDING, 1, 5, padding=2)
            self.find = nn.Sequential(first, nn.ReLU(), second)
        if net.turns > 1:
            self.suits, self.refine = nn.Linear(net.hidden, 1, bias=False), own_start(nn.Linear(net.hidden, 2))
            turns = 2 * math.pi * torch.arange(net.turns) / net.turns
            self.register_buffer("angles", torch.stack([turns.cos(), turns.sin()], 1), persistent=False)
        told = 2 * (net.turns > 1) + 2 * net.shift  # of the features, what finding and turning say of the pose
        self.heads = nn.ModuleDict({name: nn.Linear(net.hidden + told, size) for name, size in heads.items()})
        self._start(told)

    @torch.no_grad()
    def _start(self, told: int) -> None:
        """The pose's means begin as what finding and turning say, all other means without it."""
        if self.net.turns > 1:
            self.refine.weight.zero_()
            self.refine.bias.copy_(torch.tensor([1.0, 0.0]))
        mean = self.heads["mean"]
        assert isinstance(mean, nn.Linear)
        own_start(mean)
        nn.init.xavier_uniform_(mean.weight)
        nn.init.zeros_(mean.bias)
        mean.weight[:, self.net.hidden :] = 0
        mean.weight[:told] = 0
        mean.weight[:told, self.net.hidden :] = torch.eye(told)
        width = self.heads["log_variance"]
        assert isinstance(width, nn.Linear)
        own_start(width)
        nn.init.xavier_uniform_(width.weight)
        nn.init.zeros_(width.bias)
        width.weight[:told] = 0
        width.bias[:told] = NARROW

    def forward(self, x: Images) -> dict[str, Codes]:
        """Images to the numbers of every head, in the order of the heads."""
        n, turns = len(x), self.net.turns
        told: list[Tensor] = []
        shift = torch.zeros(n, 2).to(x)
        if self.net.shift:
            shift = centre(self.find(x) + STANDS_OUT * functional.avg_pool2d(standing_out(x), 2, ceil_mode=True))
        if turns > 1:
            seen = self._seen(x, shift)  # (n turns, C, H, W)
            features = self.body(seen).unflatten(0, (n, turns))
            weights = chosen(self.suits(features)[..., 0])[..., None]  # (n, turns, 1)
            own = turned(self.angles).to(x) @ self.refine(features)[..., None]
            told.append((weights * own[..., 0]).sum(1))
            hidden = (weights * features).sum(1)
        else:
            hidden = self.body(looked_at(x, torch.eye(2).to(x).expand(n, 2, 2), shift))
        if self.net.shift:
            told.append(shift / REACH)
        read = torch.cat([hidden, *told], dim=1)
        return {name: head(read) for name, head in self.heads.items()}

    def _seen(self, x: Images, shift: Tensor) -> Images:
        """Each image as it looks when turned back by each of the angles about its object."""
        n, turns = len(x), self.net.turns
        turn = turned(self.angles).to(x).repeat(n, 1, 1)
        return looked_at(x.repeat_interleave(turns, 0), turn, shift.repeat_interleave(turns, 0))


def chosen(fit: Tensor) -> Tensor:
    """1 for the largest of each row (n, k) and 0 for the others, with the gradient of a softmax of standardised rows.

    >>> chosen(torch.tensor([[0.1, 0.3, 0.2]])).tolist()
    [[0.0, 1.0, 0.0]]
    """
    apart = fit - fit.mean(1, keepdim=True)
    soft = (SHARP * apart / (apart.square().mean(1, keepdim=True) + 1e-12).sqrt()).softmax(1)
    hard = functional.one_hot(soft.argmax(1), fit.shape[1]).to(soft)
    return hard + (soft - soft.detach())


def looked_at(x: Images, turn: Tensor, shift: Tensor) -> Images:
    """Images with what lies at `shift` (n, 2) in the middle, turned back by the rotations `turn` (n, 2, 2)."""
    sides = torch.tensor([x.shape[-1], x.shape[-2]]).to(x)
    where = torch.cat([turn * sides / sides[:, None], shift[:, :, None]], dim=2)
    grid = functional.affine_grid(where, [len(x), 1, *x.shape[-2:]], align_corners=False)
    return functional.grid_sample(x.contiguous(), grid, padding_mode="border", align_corners=False)


def standing_out(x: Images) -> Images:
    """How far each pixel is from the median of its image, (n, 1, H, W), mean over channels."""
    return (x - x.flatten(2).median(dim=2).values[..., None, None]).abs().mean(1, keepdim=True)


def centre(weights: Images) -> Tensor:
    """The centre of mass (n, 2), in half-widths from the middle, of a softmax over places of maps (n, 1, h, w).

    >>> peak = torch.zeros(1, 1, 3, 3)
    >>> peak[0, 0, 0, 2] = 50.0
    >>> torch.allclose(centre(peak), torch.tensor([[2 / 3, -2 / 3]]))
    True
    """
    height, width = weights.shape[-2:]
    share = weights.flatten(1).softmax(1).unflatten(1, (height, width))
    rows, columns = (((2 * torch.arange(side) + 1) / side - 1).to(weights) for side in (height, width))
    return torch.stack([(share.sum(1) * columns).sum(1), (share.sum(2) * rows).sum(1)], 1)


def own_start(layer: nn.Linear) -> nn.Linear:
    """Mark a layer whose weights `initialise` leaves as they are."""
    object.__setattr__(layer, "own_start", True)  # no weight, nor a module
    return layer
