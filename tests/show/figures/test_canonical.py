"""Images over their reconstructions and the canonical images of a posed decoder."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import unweave
from unweave.base.errors import InputError
from unweave.show.figures.base import as_rgb
from unweave.show.figures.canonical import Canonical

SMALL = {"data.size": 32, "data.hold": "lazy", "net.channels": (4, 8), "net.hidden": 16, "net.width": 8, "net.turns": 2}


def test_the_third_row_is_the_reconstruction_without_its_pose(tmp_path, sheets):
    run = unweave.train(
        "vae", data="dsprites", net="posed", latents=7, steps=2, batch=8, out=tmp_path / "run", callbacks=[], **SMALL
    )
    Canonical(images=3, random=False)(run)
    original, made, still = sheets[-1].rows
    images = run.reference_images(3)
    assert (original == as_rgb(images)).all()
    assert (made == as_rgb(run.decode(run.encode(images)))).all()
    with run.vae.decoder.still():
        assert (still == as_rgb(run.decode(run.encode(images)))).all()
    assert not np.allclose(made, still)


def test_another_net_has_no_canonical_images(fake):
    fake.vae = SimpleNamespace(decoder=torch.nn.Identity())
    with pytest.raises(InputError, match="canonical needs a run with the net posed"):
        Canonical()(fake)
