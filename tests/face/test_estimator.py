"""The estimator: scikit-learn's own checks, units and layouts, files, seeds, early stopping, and its refusals."""

import importlib.util
import json
import pickle
import re
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import unweave
from unweave import Unweaver
from unweave.base.errors import Diverged, InputError, Noted
from unweave.base.seeds import Generators
from unweave.engine.callbacks import Callback
from unweave.engine.early_stopping import elbo
from unweave.metrics import iwae
from unweave.models.nets.conv import Conv
from unweave.models.nets.mlp import MLP

TINY = {"latents": 2, "steps": 3, "batch": 8, "net__hidden": (8,)}
PICTURES = {
    "latents": 2,
    "steps": 2,
    "batch": 4,
    "net": Conv(channels=(2, 2), hidden=4),
    "random_state": 0,
    "likelihood__squash": True,
}

CATEGORICAL = {"stage_steps": 1, "warmup_stages": 1}  # categories from the second step on

PAGE = (Path(__file__).parents[2] / "docs" / "estimator.md").read_text("utf-8")


@parametrize_with_checks([Unweaver(**TINY)])
def test_what_scikit_learn_expects_of_a_transformer(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", ["check_transformer_preserve_dtypes", "check_array_api_input"])
def test_the_guide_lists_what_does_not_apply(name):
    assert re.search(rf"^\| {name} \|", PAGE, re.MULTILINE)


def table(n=80, columns=5, seed=0):
    """Two hidden numbers behind a few columns of very different units."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, 2)) @ rng.normal(size=(2, columns)) + 0.02 * rng.normal(size=(n, columns))
    return mixed * 10.0 ** np.arange(-1, columns - 1) + 7


def pictures(*shape, dtype="float32"):
    values = np.random.default_rng(0).random(shape)
    return (values * 255).astype(dtype) if dtype == "uint8" else values.astype(dtype)


class TestUnits:
    def test_columns_come_back_in_their_own_units(self):
        X = table(400)
        model = Unweaver("vae", latents=2, steps=400, lr=5e-3, net__hidden=(32,), random_state=0).fit(X)
        again = model.inverse_transform(model.transform(X))
        left = (again - X).var(0) / X.var(0)
        assert left.max() < 0.35  # of each column's variance, though they differ by four orders of magnitude
        assert model.sample(2_000, 0).std(0) == pytest.approx(X.std(0), rel=0.5)

    @pytest.mark.parametrize(
        ("shape", "dtype", "top"),
        [
            ((9, 16, 20), "uint8", 255),
            ((9, 16, 20, 3), "uint8", 255),
            ((9, 2, 17, 16), "float64", 1),
            ((9, 33, 16, 4), "float32", 1),
        ],
        ids=str,
    )
    def test_images_come_back_in_their_layout_and_range(self, shape, dtype, top):
        X = pictures(*shape, dtype=dtype)
        model = Unweaver(**PICTURES).fit(X)
        codes = model.transform(X)
        assert codes.shape == (9, 2)
        assert codes.dtype == np.float32
        for made in (model.inverse_transform(codes), model.sample(9, 0)):
            assert made.shape == shape
            assert 0 <= made.min() < made.max() <= top
            assert made.mean() == pytest.approx(top / 2, rel=0.2)  # an untrained decoder says one half
        assert model.n_features_in_ == np.prod(shape[1:])

    def test_channels_stay_where_they_were(self):
        """A decoder that answers with its channel's number shows where each channel ends up."""
        for shape in ((9, 16, 17, 3), (9, 3, 16, 17)):
            model = Unweaver(**PICTURES).fit(pictures(*shape))
            last = model.model_.vae.decoder[-1]
            with torch.no_grad():
                last.weight.zero_()
                last.bias.copy_(torch.tensor([-20.0, 0.0, 20.0]))
            made = model.inverse_transform(np.zeros((1, 2)))[0]
            means = made.mean((0, 1)) if shape[-1] == 3 else made.mean((1, 2))
            np.testing.assert_allclose(means, [0, 0.5, 1], atol=1e-6)

    def test_rows_of_a_table_may_be_images(self):
        X = pictures(9, 16, 16, 3)
        flat = Unweaver(**PICTURES, image_shape=(16, 16, 3)).fit(X.reshape(9, -1))
        deep = Unweaver(**PICTURES).fit(X)
        codes = flat.transform(X.reshape(9, -1))
        assert np.array_equal(codes, deep.transform(X))
        assert np.array_equal(flat.inverse_transform(codes), deep.inverse_transform(codes).reshape(9, -1))
        with pytest.raises(InputError, match=r"^image_shape must have 768 numbers"):
            Unweaver(**PICTURES, image_shape=(16, 16)).fit(X.reshape(9, -1))

    def test_lists_tensors_and_frames_are_arrays(self):
        X = table().astype(np.float32)
        frame = pd.DataFrame(X, columns=list("abcde"))
        tensor = torch.tensor(X, requires_grad=True)
        first = Unweaver(**TINY, random_state=0).fit(X).transform(X)
        for same in (X.tolist(), tensor, frame):
            model = Unweaver(**TINY, random_state=0).fit(same)
            assert np.array_equal(model.transform(same), first)
        assert list(model.feature_names_in_) == list("abcde")
        shown = model.set_output(transform="pandas").transform(frame)
        assert list(shown.columns) == ["z0", "z1"]

    def test_what_was_assumed_is_said(self, capsys):
        model = Unweaver(**TINY, verbose=1).fit(table())
        assert model.account_[0].startswith("X: 80 rows of 5 numbers")
        assert all(sentence in capsys.readouterr().err for sentence in model.account_[:1])


class TestCategories:
    def test_they_follow_the_codes_as_zeros_and_ones(self):
        X = table()
        model = Unweaver("joint-vae", categories=(2, 3), **TINY, random_state=0).fit(X)
        names = ["z0", "z1", "category0_0", "category0_1", "category1_0", "category1_1", "category1_2"]
        assert list(model.get_feature_names_out()) == names
        codes = model.transform(X)
        assert np.isin(codes[:, 2:], (0, 1)).all()
        assert (codes[:, 2:4].sum(1) == 1).all()
        assert (codes[:, 4:].sum(1) == 1).all()
        known = model.model_.categories(model._images(X)).numpy()
        assert np.array_equal(codes[:, 2:4].argmax(1), known[:, 0])
        assert np.array_equal(codes[:, 4:].argmax(1), known[:, 1])

    def test_decoding_sees_the_category_it_is_given(self):
        X = table()
        model = Unweaver("cascade-vae", **TINY, **CATEGORICAL, random_state=0).fit(X)
        rows = np.hstack([np.zeros((3, 2)), np.eye(3)])
        made = model.inverse_transform(rows)
        alone = model.model_.decode(torch.zeros(3, 2), torch.arange(3)[:, None]).reshape(3, 5)
        np.testing.assert_allclose(made, alone, rtol=1e-6)
        assert not np.allclose(made[0], made[1])


def ring(n=600):
    """Three columns of very different units that an angle decides."""
    rng = np.random.default_rng(0)
    turn, radius = rng.uniform(0, 2 * np.pi, n), rng.normal(1.4, 0.1, n)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), radius * np.cos(turn - 1)], axis=1) * [1, 10, 100]


