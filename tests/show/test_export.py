"""Models that travel: the same codes bit for bit from safetensors, the same numbers from ONNX, and honest cards."""

import json
import shutil
import sys

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file

import unweave
from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.records import Latents
from unweave.base.seeds import Generators
from unweave.models.trained import Model
from unweave.show.export import export, is_exported, load_model
from unweave.show.export.graphs import _Planes, write_graphs
from unweave.subspaces import Block, Subspaces

SMALL = {
    "net": "conv", "net.channels": (4, 4, 4), "net.hidden": 8, "batch": 4, "latents": 2, "steps": 2, "threads": 1,
    "callbacks": [],
}  # fmt: skip
SPRITES = {"data": "dsprites", "data.size": 32, "data.hold": "lazy"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return unweave.train("joint-vae", categories=(3, 2), out=tmp_path_factory.mktemp("runs") / "j", **SMALL, **SPRITES)


@pytest.fixture
def travelled(run, tmp_path):
    return export(run, "safetensors", tmp_path / "t")


@pytest.fixture
def config(travelled):
    """Change what config.json says: `config(("net", "hidden"), 9)`."""
    path = travelled / "config.json"

    def change(keys, value):
        held = json.loads(path.read_text())
        place = held
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        del held["#sum"], held["sums"]
        path.write_text(json.dumps(held))

    return change


def test_what_was_loaded_says_the_same_bit_for_bit(run, travelled):
    model = unweave.load_model(travelled)
    images = run.random_images(600)
    meant = run.posterior(images)
    encoding = model.posterior(images)
    for name in ("mean", "std", "kl", "categories"):
        assert np.array_equal(getattr(encoding, name), getattr(meant, name)), name
    assert torch.equal(
        model.decode(encoding.mean, encoding.categories),
        run.decode(torch.as_tensor(meant.mean), run.categories(images)),
    )
    assert torch.equal(model.sample(9).images, run.model.sample(9).images)
    assert model.title == "joint-vae on dsprites, seed 0"
    assert model.about["data"]["image_shape"] == [1, 32, 32]


def test_neither_data_nor_run_need_be_there(tmp_path):
    shown = tmp_path / "private" / "pictures"
    shown.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for k in range(5):
        Image.fromarray(rng.integers(0, 256, (32, 32)).astype(np.uint8)).save(shown / f"{k}.png")
    (shown / "factors.csv").write_text("file,label\n" + "".join(f"{k}.png,{'ab'[k % 2]}\n" for k in range(5)))
    run = unweave.train("beta-vae", data=f"folder:{shown}", prior="sparse", out=tmp_path / "private" / "run", **SMALL)
    images = run.data.images(np.arange(5))
    meant, place = run.encode(images), export(run, "safetensors", tmp_path / "t")
    shutil.rmtree(tmp_path / "private")
    model = load_model(place)
    assert torch.equal(model.encode(images), meant)
    assert model.sample(2).images.shape == (2, 1, 32, 32)
    assert model.about["data"]["classes"] == ["a", "b"]
    for name in ("config.json", "README.md"):
        text = (place / name).read_text()
        assert str(tmp_path) not in text, name
        assert "private" not in text, name


def test_numbers_in_the_users_units_come_back_in_them(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 3)) * [1, 100, 1e4] + [0, 500, -1e5]
    vectors = {**SMALL, "net": "pinwheel-mlp"}
    del vectors["net.channels"]
    run = unweave.train("vae", data=rows.astype(np.float32), out=tmp_path / "r", **vectors)
    x = run.data.images(np.arange(40))
    model = load_model(export(run, "safetensors"))
    assert torch.equal(model.encode(x), run.encode(x))
    assert torch.equal(model.decode(run.encode(x)), run.decode(run.encode(x)))
    assert model.decode(run.encode(x))[..., 2].mean() < -5e4
    pytest.importorskip("onnxruntime")
    sessions = graphs(export(run, "onnx"))
    codes = sessions["encoder"].run(["mean"], {"image": x.numpy()})[0]
    assert np.allclose(codes, run.encode(x), atol=1e-5)
    again = sessions["decoder"].run(None, {"z": codes})[0]
    assert np.allclose(again, run.decode(torch.as_tensor(codes)), rtol=1e-5)


