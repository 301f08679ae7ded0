"""Convolutions that train faster on the CPU: the same layers, weights and numbers, with cheaper gradients.

Measured on two cores with AVX-512 and torch 2.13: where a convolution has a bias, torch's backward pass costs up to
twice that of the same layer without one, while the bias's gradient is only a sum; and a transposed convolution to a
single channel leaves the vector units empty, while a matrix product and four shifted additions fill them.
benchmarks/throughput.py shows what each brings.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad


def _on_cpu(x: Tensor) -> bool:
    """Whether plain torch computes on the CPU, in float32; elsewhere torch's own layers are as good."""
    plain = not torch.compiler.is_compiling() and not torch.is_autocast_enabled("cpu")
    return x.device.type == "cpu" and plain


class Conv2d(nn.Conv2d):
    """As torch's, in weights, names and numbers; on the CPU its bias gets its gradient by a plain sum.

    >>> layer = Conv2d(3, 8, 4, stride=2, padding=1)
    >>> layer(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 8, 8, 8])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Images (n, C, H, W) to maps."""
        trains = _on_cpu(input) and torch.is_grad_enabled()
        if not trains or self.bias is None or self.padding_mode != "zeros" or self.groups != 1:
            return super().forward(input)
        return _Convolution.apply(
            input, self.weight, self.bias, self.stride, self.padding, self.dilation, False, (0, 0)
        )


class ConvTranspose2d(nn.ConvTranspose2d):
    """As torch's, in weights, names and numbers; on the CPU faster as `Conv2d` is, and more so to one channel.

    >>> layer = ConvTranspose2d(8, 1, 4, stride=2, padding=1)
    >>> x = torch.ones(2, 8, 5, 7)
    >>> torch.allclose(layer(x), nn.functional.conv_transpose2d(x, layer.weight, layer.bias, 2, 1), atol=1e-6)
    True
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Maps (n, C, H, W) to larger ones."""
        if not _on_cpu(input) or self.bias is None or output_size is not None or self.groups != 1:
            return super().forward(input, output_size)
        doubles = (self.kernel_size, self.stride, self.padding) == ((4, 4), (2, 2), (1, 1))
        if doubles and self.out_channels == 1 and not any(self.output_padding) and self.dilation == (1, 1):
            return _ToOneChannel.apply(input, self.weight, self.bias)
        if not torch.is_grad_enabled():
            return super().forward(input)
        more = self.output_padding
        return _Convolution.apply(input, self.weight, self.bias, self.stride, self.padding, self.dilation, True, more)


class _Convolution(Function):
    """torch's convolution, whose backward pass is asked for the bias's gradient by nobody."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, *how: Any) -> Tensor:
        stride, padding, dilation, transposed, more = how
        ctx.save_for_backward(x, weight)
        ctx.how = [list(stride), list(padding), list(dilation), transposed, list(more), 1]
        return torch.ops.aten.convolution(x, weight, bias, *ctx.how)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1], False]
        for_x, for_weight, _ = torch.ops.aten.convolution_backward(grad, x, weight, None, *ctx.how, wanted)
        for_bias = grad.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return for_x, for_weight, for_bias, *[None] * 5


class _ToOneChannel(Function):
    """A transposed 4 x 4 convolution with stride 2 and padding 1 from C channels to one.

    Output pixel 2 p + a - 1 of a row is the sum over i of x[p - i] w[2 i + a], p = 0..H, a and i in {0, 1}, and the
    same down the columns. So one matrix product gives all x w (16, n H W); those with the same p and a are added into
    the four planes of even and odd places, which are then laced together. The backward pass is the same in reverse.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        n, c, h, w = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(-1, c)
        each = (weight.reshape(c, 16).t() @ rows.t()).view(2, 2, 2, 2, n, h, w)  # i, a down; i, a along
        planes = x.new_zeros(2, 2, n, h + 1, w + 1)
        planes += bias
        for i in range(2):
            for j in range(2):
                planes[..., i : i + h, j : j + w] += each[i, :, j]
        ctx.save_for_backward(rows, weight)
        ctx.shape = x.shape
        laced = planes.permute(2, 3, 0, 4, 1).reshape(n, 1, 2 * h + 2, 2 * w + 2)
        return laced[:, :, 1:-1, 1:-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        rows, weight = ctx.saved_tensors
        n, c, h, w = ctx.shape
        planes = pad(grad, (1, 1, 1, 1)).view(n, h + 1, 2, w + 1, 2).permute(2, 4, 0, 1, 3).contiguous()
        each = grad.new_empty(2, 2, 2, 2, n, h, w)
        for i in range(2):
            for j in range(2):
                each[i, :, j] = planes[..., i : i + h, j : j + w]
        flat = each.view(16, -1)
        for_x = (flat.t() @ weight.reshape(c, 16).t()).view(n, h, w, c).permute(0, 3, 1, 2)
        return for_x, (flat @ rows).t().reshape_as(weight), grad.sum((0, 2, 3))