ROUND = {
    "method": "vae", "latents": 3, "steps": 150, "lr": 1e-2, "net__hidden": (16,), "likelihood__scale": 0.3,
    "random_state": 0,
}  # fmt: skip
IN_PLANES = ["latent 2", "radius 0+1", "cos 0+1", "sin 0+1"]


@pytest.fixture(scope="module")
def model():
    return Unweaver(**ROUND, codes="planes").fit(ring())


class TestPlanes:
    def test_columns_are_those_of_the_planes_and_go_back(self, model):
        X, plain = ring(), Unweaver(**ROUND).fit(ring())
        codes, means = model.transform(X), plain.transform(X)
        assert list(model.get_feature_names_out()) == IN_PLANES == model.subspaces_.names()
        assert (codes.dtype, codes.shape) == (np.float32, (600, 4))
        np.testing.assert_allclose(codes, model.subspaces_.polar(means)[0], rtol=1e-6)
        np.testing.assert_allclose(model.inverse_transform(codes), plain.inverse_transform(means), rtol=1e-4, atol=1e-4)
        assert plain.subspaces_ is None
        assert model.score(X) == plain.score(X)
        fresh = clone(model).set_output(transform="pandas").fit_transform(X)
        assert list(fresh.columns) == IN_PLANES
        assert np.array_equal(fresh, codes)

    def test_they_travel_with_the_estimator(self, model, tmp_path):
        X = ring(20)
        loaded = Unweaver.load(model.save(tmp_path / "model"))
        for same in (loaded, pickle.loads(pickle.dumps(model))):
            assert same.subspaces_ == model.subspaces_
            assert np.array_equal(same.transform(X), model.transform(X))
        again = loaded.save(tmp_path / "again") / "estimator.json"
        assert again.read_bytes() == (tmp_path / "model" / "estimator.json").read_bytes()
        other = Unweaver(**ROUND).fit(ring()[::-1]).save(tmp_path / "other")
        (other / "weights.safetensors").rename(tmp_path / "model" / "weights.safetensors")
        with pytest.raises(InputError, match="must tell of subspaces of these weights"):
            Unweaver.load(tmp_path / "model")

    def test_categories_follow_them(self):
        heads = {"method": "joint-vae", "categories": (2,), "gamma": 1.0, "capacity_max": 5.0, "anneal_steps": 1}
        model = Unweaver(**{**ROUND, **heads}, codes="planes").fit(ring())
        names = ["latent 0", "radius 1+2", "cos 1+2", "sin 1+2", "category_0", "category_1"]
        assert list(model.get_feature_names_out()) == names
        codes = model.transform(ring(5))
        z, k = model.subspaces_.inverse(codes[:, :-2]), codes[:, -2:].argmax(1)[:, None]
        made = model.model_.decode(z, k).reshape(5, 3)
        np.testing.assert_allclose(model.inverse_transform(codes), made, rtol=1e-6)

    @pytest.mark.parametrize(
        ("X", "latents", "why"),
        [
            (ring(150), 3, "it takes 200 different codes or more"),
            (ring(), 1, "a subspace needs two live latents"),
            (table(600), 2, "no latents form a plane"),
        ],
        ids=["rows", "latents", "planes"],
    )
    def test_without_any_codes_are_the_means_and_a_warning_says_why(self, X, latents, why, tmp_path):
        settings = {**ROUND, "latents": latents, "steps": 20}
        with pytest.warns(UserWarning, match=why):
            model = Unweaver(**settings, codes="planes").fit(X)
        plain = Unweaver(**settings).fit(X)
        assert list(model.get_feature_names_out()) == list(plain.get_feature_names_out())
        codes = Unweaver.load(model.save(tmp_path / "model")).transform(X)
        assert np.array_equal(codes, plain.transform(X))
        assert np.array_equal(model.inverse_transform(codes), plain.inverse_transform(codes))


