"""Pictures: their forms and sizes, what may not be saved, and the helpers that all figures share."""

import io
import os
import subprocess
import sys
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from unweave.base.errors import CannotWrite, InputError
from unweave.base.picture import draw, write_file
from unweave.show.figures.base import as_rgb, by_rate

STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
both_kinds = pytest.mark.parametrize("name", ["traversal", "curves"])  # a sheet of images, and axes


def opened(data):
    return Image.open(io.BytesIO(data))


@both_kinds
def test_size_is_the_pngs_size_and_scales(name, fake):
    picture = draw(name, fake)
    width, height = picture.size
    assert opened(picture.png(1)).size == (width, height)
    assert opened(picture.png(2)).size == (2 * width, 2 * height)
    assert picture._repr_png_() == picture.png(2)


@both_kinds
@pytest.mark.parametrize("suffix", STARTS)
def test_saves_by_suffix_same_bytes_each_time_and_leaves_nothing_else(name, suffix, fake, tmp_path):
    first = draw(name, fake).save(tmp_path / "new" / f"a.{suffix}")
    second = draw(name, fake).save(tmp_path / "new" / f"b.{suffix}")
    assert first.read_bytes().startswith(STARTS[suffix])
    assert first.read_bytes() == second.read_bytes()
    assert sorted(file.name for file in first.parent.iterdir()) == [f"a.{suffix}", f"b.{suffix}"]


@both_kinds
def test_leaves_matplotlibs_settings_as_they_were_and_ignores_the_users(name, fake):
    usual = draw(name, fake).png(1)
    with matplotlib.rc_context({"font.size": 22, "axes.facecolor": "red", "savefig.dpi": 31}):
        before = dict(matplotlib.rcParams)
        assert draw(name, fake).png(1) == usual
        assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", ["traversal", "curves", "mutual-information"])
def test_a_name_with_dollars_is_drawn_as_it_is(name, fake):
    odd = replace(
        fake,
        title="$\\frac$ on $",
        units={"distortion": "$nats_", **fake.units},
        information=(fake.information[0], ["$a_", "$b$", "c^", "\\d"]),
    )
    assert draw(name, odd).png(1)


def test_unknown_suffix_is_refused(fake, tmp_path):
    with pytest.raises(InputError, match=r"out must end in \.png or .* got t\.bmp"):
        draw("curves", fake).save(tmp_path / "t.bmp")
    assert not list(tmp_path.iterdir())


def test_unknown_figures_and_settings_are_refused(fake):
    with pytest.raises(InputError, match="unknown figure 'traversl'"):
        draw("traversl", fake)
    with pytest.raises(InputError, match="unknown setting of traversal 'step'"):
        draw("traversal", fake, {"step": 3})


def test_figures_of_one_run_refuse_several(fake):
    for runs in ([fake, fake], []):
        with pytest.raises(InputError, match=f"a figure of one run, got {len(runs)}"):
            draw("curves", runs)
    assert draw("curves", [fake]).png(1) == draw("curves", fake).png(1)


def test_still_figures_have_no_gif(fake, tmp_path):
    picture = draw("curves", fake)
    with pytest.raises(InputError, match=r"got t\.gif"):
        picture.save(tmp_path / "t.gif")
    with pytest.raises(InputError, match="needs a figure that moves"):
        picture.gif()


def test_scale_must_be_positive(fake):
    with pytest.raises(InputError, match="scale must be more than 0"):
        draw("reconstructions", fake).png(0)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("here")
    for out in (tmp_path / "file" / "t.png", tmp_path):
        with pytest.raises(InputError, match="out must be a file that can be written"):
            write_file(out, b"")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_an_interrupted_write_keeps_the_old_file(tmp_path, monkeypatch):
    target = write_file(tmp_path / "t.png", b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space left on device"):
        write_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["t.png"]


def test_a_gif_loses_colours_then_frames_until_it_fits(fake):
    noise = np.random.default_rng(0).integers(0, 256, (8, 40, 40, 3), dtype=np.uint8)
    picture = replace(draw("reconstructions", fake), animation=lambda: list(noise))
    full, fewer_colours, fewest = (picture.gif(limit) for limit in (3_000_000, 10_000, 3_000))
    assert len(full) > 10_000 > len(fewer_colours) > 3_000 > len(fewest)
    assert [opened(data).n_frames for data in (full, fewer_colours, fewest)] == [8, 4, 2]


class TestAsRgb:
    def test_grey_becomes_three_equal_channels_and_is_clipped(self):
        shown = as_rgb(torch.tensor([[[[-1.0, 0.25], [0.5, 2.0]]]]))
        assert shown.shape == (1, 2, 2, 3)
        assert shown[0, :, :, 2].tolist() == [[0, 0.25], [0.5, 1]]

    def test_large_images_are_averaged_down(self):
        shown = as_rgb(torch.cat([torch.zeros(1, 3, 256, 128), torch.ones(1, 3, 256, 128)], dim=3))
        assert shown.shape == (1, 128, 128, 3)
        assert shown.mean() == pytest.approx(0.5)

    @pytest.mark.parametrize("shape", [(4, 2, 8, 8), (4, 8, 8)])
    def test_other_shapes_are_refused(self, shape):
        with pytest.raises(InputError, match=r"must have shape \(n, 1 or 3, H, W\), got \(4"):
            as_rgb(torch.zeros(shape))


def test_by_rate_falls_and_keeps_the_order_of_equals():
    assert by_rate(np.array([0.0, 2.0, 0.0, 3.0, 2.0])).tolist() == [3, 1, 4, 0, 2]


def test_drawing_never_imports_pyplot():
    code = (
        "import sys, unweave.show.reports, unweave.show.figures.traversal, unweave.show.figures.curves\n"
        "import unweave.base.style as s\n"
        "with s.applied(): s.figure(1, 1)\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