def graphs(place):
    import onnxruntime

    return {name: onnxruntime.InferenceSession(str(place / f"{name}.onnx")) for name in ("encoder", "decoder")}


@pytest.fixture(scope="module")
def graphed(run, tmp_path_factory):
    """The run as graphs, once for all tests that read them."""
    pytest.importorskip("onnxruntime")
    before = strides(run.vae)
    place = export(run, "onnx", tmp_path_factory.mktemp("graphs") / "o")
    assert strides(run.vae) == before  # the run's own model keeps its layout
    return place


def strides(vae):
    return {name: weight.stride() for name, weight in vae.named_parameters()}


def test_graphs_take_any_batch_and_give_what_torch_gives(run, graphed):
    sessions = graphs(graphed)
    for n in (1, 5):
        images = run.random_images(n)
        meant = run.vae.encode(images)
        mean, log_variance, categories = sessions["encoder"].run(
            ["mean", "log_variance", "categories"], {"image": images.numpy()}
        )
        assert np.allclose(mean, meant.posterior.mean.detach(), atol=1e-5)
        assert np.allclose(log_variance, meant.posterior.log_variance.detach(), atol=1e-5)
        assert np.allclose(categories, meant.probabilities.detach(), atol=1e-5)
        numbers = run.categories(images)
        places = run.vae.places(numbers, n).numpy()
        (again,) = sessions["decoder"].run(["image"], {"z": mean, "categories": places})
        assert np.allclose(again, run.decode(torch.as_tensor(mean), numbers), atol=1e-5)