class TestScore:
    def test_it_is_the_elbo_that_the_importance_bound_starts_from(self):
        X = table(200)
        model = Unweaver("vae", latents=2, steps=100, lr=1e-2, net__hidden=(16,), random_state=0).fit(X)
        images = model._images(X[:20])
        vae = model.model_.vae
        ours = torch.stack([elbo(vae, images, seed) for seed in range(300)]).mean().item()
        assert ours == pytest.approx(iwae(vae, images, k=300).parts["elbo"], abs=0.05)

    def test_categories_without_probabilities_cost_the_logarithm_of_their_number(self):
        X = table()
        model = Unweaver("cascade-vae", **TINY, **CATEGORICAL, random_state=0).fit(X)
        vae, images = model.model_.vae, model._images(X)
        with torch.no_grad():
            encoding = vae.encode(images)
            z = encoding.posterior.rsample(Generators(0)["noise"])
            seen = vae.places(vae.categories(images, encoding), len(X))
            rate = vae.prior.kl_each(encoding.posterior).sum(1) + np.log(3)
            wanted = -(vae.nll(vae.decode(z, seen), images) + rate)
        np.testing.assert_allclose(elbo(vae, images), wanted, rtol=1e-5)

    def test_better_models_score_higher(self):
        X = table(400)
        scores = [
            Unweaver("vae", latents=2, steps=steps, lr=5e-3, net__hidden=(32,), random_state=0).fit(X).score(X)
            for steps in (1, 300)
        ]
        assert scores[1] > scores[0] + 2
        model = Unweaver(**TINY, random_state=0).fit(X)
        assert model.score(X) == model.score(X)


