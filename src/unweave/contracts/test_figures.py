"""What every registered figure must keep, ours and other packages' alike."""

import io

import matplotlib
import pytest
from PIL import Image

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.settings import build, plain, settings_of
from unweave.run.launch import train

each_figure = pytest.mark.parametrize("name", registry.figures.names())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of four steps on small images with known factors; figures that need more say so."""
    data = {"data": "dsprites", "data.size": 32, "data.hold": "lazy"}
    net = {"net": "conv", "net.channels": (4, 4), "net.hidden": 8}
    about = {**data, **net, "latents": 3, "batch": 4, "steps": 4, "threads": 1, "callbacks": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unweave.run.run.POOL", 500)
        yield train("vae", out=tmp_path_factory.mktemp("runs") / "run", **about)


@each_figure
def test_a_run_is_drawn_alike_each_time_or_refused_with_a_sentence(name, run):
    before = dict(matplotlib.rcParams)
    try:
        picture = run.draw(name)
    except InputError:
        with pytest.raises(InputError, match=f"^{name} needs "):
            run.draw(name)
        return
    drawn = picture.png(1)
    assert Image.open(io.BytesIO(drawn)).size == picture.size
    assert drawn == run.draw(name).png(1) != run.draw(name, theme="dark").png(1)
    assert picture.alt.endswith(".")
    assert run.title in picture.alt or getattr(registry.figures.get(name), "several", False)
    assert dict(matplotlib.rcParams) == before


@each_figure
def test_settings_have_help_and_survive_a_round_trip(name, run):
    cls = registry.figures.get(name)
    assert all(each.help for each in settings_of(cls))
    assert build(cls, plain(cls()), of=name) == cls()
    assert cls.__dataclass_params__.frozen
    assert registry.figures.name_of(cls) == name
    assert registry.figures.summary(name).endswith((".", "?"))
    with pytest.raises(InputError, match=f"unknown setting of {name} 'nothing'"):
        run.draw(name, nothing=1)
