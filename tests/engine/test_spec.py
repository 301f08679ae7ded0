"""Specs: one table of settings from the command line, YAML and Python, and the hash that names a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unweave.base.errors import InputError
from unweave.engine import Spec
from unweave.models.distributions.likelihoods import Bernoulli


def test_text_and_python_values_mean_the_same():
    text = Spec.make(
        "factor-vae", data="dsprites", gamma="10", steps="500", **{"net": "conv", "net.channels": "8,16,16"}
    )
    python = Spec.make(
        "factor-vae", data="dsprites", gamma=10.0, steps=500, **{"net": "conv", "net.channels": (8, 16, 16)}
    )
    assert text == python
    assert text.hash == python.hash


def test_objects_are_taken_too():
    given_object = Spec.make("vae", data="dsprites", likelihood=Bernoulli(distortion_weight=4))
    assert given_object == Spec.make("vae", data="dsprites", **{"likelihood.distortion_weight": 4})


@given(
    gamma=st.floats(0, 100), steps=st.integers(1, 10**6), seed=st.integers(0, 2**31), size=st.sampled_from([32, 64]),
    channels=st.lists(st.integers(1, 512), min_size=3, max_size=3).map(tuple),
)  # fmt: skip
def test_plain_values_round_trip(gamma, steps, seed, size, channels):
    spec = Spec.make(
        "factor-vae", data="dsprites", gamma=gamma, steps=steps, seed=seed,
        **{"data.size": size, "net": "conv", "net.channels": channels},
    )  # fmt: skip
    again = Spec.from_plain(spec.plain())
    assert again == spec
    assert again.hash == spec.hash


def test_the_hash_covers_what_changes_results_and_nothing_else():
    base = Spec.make("beta-vae", data="dsprites")
    for same in ({"beta": 4}, {"threads": 1}, {"checkpoint_every": 7}, {"log_every": 9}, {"data.hold": "lazy"}):
        assert Spec.make("beta-vae", data="dsprites", **same).hash == base.hash, same
    for other in ({"beta": 5}, {"seed": 1}, {"data.size": 32}, {"net": "burgess"}, {"lr": 1e-3}, {"latents": 5}):
        assert Spec.make("beta-vae", data="dsprites", **other).hash != base.hash, other


def test_the_command_makes_the_same_run():
    import shlex

    net = {"net": "conv", "net.channels": (8, 8, 8)}
    spec = Spec.make("factor-vae", data="dsprites", gamma=10, single_batch=True, **net)
    words = shlex.split(spec.command)[3:]
    values, at = {}, 0
    while at < len(words):
        flag = words[at].removeprefix("--")
        switch = at + 1 == len(words) or words[at + 1].startswith("--")
        values[flag] = True if switch else words[at + 1]
        at += 1 if switch else 2
    assert Spec.make("factor-vae", **values) == spec


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gama": 3}, "did you mean 'gamma'"),
        ({"gamma": -1}, "gamma must be 0 or more"),
        ({"gamma": "ten"}, "gamma must be a number"),
        ({"steps": 0}, "steps must be 1 or more"),
        ({"steps": 1.5}, "steps must be a whole number"),
        ({"batch": 1}, "batch must be 2 or more"),
        ({"data": "dspirtes"}, "unknown data set, and no path, .dspirtes'; did you mean 'dsprites'"),
        ({"net": "nett"}, "unknown net 'nett'"),
        ({"net.chanels": 3, "net": "conv"}, "did you mean 'net.channels'"),
        ({"likelihood.distortion_weight": 0}, "likelihood.distortion_weight must be more than 0"),
        ({"data.size": 48}, r"data\.size must be one of 64, 32"),
        ({"critic_betas": "0.5,1.5"}, "critic_betas must lie between 0 and 1, 1 excluded"),
        ({"device": "tpu"}, "device must be one of auto, cpu"),
        ({"lr": float("nan")}, "lr must be a finite number"),
    ],
)  # fmt: skip
def test_wrong_settings_get_one_clear_sentence(settings, message):
    with pytest.raises(InputError, match=message) as refused:
        Spec.make("factor-vae", **{"data": "dsprites", **settings})
    assert "\n" not in str(refused.value)


def test_no_data_is_said():
    with pytest.raises(InputError, match="data must name a data set"):
        Spec.make("vae")


def test_shapes_are_known_without_allocating():
    huge = Spec.make("vae", data="dsprites", latents=10**9)
    assert huge.shapes()["encoder.heads.mean.weight"][0] == 10**9 or max(s[0] for s in huge.shapes().values()) == 10**9


def test_stored_help_must_be_a_table():
    for wrong in (5, "x", []):
        with pytest.raises(InputError, match="table 'help'"):
            Spec.from_plain({**Spec.make("vae", data="identity").plain(), "help": wrong})