def test_graphs_give_codes_in_planes_and_take_them_back(run, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    import onnx

    plane = Block((1, 0), (0.2, -0.1), ((1.5, 0.2), (0.0, 0.8)))
    found = Subspaces(2, 2000, 0, 0.05, (0, 1), (), (plane,), ())
    monkeypatch.setitem(vars(run), "subspaces", found)
    place = export(run, "onnx", tmp_path / "o", codes="planes")
    sessions, images = graphs(place), run.random_images(5)
    codes, numbers = run.encode(images), run.categories(images)
    mean, planes = sessions["encoder"].run(["mean", "planes"], {"image": images.numpy()})
    assert np.allclose(mean, codes, atol=1e-5)
    assert np.allclose(planes, found.polar(codes)[0], atol=1e-4)
    back = {"planes": planes, "categories": run.vae.places(numbers, 5).numpy()}
    assert np.allclose(sessions["decoder"].run(None, back)[0], run.decode(codes, numbers), atol=1e-5)
    longer = back | {"planes": planes * np.array([1, 3, 3], np.float32)}  # a direction is one
    assert np.allclose(sessions["decoder"].run(None, longer)[0], run.decode(codes, numbers), atol=1e-5)
    for name in ("encoder.onnx", "decoder.onnx"):
        (columns,) = [each.value for each in onnx.load(place / name).metadata_props if each.key == "columns"]
        assert json.loads(columns) == found.names() == json.loads((place / "config.json").read_text())["columns"]
    assert '"planes": planes' in (place / "README.md").read_text()


def test_graphs_tell_planes_as_subspaces_do():
    blocks = (
        Block((3, 1), (0.2, -0.1), ((1.5, 0.2), (0.0, 0.8))),
        Block((0, 4, 5), (0.0, 1.0, 0.5), ((1.0, 0.0, 0.2), (0.0, 2.0, 0.0), (0.1, 0.0, 0.7))),
    )
    found = Subspaces(7, 2000, 0, 0.05, tuple(range(7)), (), blocks, ())
    codes = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    codes[0, [3, 1]] = blocks[0].centre  # the middle
    planes, columns = _Planes(found), found.polar(codes)[0]
    assert np.allclose(planes(torch.from_numpy(codes))[1:], columns[1:], atol=1e-5)
    assert np.allclose(planes.inverse(torch.from_numpy(columns).float()), codes, atol=1e-5)


def test_planes_that_cannot_be_had_are_refused(run, tmp_path, monkeypatch):
    monkeypatch.setitem(vars(run), "subspaces", Subspaces(3, 2000, 0, 0.05, (0, 2), (), (), ()))
    for to in ("onnx", "web"):
        with pytest.raises(InputError, match="codes must be means for j, got planes: no latents form a plane"):
            export(run, to, tmp_path / "o.html", codes="planes")
    with pytest.raises(InputError, match="codes must be means for safetensors"):
        export(run, "safetensors", tmp_path / "o", codes="planes")
    with pytest.raises(InputError, match="codes must be one of means, planes, got polar"):
        export(run, "onnx", tmp_path / "o", codes="polar")
    assert list(tmp_path.iterdir()) == []


def test_graphs_tell_nothing_of_this_machine(graphed):
    import onnx

    place = graphed
    root = str(unweave.__file__).rpartition("/unweave/")[0]
    for name in ("encoder.onnx", "decoder.onnx"):
        content = (place / name).read_bytes()
        for trace in (root, "site-packages", "stack_trace", str(place.parent)):
            assert trace.encode() not in content, trace
        held = onnx.load(place / name)
        assert held.producer_name == "unweave"
        facts = {each.key: json.loads(each.value) for each in held.metadata_props}
        assert facts["data"]["image_shape"] == [1, 32, 32]
        assert facts["method"]["name"] == "joint-vae"
    assert sorted(each.name for each in place.iterdir()) == ["README.md", "config.json", "decoder.onnx", "encoder.onnx"]


def test_graphs_that_differ_are_refused_and_nothing_is_left(run, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("unweave.show.export.graphs.LIMIT", -1.0)
    with pytest.raises(InputError, match=r"encoder\.onnx must give torch's mean within -1"):
        export(run, "onnx", tmp_path / "o")
    assert not list(tmp_path.iterdir())


def test_without_the_extra_it_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install 'unweave\[onnx\]'"):
        export(run, "onnx", tmp_path / "o")
    assert not list(tmp_path.iterdir())


def test_the_card_says_what_is_known_and_no_more(run, tmp_path, monkeypatch):
    monkeypatch.setattr("unweave.run.run.POOL", 600)
    text = (export(run, "safetensors", tmp_path / "bare") / "README.md").read_text()
    assert "None were made before this was exported." in text
    assert "What the codes are like" not in text
    score = run.evaluate(["mig"])["mig"]
    sentences = [finding.sentence for finding in run.findings]
    text = (export(run, "safetensors", tmp_path / "full") / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    facts = yaml.safe_load(front)
    assert facts["license"] == "unknown"
    assert facts["model-index"][0]["results"][0]["metrics"][0] == {
        "type": "mig", "name": "mig", "value": round(score.value, 6),
    }  # fmt: skip
    row = next(line for line in body.splitlines() if line.startswith("| mig |"))
    assert f"{score.value:.3f} | {score.interval[0]:.3f} to {score.interval[1]:.3f}" in row
    assert f"| {score.floor:.3f} | {score.ceiling:.3f} " in row
    assert all(sentence.replace("<", "&lt;") in body for sentence in sentences)
    assert run.reproduce in body
    assert "Nobody has stated one yet" in body


def test_the_code_on_the_card_runs(run, tmp_path):
    place = export(run, "safetensors", tmp_path / "t")
    code = (place / "README.md").read_text().split("```python\n")[1].split("```")[0].replace('"."', repr(str(place)))
    names = {"images": run.random_images(3)}
    exec(code, names)
    assert torch.equal(names["codes"], run.encode(names["images"]))
    assert names["again"].shape == (3, 1, 32, 32)


def test_folders_are_not_written_over_unasked(run, tmp_path):
    place = export(run, "safetensors")
    assert place == run.path / "safetensors"
    assert is_exported(place)
    assert not is_exported(run.path)
    (place / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="out must be an empty folder"):
        export(run, "safetensors")
    export(run, "safetensors", overwrite=True)
    assert (place / "mine.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="which is a file"):
        export(run, "safetensors", tmp_path / "file")
    with pytest.raises(InputError, match="to must be one of safetensors, onnx"):
        export(run, "pickle", tmp_path / "p")


@pytest.mark.parametrize(
    ("keys", "value", "rule"),
    [
        (("format",), 2, "format 2, newer"),
        (("model_type",), "bert", "must say model_type unweave-vae"),
        (("net", "name"), "os:system", "unknown net 'os:system'"),
        (("net", "hidden"), 9, "does not hold the weights"),
        (("net", "hidden"), 10**12, "does not hold the weights"),
        (("net", "hidden"), "wide", "net.hidden must be"),
        (("net", "run"), "code", "net.run"),
        (("prior",), None, "prior must be a table with a name"),
        (("training",), [], "training must be a table"),
        (("training", "latents"), 3, "does not hold the weights"),
        (("data", "image_shape"), [1, 32], "three whole numbers"),
        (("data",), {}, "data must be a table with a name"),
    ],
)
def test_settings_that_do_not_fit_are_refused(travelled, config, keys, value, rule):
    config(keys, value)
    with pytest.raises(InputError) as refused:
        load_model(travelled)
    assert rule in str(refused.value)
    assert "\n" not in str(refused.value)


def test_weights_that_were_changed_or_do_not_fit_are_refused(travelled, config):
    path = travelled / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match="not the file that was exported"):
        load_model(travelled)
    path.write_bytes(whole)
    config(("title",), "another")
    weights = load_file(path)
    save_file({name: weight for name, weight in weights.items() if "encoder" in name}, path)
    with pytest.raises(InputError, match=r"does not hold the weights that config\.json calls for: decoder"):
        load_model(travelled)
    path.write_bytes(b"\x80\x04 no weights")
    with pytest.raises(InputError, match=r"model.safetensors cannot be read"):
        load_model(travelled)
    path.unlink()
    with pytest.raises(InputError, match=r"has no model.safetensors"):
        load_model(travelled)
    with pytest.raises(InputError, match="is not an exported model"):
        load_model(travelled / "nowhere")


@pytest.mark.slow
def test_models_whose_encoder_tells_no_category_become_graphs_too(tmp_path):
    warm = unweave.train("cascade-vae", warmup_stages=0, out=tmp_path / "warm", **SMALL, **SPRITES)
    cold = unweave.train("cascade-vae", stage_steps=10, out=tmp_path / "cold", **SMALL, **SPRITES)
    z = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    for run, more in ((warm, {"categories": np.eye(3, dtype=np.float32)}), (cold, {})):
        sessions = graphs(export(run, "onnx"))
        assert [each.name for each in sessions["encoder"].get_outputs()] == ["mean", "log_variance"]
        meant = run.decode(torch.as_tensor(z), torch.tensor([[0], [1], [2]]) if more else None)
        assert np.allclose(sessions["decoder"].run(None, {"z": z, **more})[0], meant, atol=1e-5)


@pytest.mark.slow
def test_nets_that_cannot_be_traced_are_refused(run, tmp_path, monkeypatch):
    def untraceable(self, z, one_hot=None):
        return self.decoder(torch.cat([z, one_hot], 1) if z.sum() > 0 else torch.cat([-z, one_hot], 1))

    monkeypatch.setattr("unweave.models.vae.VAE.decode", untraceable)
    with pytest.raises(InputError, match="got one that it cannot") as refused:
        export(run, "onnx", tmp_path / "o")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


PRIORS = {"isotropic": {}, "anisotropic": {"learn": True}, "student-t": {}, "mixture": {}, "sparse": {}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "prior"),
    [*((net, "isotropic") for net in registry.nets.table), *(("burgess", prior) for prior in list(PRIORS)[1:])],
)
def test_every_net_and_every_prior_becomes_graphs(net, prior, tmp_path):
    from unweave.models.nets.base import build
    from unweave.models.vae import VAE, heads

    cls = registry.nets.get(net)
    shape, latents = cls.takes[0], Latents(4, () if prior != "isotropic" else (3,))
    likelihood = registry.likelihoods.get("bernoulli")()
    encoder, decoder = build(cls(), shape, heads(latents), latents.width, 1, Generators(0)["init"])
    categories = registry.methods.get("joint-vae")().discrete(1) if latents.categories else None
    vae = VAE(encoder, decoder, registry.priors.get(prior)(**PRIORS[prior]).build(4), likelihood, latents, categories)
    vae = vae.to(memory_format=torch.channels_last).eval()
    about = {"unweave_version": "0", "title": net, "method": {}, "latents": {}, "data": {}}
    write_graphs(tmp_path, Model(vae, shape), about)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["decoder.onnx", "encoder.onnx"]
