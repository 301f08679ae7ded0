"""The explorer as one file in real Chromium: the page decodes as torch does, and asks nobody for anything."""

import numpy as np
import pytest
import torch
from tests.browser.conftest import PLANE, pixels, settle
from tests.browser.test_explorer import AUDIT, dial, slider, value

from unweave.base import registry
from unweave.base.records import Latents
from unweave.models.distributions.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian, Laplace
from unweave.models.distributions.mixed import Mixed
from unweave.models.nets import build
from unweave.models.nets.mlp import ACTIVATIONS
from unweave.models.trained import Model
from unweave.models.vae import VAE, Units
from unweave.show.explorer.exhibit import Exhibit
from unweave.show.export import web

pytestmark = pytest.mark.xdist_group("browser")

RUN = """([facts, model, weights]) => {
  for (const [id, text] of Object.entries({ facts, model, weights })) {
    const script = document.createElement("script");
    script.type = "text/plain";
    script.id = id;
    script.textContent = text;
    document.body.append(script);
  }
}"""
DECODE = """async (rows) => {
  const facts = await window.unweaveEngine.facts();
  const frames = await window.unweaveEngine.decode(rows);
  return [facts.foot, frames.map((frame) => Array.from(frame))];
}"""


def model_of(net, image_shape, likelihood=None, *, units=False, categories=(), **settings):
    """A VAE of random weights around this net, in evaluation, and with statistics that are not those of the start."""
    made = registry.nets.get(net)(**settings)
    likelihood = likelihood or Bernoulli()
    rng = torch.Generator().manual_seed(0)
    latents = Latents(4, categories)
    heads = {"mean": 4, "log_variance": 4}
    encoder, decoder = build(made, image_shape, heads, latents.width, likelihood.outputs, rng)
    for name, values in [*decoder.named_parameters(), *decoder.named_buffers()]:
        if values.is_floating_point():
            noise = torch.randn(values.shape, generator=rng)
            values.data = noise.abs() + 0.5 if name.endswith("running_var") else values.data * 1.5 + 0.05 * noise
    measure = None
    if units:
        measure = Units(image_shape).measure(5 + 3 * torch.randn(20, *image_shape, generator=rng), image_shape[2])
    return Model(VAE(encoder, decoder, torch.nn.Identity(), likelihood, latents, units=measure).eval(), image_shape,
                 bounded=not units)  # fmt: skip


def frames_of(chromium, model):
    """Frames of five codes, by torch and by the page's engine."""
    rows = torch.randn(5, 4, generator=torch.Generator().manual_seed(1)).numpy()
    channels, height, width = model.image_shape
    facts = {
        "shape": [channels, height, width], "vector": channels == height == 1, "samples": [{"codes": [0, 0, 0, 0],
        "categories": []}], "columns": [{"low": 0, "high": 1}] * width, "names": {}, "key": "k",
    }  # fmt: skip
    shown = Exhibit(model, None, 0.0, 1.0, facts)
    weights = web._Weights()
    described = web._json(web._model(shown, weights))
    facts["check"] = web.b64encode(shown.decoded(np.zeros((1, 4), np.float32))).decode()
    page = chromium.new_page()
    page.goto("about:blank")
    page.evaluate(RUN, [web._json(facts), described, weights.base64()])
    page.add_script_tag(path=str(web.files("unweave.show.export").joinpath("web_engine.js")))
    foot, found = page.evaluate(DECODE, rows.tolist())
    page.close()
    kind = "<f4" if facts["vector"] else np.uint8
    return np.frombuffer(shown.decoded(rows), kind).reshape(5, -1), np.array(found), foot


SHAPES = {"fashion-conv": (3, 32, 32), "pinwheel-mlp": (1, 1, 7), "mlp": (1, 8, 8), "conv": (2, 17, 33)}


@pytest.mark.parametrize("net", [name for name in registry.nets.names() if name != "posed"])  # no sampling on a grid
def test_every_net_decodes_as_torch_does(chromium, net):
    settings = {"hidden": 40} if net == "higgins-mlp" else {}
    right, found, foot = frames_of(chromium, model_of(net, SHAPES.get(net, (1, 64, 64)), **settings))
    assert right.std(axis=0).max() > 0.02  # codes matter
    assert np.abs(found - right.astype(float)).max() <= (1 if right.dtype == np.uint8 else 1e-5)
    assert "at most 0" in foot or "at most 1/255" in foot


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(chromium, activation):
    right, found, _ = frames_of(chromium, model_of("mlp", (1, 1, 12), activation=activation))
    assert np.abs(found - right).max() < 2e-6


