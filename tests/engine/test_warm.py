"""A warm start takes what fits, says the rest, and is resumed to the byte."""

import pytest
from safetensors.torch import load_file

from unweave.base.errors import InputError
from unweave.engine import train
from unweave.engine.callbacks import Callback
from unweave.engine.loop import Loop
from unweave.engine.warm import start_from


@pytest.fixture
def first(tiny, tmp_path):
    return train(tiny("vae", seed=7), tmp_path / "first")


class Heard(Callback):
    def __init__(self):
        self.sentences = []

    def on_message(self, sentence):
        self.sentences.append(sentence)


def test_a_run_begins_with_the_weights_where_shapes_agree_and_says_the_rest(first, tiny, tmp_path):
    spec = tiny("beta-vae", latents=5, start_from=str(first))
    vae = Loop(spec).state.vae
    fresh = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    sentence = start_from(vae, first, spec.help.start_digest)
    theirs, now = load_file(first / "weights.safetensors"), vae.state_dict()
    taken = {name for name in now if name in theirs and theirs[name].shape == now[name].shape}
    assert 0 < len(taken) < len(now)
    for name, tensor in now.items():
        assert tensor.equal(theirs[name] if name in taken else fresh[name]), name
    assert f"{len(taken)} of {len(now)} tensors; fresh are " in sentence
    assert all(name in sentence for name in now if name not in taken) or "more" in sentence


def test_it_is_said_kept_hashed_by_the_weights_and_resumed_to_the_byte(first, tiny, ends_alike, tmp_path):
    spec = tiny("vae", start_from=str(first))
    heard = Heard()
    train(spec, tmp_path / "second", callbacks=[heard])
    assert any("started from" in sentence for sentence in heard.sentences)
    assert spec.hash != tiny("vae").hash
    assert spec.title.endswith("started from first")
    moved = first.rename(tmp_path / "elsewhere")
    assert tiny("vae", start_from=str(moved)).hash == spec.hash
    moved.rename(first)
    whole = ends_alike(spec, 5)
    assert (whole / "weights.safetensors").read_bytes() == (tmp_path / "second" / "weights.safetensors").read_bytes()


def test_a_start_that_cannot_be_had_is_one_sentence(first, tiny, tmp_path):
    with pytest.raises(InputError, match="start_from must be the folder of a finished run"):
        tiny("vae", start_from=str(tmp_path / "nowhere"))
    spec = tiny("vae", start_from=str(first))
    (first / "weights.safetensors").write_bytes(
        (train(tiny("vae"), tmp_path / "o") / "weights.safetensors").read_bytes()
    )
    with pytest.raises(InputError, match="the weights that this run was to begin with"):
        train(spec, tmp_path / "second")
