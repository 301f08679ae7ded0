"""The step of a card, proven without one: it gives the same numbers, reads nothing, and lies on one device.

Three stand-ins take a card's place. A loop that runs ahead on the processor must end with the bytes of an ordinary one.
A capture that is replayed by computing anew shows that all a step needs lies in tensors that are filled beforehand. And
the device `meta`, which holds no numbers, refuses whatever reads one and whatever mixes it with the processor.
"""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unweave.base import registry
from unweave.base.errors import Diverged, InputError
from unweave.base.seeds import Draws, Generators
from unweave.data import load
from unweave.data.batches import Batches
from unweave.data.resident import Bits, Bytes, Numbers, resident
from unweave.engine import Callback, device, feed, graph, loop, train
from unweave.engine.log import read_log
from unweave.engine.loop import Loop
from unweave.engine.step import Done, Now
from unweave.engine.watch import LaterLoss, Tally

CPU = torch.device("cpu")
METHODS = registry.methods.names()
MOVING = {  # what changes with the step, within twelve of them
    "ada-gvae": {"pairs": "neighbours"},
    "ada-ml-vae": {"pairs": "neighbours"},
    "group-vae": {"pairs": "neighbours"},
    "annealed-vae": {"anneal_steps": 6},
    "beta-tcvae": {"warmup": 6},
    "beta-vae": {"warmup": 6, "ease": 0.1, "ease_hold": 2, "ease_steps": 4, "blur": 3.0, "blur_steps": 5},
    "cascade-vae": {"stage_steps": 2, "warmup_stages": 2, "arrival_steps": 3},
    "cascade-vae-c": {"stage_steps": 3, "lr_staircase": True, "reset_adam_per_stage": True},
    "dip-vae-i": {"average": 0.5, "lr_warmup": 3},
    "factor-vae": {"warmup": 6, "critic_steps": 2, "standardise_every": 5, "clip": 1.0},
    "joint-vae": {"anneal_steps": 6, "categories": (3, 2)},
}


class Replayed:
    """A capture that runs nothing, and replays that compute it anew."""

    def __init__(self) -> None:
        self.captures = self.replays = 0

    def aside(self, compute):
        return compute()

    def capture(self, compute, generators):
        self.captures, self.compute = self.captures + 1, compute
        return Done(torch.zeros(()), None, None, None)

    def replay(self) -> None:
        self.replays += 1
        self.owner.done = self.compute()


@pytest.fixture
def as_on_a_card(monkeypatch):
    """Loops run ahead as they do on a card, with images from `fed`; with `captured` their steps are replayed."""

    def begin(fed="device", *, captured=False) -> Replayed:
        cuda = Replayed()

        def feed_of(data, where, training, count):
            there = resident(data, where, 10**9) if fed == "device" else None
            return feed.ReadAhead(data, where) if there is None else feed.FromDevice(there, where)

        def made(of):
            cuda.owner = graph.Captured(of, cuda)
            return cuda.owner

        monkeypatch.setattr(loop, "runs_ahead", lambda where: True)
        monkeypatch.setattr(loop, "feed_of", feed_of)
        if captured:
            monkeypatch.setattr(loop, "captures", lambda training, where: True)
            monkeypatch.setattr(loop, "Captured", made)
        return cuda

    return begin


@pytest.fixture
def few_images(monkeypatch):
    """dSprites is 40 images long, so that epochs end and all of it is soon read."""
    from unweave.data.published.dsprites import DSprites

    monkeypatch.setattr(DSprites, "__len__", lambda self: 40)


def logged(run):
    kept = read_log(run / "log.jsonl")
    return [{k: v for k, v in line.items() if k != "images_per_second"} for line in kept[0]], kept[1]


@pytest.mark.parametrize(
    "method", [pytest.param(name, marks=[] if name == "factor-vae" else pytest.mark.slow) for name in METHODS]
)
@pytest.mark.parametrize("way", ["device", "ahead", "captured"])
def test_a_step_that_waits_for_nothing_gives_the_same_bytes(method, way, tiny, tmp_path, as_on_a_card, few_images):
    spec = tiny(method, steps=9, **MOVING.get(method, {}))
    usual = train(spec, tmp_path / "usual")
    cuda = as_on_a_card("device" if way == "captured" else way, captured=way == "captured")
    ahead = train(spec, tmp_path / "ahead")
    assert (usual / "weights.safetensors").read_bytes() == (ahead / "weights.safetensors").read_bytes()
    (lines, units), (others, same_units) = logged(usual), logged(ahead)
    assert units == same_units
    for line, other in zip(lines, others, strict=True):
        assert list(line) == list(other)
        for name, value in line.items():
            assert np.allclose(value, other[name], rtol=1e-6, atol=1e-6), name
    if way == "captured":
        assert cuda.replays >= 3 or method.startswith("cascade"), "the step was hardly ever replayed"


