"""3D Chairs: small archives and folders of its form, the cut before the shrinking, and what is refused."""

import io
import tarfile
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from tests.data.contract import keep

from unweave.base.errors import InputError
from unweave.data.published.chairs3d import Chairs3D

NAMES = [
    f"{chair}/renders/image_{k:03d}_p020_t{t:03d}_r096.png" for chair in ("1a2b", "ff00") for k, t in [(0, 0), (1, 11)]
]


@dataclass(frozen=True)
class Small(Chairs3D):
    count = 4


def png(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png", compress_level=1)
    return content.getvalue()


def view(k):
    """White around, a colour of its own in the middle 400 x 400: cut first, nothing of the white is left."""
    pixels = np.full((600, 600, 3), 255, np.uint8)
    pixels[100:500, 100:500] = [40 * k, 100, 50]
    return pixels


def grey(k):
    return (299 * 40 * k + 587 * 100 + 114 * 50) / 1000


@pytest.fixture(scope="module")
def content():
    return {name: png(view(k)) for k, name in enumerate(NAMES)}


def write(folder, content, pack=True):
    folder.mkdir(exist_ok=True)
    if not pack:
        for name, data in content.items():
            (folder / "rendered_chairs" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "rendered_chairs" / name).write_bytes(data)
        return str(folder)
    with tarfile.open(folder / "rendered_chairs.tar", "w") as archive:
        for name, data in reversed([*content.items(), ("all_chair_names.mat", b"other")]):
            member = tarfile.TarInfo(f"rendered_chairs/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return str(folder)


@pytest.mark.parametrize("pack", [True, False])
def test_views_are_cut_shrunk_grey_and_in_the_order_of_their_names(tmp_path, own_cache, content, pack):
    data = Small(folder=write(tmp_path / "own", content, pack))
    keep(data)
    assert data.image_shape == (1, 64, 64)
    shown = data.images(np.arange(4)).numpy() * 255
    np.testing.assert_allclose(shown, np.broadcast_to([[[[grey(k)]]] for k in range(4)], shown.shape), atol=1)


def test_other_archives_are_refused(tmp_path, own_cache, content):
    some = dict(list(content.items())[:3])
    with pytest.raises(InputError, match=r"must hold 4 pictures \(\.png\)"):
        _ = Small(folder=write(tmp_path / "a", some)).stored
    small = {**some, NAMES[3]: png(view(0)[:300])}
    with pytest.raises(InputError, match=r"t011_r096\.png in .*: it must be 400 x 400 or larger"):
        _ = Small(folder=write(tmp_path / "b", small)).stored
    with pytest.raises(InputError, match=r"t011_r096\.png in .*: the picture cannot be read"):
        _ = Small(folder=write(tmp_path / "c", {**some, NAMES[3]: b"x"})).stored
    with pytest.raises(InputError, match="nothing that leads out of it"):
        _ = Small(folder=write(tmp_path / "d", {**some, "../../up.png": b"x"})).stored
    folder = write(tmp_path / "e", content)
    path = tmp_path / "e" / "rendered_chairs.tar"
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(InputError, match=r"rendered_chairs\.tar must be a complete tar archive"):
        _ = Small(folder=folder).stored