class TestSeeds:
    def test_same_seed_same_codes(self):
        X = table()
        state = np.random.RandomState

        def codes(**seed):
            return Unweaver(**TINY, **seed).fit(X).transform(X).tobytes()

        assert len({codes(random_state=3), codes(random_state=np.int64(3)), codes(seed=3)}) == 1
        assert codes(random_state=4) != codes(seed=3)
        assert codes(random_state=state(5)) == codes(random_state=state(5))
        first, second = (Unweaver(**TINY).fit(X) for _ in range(2))
        assert not np.array_equal(first.transform(X), second.transform(X))
        assert codes(seed=first.seed_) == first.transform(X).tobytes()

    def test_samples_follow_their_own_seed(self):
        model = Unweaver(**TINY, random_state=0).fit(table())
        assert np.array_equal(model.sample(4, 1), model.sample(4, 1))
        assert not np.array_equal(model.sample(4, 1), model.sample(4, 2))

    def test_nothing_outside_moves(self):
        X = table()
        before, threads, state = X.copy(), torch.get_num_threads(), torch.get_rng_state()
        Unweaver(**TINY, threads=2, random_state=0).fit(X).score(X)
        assert np.array_equal(X, before)
        assert torch.get_num_threads() == threads
        assert torch.equal(torch.get_rng_state(), state)

    def test_it_is_the_training_of_the_command_line(self, tmp_path):
        X = table()
        np.save(tmp_path / "X.npy", X)
        settings = {"latents": 2, "steps": 5, "batch": 8, "lr": 1e-3, "seed": 4, "beta": 2.0, "net.hidden": (8,)}
        run = unweave.train("beta-vae", data=tmp_path / "X.npy", out=tmp_path / "run", callbacks=[], **settings)
        model = Unweaver("beta-vae", latents=2, steps=5, batch=8, seed=4, beta=2.0, net__hidden=(8,)).fit(X)
        assert np.array_equal(run.encode(run.data.images(np.arange(80))).numpy(), model.transform(X))