@pytest.mark.parametrize("way", ["ahead", "captured"])
def test_interrupted_runs_end_with_the_same_bytes(way, tiny, ends_alike, as_on_a_card, few_images):
    as_on_a_card("device" if way == "captured" else way, captured=way == "captured")
    ends_alike(tiny("factor-vae", steps=25, lr_warmup=5), 13)


class Nowhere(dict):
    """Generators whose numbers lie on the device `meta`."""

    def __missing__(self, name):
        return Draws(lambda kind, shape, dtype: torch.empty(shape, dtype=dtype, device="meta"))


def on_meta(spec, step=5):
    """The spec's step computed where there are no numbers, with the step itself as a tensor."""
    made = Loop(spec)
    state = made.state
    state.vae.train().to("meta")
    state.optimiser = torch.optim.SGD(state.vae.parameters(), lr=0.1)
    if state.critic_net is not None:
        state.critic_net.to("meta")
        state.critic_optimiser = torch.optim.SGD(state.critic_net.parameters(), lr=0.1)
    state.rng = Nowhere()  # pyright: ignore[reportAttributeAccessIssue]
    made.tally = Tally()
    shape = (spec.training.batch, *spec.dataset.image_shape)
    here = torch.empty((), dtype=torch.float64, device="meta")
    now = Now(here, torch.empty((), device="meta"), spec.objective.discrete(step))
    made.compute(torch.empty(shape, device="meta"), lambda: torch.empty(shape, device="meta"), now)


@pytest.mark.parametrize("method", METHODS)
def test_a_step_reads_no_number_and_lies_on_one_device(method, tiny):
    on_meta(tiny(method, **{"clip": 1.0, **MOVING.get(method, {})}), step=1)


@pytest.mark.parametrize("prior", ["anisotropic", "hierarchical", "isotropic", "mixture", "sparse"])
@pytest.mark.parametrize("divergence", ["mmd-joint", "kl-inclusive", "kl-exclusive"])
def test_a_step_with_a_structured_prior_does_not_either(prior, divergence, tiny):
    on_meta(tiny("decomposition-vae", prior=prior, divergence=divergence))


def test_what_does_read_is_told(tiny, as_on_a_card, tmp_path, few_images):
    with pytest.raises((NotImplementedError, RuntimeError)):
        on_meta(tiny("cascade-vae", stage_steps=1, warmup_stages=1), step=5)
    said = []

    class Listens(Callback):
        def on_message(self, sentence):
            said.append(sentence)

    spec = tiny("cascade-vae", stage_steps=2, warmup_stages=2)
    cuda = as_on_a_card(captured=True)
    train(spec, tmp_path / "run", callbacks=[Listens()])
    assert [each for each in said if "not captured" in each] == said[-1:]
    assert "assigned on the processor" in said[-1]
    assert cuda.captures == 1  # of the stages before the category


def test_a_spoilt_capture_leaves_no_trace(tiny, as_on_a_card, tmp_path, few_images):
    spec = tiny("dip-vae-i", average=0.5)
    usual = train(spec, tmp_path / "usual")
    cuda = as_on_a_card(captured=True)

    def spoilt(compute, generators):
        compute.__closure__  # noqa: B018  what was recorded is lost
        cuda.owner.loop.state.memory["covariance"] = torch.full((3, 3), torch.nan)
        torch.randn(3, generator=cuda.owner.loop.state.rng["noise"])
        raise RuntimeError("operation not permitted when stream is capturing")

    cuda.capture = spoilt
    said = []

    class Listens(Callback):
        def on_message(self, sentence):
            said.append(sentence)

    run = train(spec, tmp_path / "run", callbacks=[Listens()])
    assert "not permitted" in said[-1]
    assert (usual / "weights.safetensors").read_bytes() == (run / "weights.safetensors").read_bytes()


class Spoils(Callback):
    """Makes a weight infinite after a step."""

    def __init__(self, step):
        self.at = step

    def on_train_start(self, vae, spec, run, step):
        self.vae = vae

    def on_step_end(self, step, loss):
        if step == self.at:
            with torch.no_grad():
                next(self.vae.parameters()).fill_(torch.inf)


def test_a_loss_that_is_not_finite_is_told_with_its_step_at_the_next_line(tiny, tmp_path, as_on_a_card, few_images):
    as_on_a_card()
    with pytest.raises(Diverged, match=r"became nan at step 6; the last good checkpoint is that of step 4"):
        train(tiny("vae", steps=30, log_every=10), tmp_path / "run", callbacks=[Spoils(5)])


def test_callbacks_get_a_loss_that_is_read_when_used(tiny, tmp_path, as_on_a_card, few_images):
    as_on_a_card()
    seen = []

    class Reads(Callback):
        def on_step_end(self, step, loss):
            seen.append(loss)

    run = train(tiny("vae"), tmp_path / "run", callbacks=[Reads()])
    assert all(isinstance(each, LaterLoss) for each in seen)
    assert np.mean([float(each) for each in seen[-3:]]) == pytest.approx(logged(run)[0][-1]["loss"], rel=1e-5)


