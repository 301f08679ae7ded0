import pytest
import torch
from torch import nn

from unweave.models.nets.convolution import Conv2d, ConvTranspose2d

CASES = [
    (Conv2d, nn.Conv2d, {"in_channels": 3, "out_channels": 5, "kernel_size": 4, "stride": 2, "padding": 1}),
    (Conv2d, nn.Conv2d, {"in_channels": 1, "out_channels": 4, "kernel_size": 3}),
    (ConvTranspose2d, nn.ConvTranspose2d,
     {"in_channels": 6, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1}),
    (ConvTranspose2d, nn.ConvTranspose2d,
     {"in_channels": 6, "out_channels": 1, "kernel_size": 4, "stride": 2, "padding": 1}),
    (ConvTranspose2d, nn.ConvTranspose2d,
     {"in_channels": 2, "out_channels": 1, "kernel_size": 4, "stride": 2, "padding": 1, "output_padding": 1}),
    (ConvTranspose2d, nn.ConvTranspose2d, {"in_channels": 2, "out_channels": 1, "kernel_size": 3}),
]  # fmt: skip
FORMATS = [torch.contiguous_format, torch.channels_last]


def both(case, memory):
    """Our layer and torch's, with the same weights in the same memory format."""
    ours_class, theirs_class, settings = case
    ours, theirs = ours_class(**settings), theirs_class(**settings)
    theirs.load_state_dict(ours.state_dict())
    return ours.to(memory_format=memory), theirs.to(memory_format=memory)


def results(layer, x, weight_of_output):
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    layer.zero_grad()
    y = layer(x)
    (y * weight_of_output).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("memory", FORMATS, ids=["nchw", "channels last"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__} to {case[2]['out_channels']}")
def test_output_and_gradients_are_those_of_torch(case, memory):
    ours, theirs = both(case, memory)
    x = torch.randn(4, case[2]["in_channels"], 9, 6).to(memory_format=memory)
    g = torch.randn_like(theirs(x))
    for mine, its in zip(results(ours, x, g), results(theirs, x, g), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES[:4], ids=lambda case: f"{case[0].__name__} to {case[2]['out_channels']}")
def test_gradients_are_exact_in_double_precision(case):
    layer = both(case, torch.contiguous_format)[0].double()
    x = torch.randn(2, case[2]["in_channels"], 4, 5, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (x,))
    weights = dict(layer.named_parameters())
    assert torch.autograd.gradcheck(
        lambda w, b: torch.func.functional_call(layer, {"weight": w, "bias": b}, (x.detach(),)),
        (weights["weight"], weights["bias"]),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__} to {case[2]['out_channels']}")
def test_without_gradients_it_is_torch_own_layer_and_to_one_channel_what_training_sees(case):
    ours, theirs = both(case, torch.channels_last)
    x = torch.randn(3, case[2]["in_channels"], 8, 8).to(memory_format=torch.channels_last)
    with torch.no_grad():
        found, expected = ours(x), theirs(x)
    if case[0] is ConvTranspose2d and case[2]["out_channels"] == 1:
        assert torch.equal(found, ours(x))
        torch.testing.assert_close(found, expected)
    else:
        assert torch.equal(found, expected)


def test_frozen_weights_and_inputs_get_no_gradient():
    layer = Conv2d(2, 3, 4, stride=2, padding=1)
    layer.weight.requires_grad_(False)
    x = torch.randn(2, 2, 8, 8)
    layer(x).sum().backward()
    assert layer.weight.grad is None
    assert torch.allclose(layer.bias.grad, torch.full((3,), 2.0 * 4 * 4))
    assert x.grad is None


def test_without_a_bias_or_with_groups_torch_does_it():
    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    for layer in (Conv2d(4, 4, 3, bias=False), Conv2d(4, 4, 3, groups=2), ConvTranspose2d(4, 4, 3, groups=2)):
        layer(x).sum().backward()
    assert x.grad is not None


def test_twenty_steps_of_training_lose_what_plain_torch_loses():
    """The issue that asked for speed asks for the same losses to 1e-4 of their size."""

    def losses(conv, transposed, memory, inplace):
        torch.manual_seed(0)
        net = nn.Sequential(
            conv(1, 8, 4, 2, 1), nn.ReLU(inplace), conv(8, 16, 4, 2, 1), nn.ReLU(inplace),
            transposed(16, 8, 4, 2, 1), nn.ReLU(inplace), transposed(8, 1, 4, 2, 1),
        ).to(memory_format=memory)  # fmt: skip
        adam = torch.optim.Adam(net.parameters(), lr=1e-3)
        found = []
        for _ in range(20):
            x = torch.rand(16, 1, 32, 32).round().to(memory_format=memory)
            loss = nn.functional.binary_cross_entropy_with_logits(net(x), x, reduction="sum") / len(x)
            adam.zero_grad()
            loss.backward()
            adam.step()
            found.append(loss.item())
        return found

    plain = losses(nn.Conv2d, nn.ConvTranspose2d, torch.contiguous_format, inplace=False)
    assert losses(Conv2d, ConvTranspose2d, torch.channels_last, inplace=True) == pytest.approx(plain, rel=1e-4)
