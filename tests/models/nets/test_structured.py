"""The nets of the pinwheel and of Fashion-MNIST: sizes, posterior widths, starts, batch normalisation."""

import pytest
import torch
from torch import nn

from unweave.models.nets.base import build
from unweave.models.nets.fashion_conv import FashionConv
from unweave.models.nets.pinwheel_mlp import PinwheelMLP

TWO, FIFTY = ({"mean": d, "log_variance": d} for d in (2, 50))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_counts_as_published():
    assert count(PinwheelMLP().encoder((1, 1, 2), TWO)) == 704
    assert count(PinwheelMLP().decoder(2, (1, 1, 2), outputs=2)) == 704
    assert count(FashionConv().encoder((1, 32, 32), FIFTY)) == 369_636
    assert count(FashionConv().decoder(50, (1, 32, 32), outputs=1)) == 267_200


@pytest.mark.parametrize(("net", "shape"), [(PinwheelMLP(), (1, 1, 2)), (FashionConv(channels=4), (1, 32, 32))])
def test_the_posterior_width_is_a_softplus_with_a_floor(net, shape):
    encoder = net.encoder(shape, TWO).eval()
    x = torch.randn(6, *shape, generator=torch.Generator().manual_seed(0))
    raw = encoder.encoder(x)["log_variance"]
    std = (encoder(x)["log_variance"] / 2).exp()
    torch.testing.assert_close(std, nn.functional.softplus(raw) + 1e-6)
    with torch.no_grad():
        encoder.encoder.heads["log_variance"].bias.fill_(-1e4)
    lowest = encoder(x)["log_variance"]
    assert lowest.isfinite().all()
    torch.testing.assert_close((lowest / 2).exp(), torch.full_like(lowest, 1e-6))


def test_fashion_starts_from_narrow_normals_everywhere():
    rng = torch.Generator().manual_seed(0)
    for module in build(FashionConv(), (1, 32, 32), FIFTY, 50, 1, rng):
        for layer in module.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
                assert layer.weight.abs().max() > 2.5 * 0.02
                assert layer.bias is None or not layer.bias.any()


def test_batch_normalisation_makes_codes_of_one_image_depend_on_the_batch_only_in_training():
    encoder = FashionConv(channels=4).encoder((1, 32, 32), TWO)
    x = torch.rand(8, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    alone, together = encoder(x[:4])["mean"], encoder(x)["mean"][:4]
    assert not torch.allclose(alone, together)
    encoder.eval()
    torch.testing.assert_close(encoder(x[:4])["mean"], encoder(x)["mean"][:4])


def test_fashion_encoder_leaks_and_its_decoder_does_not():
    kinds = [
        {type(m) for m in part.modules()}
        for part in (FashionConv().encoder((1, 32, 32), TWO), FashionConv().decoder(2, (1, 32, 32), 1))
    ]
    assert nn.LeakyReLU in kinds[0]
    assert nn.ReLU not in kinds[0]
    assert nn.ReLU in kinds[1]
    assert nn.LeakyReLU not in kinds[1]


def test_deeper_perceptrons_for_longer_vectors():
    net = PinwheelMLP(hidden=10, layers=3)
    assert count(net.encoder((1, 1, 7), TWO)) == (7 * 10 + 10) + 2 * 110 + 2 * 22
    assert net.decoder(2, (1, 1, 7), 2)(torch.zeros(5, 2)).shape == (5, 2, 1, 7)