def test_a_later_loss_is_a_number():
    loss = LaterLoss(torch.tensor(2.5))
    assert (loss < 3, loss > 3, loss == 2.5, loss + 1, 1 - loss, -loss, f"{loss:.2f}", bool(loss)) == (
        True, False, True, 3.5, -1.5, -2.5, "2.50", True,
    )  # fmt: skip
    assert max(loss, 1) == 2.5
    assert sum([loss, LaterLoss(torch.tensor(1.0))]) == 3.5


@pytest.mark.parametrize(
    ("name", "settings", "kind"),
    [
        ("dsprites", {"size": 64}, Bits),
        ("dsprites", {"size": 32}, Bits),
        ("dsprites", {"size": 32, "hold": "lazy"}, Numbers),
        ("dsprites", {"size": 64, "hold": "lazy"}, Bytes),
        ("pinwheel", {}, Numbers),
    ],
)
def test_data_on_the_device_are_the_same_to_the_bit(name, settings, kind, monkeypatch):
    from unweave.data.published import dsprites

    data = registry.datasets.get(name)(**settings)
    if name == "dsprites":
        monkeypatch.setattr(dsprites.DSprites, "__len__", lambda self: 3000)
        few = dsprites.DSprites(size=settings["size"], hold="lazy")._draw(data.factors_at(np.arange(3000)))
        monkeypatch.setitem(data.__dict__, "packed", few)
    there = resident(data, CPU, 10**9)
    assert isinstance(there, kind)
    some = np.random.default_rng(0).integers(len(data), size=50)
    assert torch.equal(there(torch.from_numpy(some)), data.images(some))


def test_bytes_of_an_array_come_back_exactly():
    pictures = np.random.default_rng(0).integers(0, 256, (60, 9, 8, 3), dtype=np.uint8)
    data = load(pictures).resolved()
    there = resident(data, CPU, 10**6)
    assert isinstance(there, Bytes)
    assert torch.equal(there(torch.arange(60)), data.images(np.arange(60)))
    assert resident(data, CPU, 1000) is None  # no room
    assert resident(data, CPU, 10**6, most_images=59) is None  # not worth reading all


def test_reading_ahead_keeps_the_order_and_what_a_checkpoint_holds():
    data = load("pinwheel")
    ahead, usual = feed.ReadAhead(data, CPU), feed.Direct(data, CPU)
    one, other = (Batches(len(data), 60, torch.Generator().manual_seed(1)) for _ in range(2))
    for _ in range(8):  # beyond the end of an epoch
        assert torch.equal(ahead(one), usual(other))
        assert all(torch.equal(a, other.state()[name]) for name, a in one.state().items())
    kept = one.state()
    first = [ahead(one) for _ in range(3)]
    one.restore(kept)
    assert all(torch.equal(a, ahead(one)) for a in first)


def test_numbers_that_a_device_does_not_have_are_refused(tiny, tmp_path):
    for settings, name in (({"precision": "tf32"}, "precision"), ({"graph": "on"}, "graph")):
        with pytest.raises(InputError, match=f"{name} must be .* on cpu"):
            train(tiny("vae", **settings), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_bf16_rounds_the_nets_alone(tiny, tmp_path):
    run = train(tiny("factor-vae", precision="bf16"), tmp_path / "bf16")
    exact = train(tiny("factor-vae"), tmp_path / "float32")
    (last, *_), (other, *_) = reversed(logged(run)[0]), reversed(logged(exact)[0])
    assert last["loss"] != other["loss"]
    assert last["loss"] == pytest.approx(other["loss"], rel=2e-2)
    assert json.loads((run / "settings.json").read_text())["hash"] != tiny("factor-vae").hash
    assert tiny("factor-vae", graph="off").hash == tiny("factor-vae").hash


def test_tf32_is_off_on_a_card_unless_asked_for():
    class Backend:
        fp32_precision = "tf32"

    backends = SimpleNamespace(cuda=SimpleNamespace(matmul=Backend()), cudnn=SimpleNamespace(conv=Backend()))
    before = device._tf32(backends)
    assert before == (True, True)
    device._set_tf32(backends, (False, False))
    assert (backends.cuda.matmul.fp32_precision, backends.cudnn.conv.fp32_precision) == ("ieee", "ieee")
    device._set_tf32(backends, before)
    assert device._tf32(backends) == before


def test_generators_of_a_card_and_of_the_processor_are_told_apart():
    rng = Generators(0)
    _ = rng["noise"]
    with pytest.raises(InputError, match="device must be cuda"):
        rng.restore({"noise": torch.zeros(16, dtype=torch.uint8)})