@pytest.mark.parametrize(
    "likelihood",
    [ContinuousBernoulli(), Gaussian(), Gaussian(squash=False), Gaussian(learn_scale=True), Laplace(squash=False),
     Mixed(categories=(3, 2)), Mixed(categories=(12,), learn_scale=True)],
    ids=str,
)  # fmt: skip
def test_every_likelihood(chromium, likelihood):
    right, found, _ = frames_of(chromium, model_of("mlp", (1, 1, 12), likelihood))
    # torch's own float32 loses digits of 1 / (1 - exp(-a)) - 1 / a near a = 0
    assert np.abs(found - right).max() < (2e-4 if isinstance(likelihood, ContinuousBernoulli) else 2e-6)


def test_units_of_a_table(chromium):
    right, found, _ = frames_of(chromium, model_of("mlp", (1, 1, 12), Gaussian(squash=False), units=True))
    assert np.abs(right).max() > 1
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)


def test_places_that_a_model_never_tells_stay_silent(chromium):
    right, found, _ = frames_of(chromium, model_of("dlib-conv", (1, 32, 32), categories=(3,)))
    assert np.abs(found - right.astype(float)).max() <= 1


@pytest.fixture(scope="module")
def file(moved, tmp_path_factory):
    return web.write_page(moved, tmp_path_factory.mktemp("web") / "page.html")


def test_the_file_works_alone_and_shows_torchs_pixels(tab, file, moved):
    page = tab(f"file://{file}")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.inner_text("#foot").endswith("at most 0/255 apart.") or "1/255" in page.inner_text("#foot")
    image = moved.reference_images(12)[:1]
    code, categories = moved.encode(image), moved.categories(image)
    right = (moved.decode(code, categories)[0, 0] * 255).round().numpy()
    assert np.abs(np.array(pixels(page)).reshape(32, 32, 4)[..., 0] - right).max() <= 1
    page.get_by_label("Value of z0", exact=True).fill("2.5")
    page.get_by_label("Category 0: 1", exact=True).click()
    settle(page)
    code[0, 0], categories[0, 0] = 2.5, 1
    moved_on = (moved.decode(code, categories)[0, 0] * 255).round().numpy()
    assert np.abs(np.array(pixels(page)).reshape(32, 32, 4)[..., 0] - moved_on).max() <= 1
    assert np.abs(moved_on - right).max() > 10
    slider(page, 1).press("ArrowRight")
    with page.expect_download():
        page.click("#save-gif")
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == []
    assert not page.locator("#upload-box, #by-number").first.is_visible()
    assert not slider(page, 2).is_visible()  # dead, folded


def test_a_file_with_planes_has_the_dial(tab, planar, tmp_path):
    page = tab(f"file://{web.write_page(planar, tmp_path / 'p.html', codes='planes')}")
    dial(page).press("Home")
    settle(page)
    code = planar.encode(planar.reference_images(1)).double().numpy()
    columns = PLANE.polar(code)
    code[:, :2] = PLANE.inverse(np.array([[columns[0, 0], 1.0, 0.0]]))
    right = planar.decode(torch.tensor(code).float(), planar.categories(planar.reference_images(1)))[0, 0] * 255
    assert np.abs(np.array(pixels(page)).reshape(32, 32, 4)[..., 0] - right.round().numpy()).max() <= 1


def test_the_file_keeps_names_and_restores_links(tab, file):
    page = tab(f"file://{file}")
    page.get_by_label("Name of z0", exact=True).fill("</script><b>x")
    page.keyboard.press("Enter")
    page.get_by_label("Value of </script><b>x", exact=True).fill("1.5")
    page.reload()
    page.get_by_role("slider", name="</script><b>x", exact=True).wait_for()
    page.get_by_label("Value of </script><b>x", exact=True).fill("1.5")
    settle(page)
    page.click("#copy-link")
    page.wait_for_timeout(100)
    assert value(tab(page.url), 0) == 1.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_file_is_for_all(tab, file, scheme):
    page = tab(f"file://{file}", width=320, height=640, color_scheme=scheme)
    assert page.evaluate(AUDIT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_table_in_a_file(tab, table, tmp_path):
    page = tab(f"file://{web.write_page(table, tmp_path / 't.html')}")
    row = table.reference_images(12)[:1]
    meant = table.decode(table.encode(row))[0, 0, 0].tolist()
    numbers = [float(text.replace("\u2212", "-")) for text in page.locator(".bar b").all_inner_texts()]
    assert numbers == pytest.approx(meant, rel=1e-3, abs=1e-3)