class TestFiles:
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"net": MLP(hidden=(8,), activation="tanh"), "prior": "sparse", "method": "vae"},
            {"method": "joint-vae", "categories": (2,)},
            {"random_state": np.random.RandomState(0), "beta": np.float64(3)},
        ],
        ids=["plain", "parts", "categories", "numpy"],
    )
    def test_round_trip_bit_for_bit(self, tmp_path, settings):
        X = pd.DataFrame(table(), columns=list("abcde"))
        model = Unweaver(**{"latents": 2, "steps": 3, "batch": 8, "random_state": 1, **settings}).fit(X)
        place = model.save(tmp_path / "model")
        assert {file.suffix for file in place.iterdir()} == {".json", ".jsonl", ".safetensors"}
        loaded = Unweaver.load(place)
        assert np.array_equal(loaded.transform(X), model.transform(X))
        assert np.array_equal(loaded.sample(3, 0), model.sample(3, 0))
        assert loaded.score(X) == model.score(X)
        assert list(loaded.feature_names_in_) == list("abcde")
        assert loaded.seed_ == model.seed_
        assert loaded.history_ == model.history_
        assert loaded.get_params().keys() == model.get_params().keys()
        again = loaded.save(tmp_path / "again")
        for name in ("settings.json", "weights.safetensors", "log.jsonl", "done.json", "estimator.json"):
            assert (again / name).read_bytes() == (place / name).read_bytes()
        fresh = clone(loaded).fit(X)
        if settings.get("random_state") is None:
            assert np.array_equal(fresh.transform(X), model.transform(X))

    def test_images_keep_their_layout(self, tmp_path):
        X = pictures(9, 16, 16, 3, dtype="uint8")
        model = Unweaver(**PICTURES, image_shape=(16, 16, 3)).fit(X.reshape(9, -1))
        loaded = Unweaver.load(model.save(tmp_path / "model"))
        assert loaded.image_shape == (16, 16, 3)
        codes = model.transform(X.reshape(9, -1))
        assert np.array_equal(loaded.inverse_transform(codes), model.inverse_transform(codes))

    def test_the_folder_is_a_run(self, tmp_path, monkeypatch):
        X = table()
        model = Unweaver(**TINY, random_state=0).fit(X)
        run = unweave.Run(model.save(tmp_path / "model"))
        assert run.finished
        assert np.array_equal(run.encode(model._images(X)).numpy(), model.transform(X))
        assert run.stored["data"]["path"] == "X.npy"
        assert "--data.path X.npy" in run.stored["command"]
        monkeypatch.chdir(tmp_path)
        with pytest.raises(InputError, match="path must be an existing file"):
            run.data.images(np.arange(3))
        np.save("X.npy", X)
        assert np.array_equal(run.encode(run.data.images(np.arange(80))).numpy(), model.transform(X))
        np.save("X.npy", X + 1)
        with pytest.raises(InputError, match="which has changed since"):
            unweave.Run("model").data.images(np.arange(3))

    def test_nothing_is_replaced_unasked(self, tmp_path):
        model = Unweaver(**TINY, random_state=0).fit(table())
        model.save(tmp_path / "model")
        with pytest.raises(InputError, match="holds a finished run"):
            model.save(tmp_path / "model")
        model.save(tmp_path / "model", overwrite=True)

    def test_other_folders_are_refused(self, tmp_path):
        X = table()
        with pytest.raises(InputError, match="there is no such folder"):
            Unweaver.load(tmp_path / "none")
        place = Unweaver(**TINY, random_state=0).fit(X).save(tmp_path / "model")
        about = json.loads((place / "estimator.json").read_text())
        del about["#sum"]
        for wrong, rule in (
            ({**about, "hash": "00000000"}, r"must be a folder that Unweaver\.save wrote"),
            ({k: v for k, v in about.items() if k != "shape"}, r"estimator\.json cannot be read: KeyError\('shape'\)"),
            ({**about, "shape": [6]}, "must tell the shape of the data"),
        ):
            (place / "estimator.json").write_text(json.dumps(wrong))
            with pytest.raises(InputError, match=rule):
                Unweaver.load(place)
        (place / "estimator.json").unlink()
        with pytest.raises(InputError, match="got another run"):
            Unweaver.load(place)

    def test_no_training_data_travel_with_it(self):
        big = Unweaver(**TINY, random_state=0).fit(table(20_000))
        assert len(pickle.dumps(big)) < 60_000

    def test_what_json_cannot_hold_is_refused(self, tmp_path):
        model = Unweaver(**TINY, random_state=0).fit(table())
        model.set_params(verbose=object())
        with pytest.raises(InputError, match="verbose must be plain numbers"):
            model.save(tmp_path / "model")


