"""What every registered data set must keep, ours and other packages' alike."""

import os

import numpy as np
import pytest
import torch

from unweave.base.errors import InputError
from unweave.base.registry import datasets, likelihoods, nets
from unweave.base.settings import build, plain, settings_of
from unweave.data.base import FactorData, ImageData
from unweave.data.own.locate import located

NEEDED = ("fashion-mnist",)  # what a machine with CI=true must have; the other public sets are large
OPENED: dict[str, ImageData] = {  # data of the user's own have no `probing`; tests/data holds them to the same
    name: cls(**cls.probing) for name in datasets.names() if (cls := datasets.get(name)).probing is not None
}
ABSENT = [name for name, data in OPENED.items() if name not in NEEDED and not data.at_hand]


def at_hand(kind: type[ImageData] = ImageData) -> list[str]:
    return [name for name, data in OPENED.items() if isinstance(data, kind) and name not in ABSENT]


def rng():
    return np.random.default_rng(0)


def opened(request) -> ImageData:
    made = OPENED[request.param]
    if not made.at_hand:
        must = os.environ.get("CI", "").lower() == "true"
        (pytest.fail if must else pytest.skip)(f"{request.param} is not on this machine, and tests download nothing")
    return made


data = pytest.fixture(opened, params=at_hand(), name="data")
known = pytest.fixture(opened, params=at_hand(FactorData), name="known")


@pytest.mark.parametrize("name", ABSENT)
def test_a_set_that_is_absent_says_which_file_it_needs(name):
    with pytest.raises(InputError, match=f"{name} needs the file"):
        OPENED[name].images(np.array([0]))


@pytest.mark.parametrize("name", datasets.names())
def test_settings_have_help_and_survive_a_round_trip(name):
    cls = datasets.get(name)
    assert all(setting.help for setting in settings_of(cls))
    assert datasets.name_of(cls) == name
    assert datasets.summary(name).endswith((".", "?"))
    if name in OPENED:
        assert build(cls, plain(OPENED[name]), of=name) == OPENED[name]
        assert located(OPENED[name]) == {"name": name, **plain(OPENED[name])}


def test_images_have_the_declared_shape_and_range(data: ImageData):
    assert len(data) > 0
    indices = rng().integers(0, len(data), 20)
    images = data.images(indices)
    assert images.shape == (20, *data.image_shape)
    assert images.dtype == torch.float32
    assert images.isfinite().all()
    if data.bounded:
        assert 0 <= images.min() <= images.max() <= 1
    assert torch.equal(images, data.images(indices))
    assert torch.equal(images[3:4], data.images(indices[3:4]))


def test_the_default_net_and_likelihood_are_known_and_suit_the_images(data: ImageData):
    likelihood = build(likelihoods.get(data.likelihood), data.likelihood_settings, of=data.likelihood)
    net = nets.get(data.net)()
    images = data.images(rng().integers(0, len(data), 8))
    heads = net.encoder(data.image_shape, {"mean": 2, "log_variance": 2})(images)
    output = net.decoder(2, data.image_shape, likelihood.outputs)(heads["mean"])
    assert likelihood.nll(output, images).isfinite().all()
    assert likelihood.image(output).shape == images.shape


def test_labels_number_every_image_by_its_class(data: ImageData):
    if data.labels is None:
        assert not data.classes
        return
    assert data.labels.shape == (len(data),)
    assert data.labels.dtype == np.int64
    assert data.labels.min() == 0
    assert len(data.classes) in (0, data.labels.max() + 1)


def test_indices_out_of_range_are_refused(data: ImageData):
    for wrong in (-1, len(data)):
        with pytest.raises(InputError, match=rf"indices must lie between 0 and {len(data) - 1}, got .*{wrong}"):
            data.images(np.array([0, wrong]))
    with pytest.raises(InputError, match="indices must be integers"):
        data.images(np.array([0.5]))


def test_index_and_factors_at_undo_each_other(known: FactorData):
    numbers = np.unique(np.append(rng().integers(0, len(known), 500), [0, len(known) - 1]))
    factors = known.factors_at(numbers)
    np.testing.assert_array_equal(known.index(factors), numbers)
    assert factors[0].tolist() == [0] * len(known.sizes)
    assert factors[-1].tolist() == [size - 1 for size in known.sizes]
    assert len(known) == np.prod(known.sizes)
    assert len(np.unique(factors, axis=0)) == len(numbers)


def test_the_last_factor_varies_fastest(known: FactorData):
    assert known.factors_at(np.array([1]))[0].tolist() == [0] * (len(known.sizes) - 1) + [1]


def test_render_and_images_show_the_same(known: FactorData):
    factors = known.sample_factors(20, rng())
    assert torch.equal(known.render(factors), known.images(known.index(factors)))


def test_factors_carry_a_value_for_each_number(known: FactorData):
    assert len(set(known.names)) == len(known.names) == len(known.factors)
    for factor in known.factors:
        assert len(factor.values) == factor.size
        assert len(set(factor.values)) == factor.size


def test_declared_symmetries_are_real(known: FactorData):
    for symmetry in known.symmetries:
        k = known.names.index(symmetry.factor)
        one = known.sample_fixed(k, 40, rng(), symmetry.value)
        for name, needed in symmetry.where:
            one[:, known.names.index(name)] = needed
        other = one.copy()
        other[:, k] = symmetry.same_as
        assert torch.equal(known.render(one), known.render(other))
        np.testing.assert_array_equal(known.canonical(one), known.canonical(other))


def test_without_symmetries_every_factor_changes_some_image(known: FactorData):
    for k, size in enumerate(known.sizes):
        if size == 1:
            continue
        first, last = known.sample_fixed(k, 20, rng(), 0), known.sample_fixed(k, 20, rng(), size // 2)
        assert not torch.equal(known.render(first), known.render(last))


def test_samples_cover_all_values_and_fixed_ones_keep_theirs(known: FactorData):
    drawn = known.sample_factors(2_000, rng())
    assert drawn.shape == (2_000, len(known.sizes))
    for column, size in zip(drawn.T, known.sizes, strict=True):
        assert set(column.tolist()) == set(range(size))
    for k, size in enumerate(known.sizes):
        fixed = known.sample_fixed(k, 50, rng())
        assert len(set(fixed[:, k].tolist())) == 1
        assert set(known.sample_fixed(k, 50, rng(), size - 1)[:, k].tolist()) == {size - 1}


def test_wrong_factors_are_refused(known: FactorData):
    good = known.sample_factors(3, rng())
    with pytest.raises(InputError, match=r"factors must have shape \(n, "):
        known.render(good[:, 1:])
    with pytest.raises(InputError, match="factors must be integers, got float64"):
        known.render(good.astype(np.float64))
    too_large = good.copy()
    too_large[1, 0] = known.sizes[0]
    with pytest.raises(InputError, match=f"factor {known.names[0]} must lie between 0 and"):
        known.render(too_large)
    with pytest.raises(InputError, match="k must lie between 0 and"):
        known.sample_fixed(len(known.sizes), 3, rng())