class TestParameters:
    def test_settings_of_the_method_are_parameters(self):
        model = Unweaver("factor-vae", gamma=10)
        assert model.get_params()["gamma"] == 10
        assert model.get_params()["critic_layers"] == 6
        assert "critic_layers" not in model.get_params(deep=False)
        assert model.set_params(method="beta-vae", beta=2).get_params()["beta"] == 2
        assert repr(Unweaver("vae", net__hidden=(8,))) == "Unweaver(method='vae', net__hidden=(8,))"

    def test_clone_has_the_same_and_shares_nothing(self):
        model = Unweaver("vae", steps=7, net=MLP(hidden=(8,)), net__init="he", clip=1.0)
        copied = clone(model)
        assert copied.get_params() == model.get_params()
        copied.set_params(clip=2.0)
        assert model.get_params()["clip"] == 1.0

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"method": "beta-va"}, "unknown method 'beta-va'"),
            ({"bete": 2}, "unknown setting of beta-vae 'bete'"),
            ({"net__hiden": 2}, "unknown setting of mlp 'net.hiden'"),
            ({"beta": -1}, "beta must be 0 or more"),
            ({"steps": 0}, "steps must be 1 or more"),
            ({"batch": 1}, "batch must be 2 or more"),
            ({"batch": None}, "batch must be a whole number"),
            ({"random_state": 1, "seed": 2}, "seed must not be given beside random_state"),
            ({"codes": "polar"}, "codes must be one of means, planes, got polar"),
            ({"random_state": -1}, "seed must be 0 or more"),
            ({"patience": 0}, "patience must be 1 or more"),
            ({"patience": 1, "validation_fraction": 1}, "validation_fraction must lie between 0 and 1"),
            ({"patience": 1, "validation_fraction": 0.99}, "X must leave 2 rows or more"),
            ({"data__scale": "wide"}, "data__scale must be"),
            ({"data__order": "first"}, "data__order must be"),
            ({"data__kee": "a"}, "unknown setting of array 'data__kee'"),
        ],
        ids=str,
    )
    def test_wrong_ones_are_refused_in_fit(self, wrong, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}"):
            Unweaver(**{"latents": 2, "steps": 2, "batch": 8, **wrong}).fit(table())

    def test_unknown_names_are_refused_at_once(self):
        with pytest.raises(InputError, match="unknown parameter of Unweaver 'bete'"):
            Unweaver().set_params(bete=2)

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            (np.ones((9, 3)), "X must hold rows that differ"),
            (pictures(9, 3, 3, 3), "data__order must be nhwc or nchw"),
            (pictures(9, 9, 9, 9), "images must have 1 to 4 channels"),
            (pictures(3, 300, 300), "image_shape must be (channels, height, width)"),
        ],
        ids=["constant", "order", "channels", "large"],
    )
    def test_wrong_data_are_refused_in_fit(self, X, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}"):
            Unweaver(latents=2, steps=2, batch=8).fit(X)

    def test_counts_are_taken_with_one_warning_or_a_likelihood(self):
        X = np.random.default_rng(0).poisson(5, size=(40, 3))
        with pytest.warns(Noted, match="^X holds whole numbers from 0") as said:
            model = Unweaver(**TINY).fit(X)
        assert [each.filename for each in said] == [__file__]
        assert model.inverse_transform(np.zeros((2, 2))).mean() > 1
        assert Unweaver(**TINY, likelihood="gaussian").fit(X).inverse_transform(np.zeros((2, 2))).mean() > 1

    def test_rows_of_few_numbers_get_as_many_latents(self):
        assert Unweaver(steps=2).fit(load_iris().data).transform(load_iris().data).shape == (150, 4)

    def test_other_shapes_are_refused_afterwards(self):
        model = Unweaver(**PICTURES).fit(pictures(9, 16, 17))
        with pytest.raises(InputError, match=r"^X must have the shape \(n, 16, 17\)"):
            model.transform(pictures(2, 17, 16))
        with pytest.raises(InputError, match=r"^X must have the 2 columns"):
            model.inverse_transform(np.zeros((4, 3)))

    def test_a_failed_fit_leaves_no_model_of_other_data_behind(self):
        model = Unweaver(**TINY).fit(table())
        with pytest.raises(InputError):
            model.fit(np.ones((9, 3)))
        with pytest.raises(ValueError, match="not fitted yet"):
            model.transform(np.ones((9, 3)))


@pytest.mark.filterwarnings("ignore::unweave.base.errors.Noted")
class TestDigits:
    """scikit-learn's most used data set, as it comes."""

    def test_codes_are_a_frame_under_the_names_of_the_latents(self):
        X = load_digits(as_frame=True).data
        frame = clone(Unweaver(steps=2, random_state=0)).set_output(transform="pandas").fit_transform(X)
        assert frame.shape == (1797, 10)
        assert list(frame.columns) == [f"z{j}" for j in range(10)]
        assert frame.index.equals(X.index)

    def test_a_grid_search_goes_through(self):
        X, y = load_digits(return_X_y=True)
        steps = make_pipeline(Unweaver("beta-vae", steps=2, random_state=0), GaussianNB())
        found = GridSearchCV(steps, {"unweaver__beta": [1, 4]}, cv=2, error_score="raise").fit(X[:200], y[:200])
        assert np.isfinite(found.cv_results_["mean_test_score"]).all()


SOON_TOO_WELL_KNOWN = {
    "latents": 2, "batch": 16, "lr": 1e-2, "beta": 0.01, "likelihood__scale": 0.1, "net__hidden": (64,),
    "standardise_every": 10,
    "validation_fraction": 0.5, "validate_every": 10, "random_state": 0,
}  # fmt: skip


class TestStopping:
    def test_early(self):
        """With few rows and a wide net the held-out ELBO falls again long before the steps run out."""
        X = table(40)
        model = Unweaver(steps=2_000, patience=3, **SOON_TOO_WELL_KNOWN).fit(X)
        looks = model.validation_history_
        best = max(looks, key=lambda look: look[1])
        assert model.n_steps_ == looks[-1][0] < 2_000
        assert looks.index(best) == len(looks) - 4  # three looks without a better one
        assert [step for step, _ in looks] == list(range(10, model.n_steps_ + 1, 10))
        assert model.history_[-1]["step"] == model.n_steps_

    def test_the_best_weights_are_kept_also_at_the_last_step(self):
        X = table(40)
        long = Unweaver(steps=150, patience=1_000, **SOON_TOO_WELL_KNOWN).fit(X)
        best = max(long.validation_history_, key=lambda look: look[1])[0]
        assert best < 150
        short = Unweaver(steps=best, patience=1_000, **SOON_TOO_WELL_KNOWN).fit(X)
        assert np.array_equal(long.transform(X), short.transform(X))

    def test_looking_changes_nothing(self):
        """Rows that are held out, and nothing else, tell a run that is looked at from one that is not."""
        X = table(40)
        settings = {**TINY, "steps": 6, "patience": 100, "random_state": 0, "net__hidden": (4,)}
        often, once = (Unweaver(**settings, validate_every=every).fit(X) for every in (1, 6))
        rising = [value for _, value in often.validation_history_]
        assert rising == sorted(rising)
        assert np.array_equal(often.transform(X), once.transform(X))

    def test_by_the_user(self, monkeypatch):
        class Interrupting(Callback):
            def on_step_end(self, step, loss):
                if step == 2:
                    signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr("unweave.face.estimator.ProgressBar", Interrupting)
        model = Unweaver(**{**TINY, "steps": 1_000, "verbose": 1})
        with pytest.raises(KeyboardInterrupt, match="fit was stopped before its end"):
            model.fit(table())
        with pytest.raises(ValueError, match="not fitted yet"):
            model.transform(table())

    def test_by_a_loss_that_is_no_number(self):
        with pytest.raises(Diverged, match=r"at step \d+; a smaller lr"):
            Unweaver(**{**TINY, "steps": 50, "lr": 1e9}).fit(table())


def test_the_example_prints_both_accuracies(monkeypatch, capsys):
    path = Path(__file__).parents[2] / "examples" / "estimator.py"
    described = importlib.util.spec_from_file_location("estimator_example", path)
    example = importlib.util.module_from_spec(described)
    described.loader.exec_module(example)
    lit = np.arange(120) % 2
    squares = np.zeros((120, 1, 32, 32), np.float32)
    squares[lit == 1, :, 8:24, 8:24] = 1
    monkeypatch.setattr(example, "fashion", lambda rows: (squares, lit))
    example.main(["--rows", "200", "--steps", "3", "--latents", "2"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[:3] for line in lines[1:]] == [["digits", "200", "2"], ["fashion-mnist", "120", "2"]]
    assert lines[2][3] == "1.000"  # two squares are told apart by any width
    assert all(0 <= float(number) <= 1 for line in lines[1:] for number in line[3:])


def test_a_pipeline_with_a_classifier_and_a_search_over_beta():
    rng = np.random.default_rng(0)
    classes = rng.integers(2, size=120)
    X = table(120) + 1_000.0 * classes[:, None]
    coder = Unweaver("beta-vae", latents=2, steps=60, batch=32, lr=1e-2, net__hidden=(16,), random_state=0)
    pipeline = make_pipeline(coder, LogisticRegression())
    search = GridSearchCV(pipeline, {"unweaver__beta": [0.1, 50.0]}, cv=2).fit(X, classes)
    assert search.best_params_ == {"unweaver__beta": 0.1}
    assert search.best_score_ > 0.9
    alone = GridSearchCV(coder, {"beta": [0.5, 50.0], "net__hidden": [(8,)]}, cv=2).fit(X)
    assert alone.best_params_["beta"] == 0.5
    assert alone.best_estimator_.transform(X).shape == (120, 2)
