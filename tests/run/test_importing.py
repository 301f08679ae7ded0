"""Weights of DISVAE and JointVAE: the same outputs as in the architectures that wrote them, and no pickles."""

import json
from itertools import pairwise

import pytest
import torch
from torch import nn

from unweave.base.errors import InputError
from unweave.run.importing import import_run
from unweave.run.run import Run


class Pickled:
    def __reduce__(self):
        return (print, ("code ran",))


class Encoder(nn.Module):
    """DISVAE's, with its names: one head whose rows belong to mean and log variance in turn."""

    def __init__(self, channels, large, latents):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 4, 2, 1)
        self.conv2 = nn.Conv2d(32, 32, 4, 2, 1)
        self.conv3 = nn.Conv2d(32, 32, 4, 2, 1)
        if large:
            self.conv_64 = nn.Conv2d(32, 32, 4, 2, 1)
        self.lin1 = nn.Linear(512, 256)
        self.lin2 = nn.Linear(256, 256)
        self.mu_logvar_gen = nn.Linear(256, 2 * latents)

    def forward(self, x):
        for name in ("conv1", "conv2", "conv3", "conv_64"):
            x = getattr(self, name)(x).relu() if hasattr(self, name) else x
        x = self.lin2(self.lin1(x.flatten(1)).relu()).relu()
        pairs = self.mu_logvar_gen(x).unflatten(1, (-1, 2))
        return pairs[..., 0], pairs[..., 1]


class Decoder(nn.Module):
    def __init__(self, channels, large, latents):
        super().__init__()
        self.lin1 = nn.Linear(latents, 256)
        self.lin2 = nn.Linear(256, 256)
        self.lin3 = nn.Linear(256, 512)
        if large:
            self.convT_64 = nn.ConvTranspose2d(32, 32, 4, 2, 1)
        self.convT1 = nn.ConvTranspose2d(32, 32, 4, 2, 1)
        self.convT2 = nn.ConvTranspose2d(32, 32, 4, 2, 1)
        self.convT3 = nn.ConvTranspose2d(32, channels, 4, 2, 1)

    def forward(self, z):
        x = self.lin3(self.lin2(self.lin1(z).relu()).relu()).relu().unflatten(1, (32, 4, 4))
        for name in ("convT_64", "convT1", "convT2"):
            x = getattr(self, name)(x).relu() if hasattr(self, name) else x
        return self.convT3(x).sigmoid()


class Disvae(nn.Module):
    def __init__(self, channels=1, large=True, latents=10):
        super().__init__()
        self.encoder, self.decoder = Encoder(channels, large, latents), Decoder(channels, large, latents)


class JointVAE(nn.Module):
    """The other one, with its names: a head for each categorical latent, their one-hots after the codes."""

    def __init__(self, channels=1, large=True, latents=6, sizes=(3,)):
        super().__init__()
        widths = [channels, 32, *[32] * large, 64, 64]
        down = [part for a, b in pairwise(widths) for part in (nn.Conv2d(a, b, 4, 2, 1), nn.ReLU())]
        self.img_to_features = nn.Sequential(*down)
        self.features_to_hidden = nn.Sequential(nn.Linear(1024, 256), nn.ReLU())
        self.fc_mean, self.fc_log_var = nn.Linear(256, latents), nn.Linear(256, latents)
        self.fc_alphas = nn.ModuleList(nn.Linear(256, size) for size in sizes)
        self.latent_to_features = nn.Sequential(
            nn.Linear(latents + sum(sizes), 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU()
        )
        widths = [64, *[64] * large, 32, 32, channels]
        up = [part for a, b in pairwise(widths) for part in (nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU())]
        self.features_to_img = nn.Sequential(*up[:-1], nn.Sigmoid())

    def encode(self, x):
        hidden = self.features_to_hidden(self.img_to_features(x).flatten(1))
        return self.fc_mean(hidden), self.fc_log_var(hidden), [head(hidden).softmax(1) for head in self.fc_alphas]

    def decode(self, z):
        return self.features_to_img(self.latent_to_features(z).unflatten(1, (64, 4, 4)))


def kept(module, specs, folder):
    folder.mkdir(exist_ok=True)
    torch.save(module.state_dict(), folder / "model.pt")
    (folder / "specs.json").write_text(json.dumps(specs))
    return folder / "model.pt"


def disvae_specs(**other):
    return {
        "img_size": [1, 64, 64], "latent_dim": 10, "model_type": "Burgess", "dataset": "dsprites", "loss": "btcvae",
        "btcvae_A": 1, "btcvae_B": 6, "btcvae_G": 1, "batch_size": 64, "epochs": 30, "lr": 0.0005, "seed": 1234,
        "rec_dist": "bernoulli", **other,
    }  # fmt: skip


JOINT = {
    "cont_capacity": [0.0, 40.0, 300000, 150.0], "disc_capacity": [0.0, 1.1, 300000, 150.0], "batch_size": 64,
    "latent_spec": {"disc": [3], "cont": 6}, "epochs": [29, 30, 31], "lr": [0.0005], "dataset": "dsprites",
}  # fmt: skip


@pytest.fixture
def theirs(tmp_path):
    torch.manual_seed(0)
    return kept(Disvae(), disvae_specs(), tmp_path / "theirs")


def close(a, b):
    return torch.allclose(torch.as_tensor(a), b, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "large", "data"), [(1, True, {}), (3, True, {}), (1, False, {"data": "dsprites", "data.size": 32})]
)
@torch.no_grad()
def test_disvae_says_the_same(channels, large, data, tmp_path):
    torch.manual_seed(0)
    side, module = 64 if large else 32, Disvae(channels, large)
    specs = disvae_specs(img_size=[channels, side, side], dataset="dsprites" if channels == 1 else "celeba")
    given = {key: value for key, value in data.items() if key != "data"}
    file = kept(module, specs, tmp_path / "theirs")
    run = import_run(file, "disvae", tmp_path / "run", data=data.get("data"), given=given)
    images = torch.rand(5, channels, side, side)
    mean, log_variance = module.encoder(images)
    encoding = run.posterior(images)
    assert close(encoding.mean, mean)
    assert close(encoding.std, (0.5 * log_variance).exp())
    z = torch.randn(4, 10)
    assert close(run.decode(z), module.decoder(z))


@pytest.mark.parametrize(("sizes", "large"), [((3,), True), ((2, 4), True), ((), True), ((10,), False)])
@torch.no_grad()
def test_jointvae_says_the_same(sizes, large, tmp_path):
    torch.manual_seed(0)
    module = JointVAE(sizes=sizes, large=large)
    specs = {**JOINT, "latent_spec": {"cont": 6, **({"disc": list(sizes)} if sizes else {})}}
    specs["dataset"] = "dsprites" if large else "fashion_mnist"
    run = import_run(kept(module, specs, tmp_path / "theirs"), "jointvae", tmp_path / "run")
    side = 64 if large else 32
    images = torch.rand(5, 1, side, side)
    mean, log_variance, alphas = module.encode(images)
    encoding = run.posterior(images)
    assert close(encoding.mean, mean)
    assert close(encoding.std, (0.5 * log_variance).exp())
    places = []
    if sizes:
        numbers = torch.stack([alpha.argmax(1) for alpha in alphas], 1)
        assert torch.equal(torch.as_tensor(encoding.categories), numbers)
        assert close(run.vae.encode(images).probabilities, torch.cat(alphas, 1))
        places = [nn.functional.one_hot(column, size).float() for column, size in zip(numbers.T, sizes, strict=True)]
    again = run.decode(mean, torch.as_tensor(encoding.categories) if sizes else None)
    assert close(again, module.decode(torch.cat([mean, *places], 1)))


def test_it_is_a_run_that_says_where_it_came_from(theirs, tmp_path, monkeypatch):
    monkeypatch.setattr("unweave.run.run.POOL", 300)
    run = import_run(theirs, "disvae", tmp_path / "run", data="dsprites", given={"data.hold": "lazy"})
    assert run.finished
    assert run.title == "beta-tcvae on dsprites, seed 1234"
    assert run.spec.objective.beta == 6
    assert (run.spec.training.steps, run.spec.training.lr) == (30 * 11520, 0.0005)
    origin = run.stored["origin"]
    assert (origin["code"], origin["file"], len(origin["sha256"])) == ("disvae", "model.pt", 64)
    assert origin["specs"] == disvae_specs()
    assert "mig" in run.evaluate(["mig"], calibrate=False)
    assert run.traverse(latents=1, steps=2).alt.startswith("Latent traversal of beta-tcvae on dsprites")
    assert Run(run.path).weights_hash == run.weights_hash
    from unweave.show.codes import encode_to
    from unweave.show.export import export

    assert encode_to(run, tmp_path / "c.csv", limit=3).is_file()
    card = (export(run, "safetensors") / "README.md").read_text()
    assert "Imported, not trained here: code disvae, file model.pt" in card


@pytest.mark.parametrize(
    ("loss", "method", "settings"),
    [
        ("VAE", "vae", {}),
        ("betaH", "beta-vae", {"beta": 5.0}),
        ("betaB", "annealed-vae", {"gamma": 100.0, "capacity_max": 50.0, "anneal_steps": 20000}),
        ("factor", "factor-vae", {"gamma": 7.0}),
    ],
)
def test_losses_become_methods_with_their_weights(loss, method, settings, tmp_path):
    specs = disvae_specs(loss=loss, betaH_B=5, betaB_G=100, betaB_initC=0, betaB_finC=50, reg_anneal=20000, factor_G=7)
    run = import_run(kept(Disvae(), specs, tmp_path / "theirs"), "disvae", tmp_path / "run")
    assert run.spec.method.name == method
    assert {name: getattr(run.spec.objective, name) for name in settings} == settings


def test_their_gaussian_and_laplace_are_likelihoods_up_to_a_constant(tmp_path):
    x, y = torch.rand(2, 1, 1, 64, 64, dtype=torch.float64)
    theirs = {
        "gaussian": lambda y: ((255 * x - 255 * y) ** 2).sum() / 255,
        "laplace": lambda y: 3 * (x - y).abs().sum(),
    }
    for name, loss in theirs.items():
        file = kept(Disvae(), disvae_specs(rec_dist=name), tmp_path / name)
        likelihood = import_run(file, "disvae", tmp_path / f"run-{name}").vae.likelihood
        ours = likelihood.nll(torch.logit(y), x) - likelihood.nll(torch.logit(x.clamp(1e-9, 1 - 1e-9)), x)
        assert torch.allclose(ours, loss(y), rtol=1e-4)


def test_pickled_objects_are_refused_and_never_run(theirs, tmp_path, capsys):
    torch.save({"encoder": Pickled()}, theirs)
    with pytest.raises(InputError, match="pickled objects that could run code") as refused:
        import_run(theirs, "disvae", tmp_path / "run")
    assert "\n" not in str(refused.value)
    assert "code ran" not in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def broken(path, how):
    state = torch.load(path, weights_only=True)
    if how == "lacks a layer":
        del state["decoder.lin3.weight"]
    elif how == "another shape":
        state["decoder.lin3.weight"] = state["decoder.lin3.weight"].T
    elif how == "one too many":
        state["encoder.lin9.weight"] = torch.ones(2)
    elif how == "nan":
        state["encoder.lin1.bias"][0] = float("nan")
    elif how == "a list":
        state = [1, 2]
    elif how == "no tensor":
        state["encoder.lin1.bias"] = "words"
    torch.save(state, path)


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ("lacks a layer", "file must hold decoder.lin3.weight"),
        ("another shape", r"decoder\.lin3 with shape \(512, 256\), .*got \(256, 512\)"),
        ("one too many", "nothing but this architecture's weights"),
        ("nan", "finite numbers, .*encoder.lin1.bias"),
        ("a list", "tensors by name, got .*, which holds list"),
        ("no tensor", "tensors by name, got str"),
    ],
)
def test_files_that_hold_something_else_are_refused(theirs, tmp_path, how, rule):
    broken(theirs, how)
    with pytest.raises(InputError, match=rule):
        import_run(theirs, "disvae", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("source", "specs", "rule"),
    [
        ("disvae", {**disvae_specs(), "img_size": [1, 28, 28]}, "img_size of specs.json must be"),
        ("disvae", {**disvae_specs(), "model_type": "Resnet"}, "model_type of specs.json must be Burgess"),
        ("disvae", {**disvae_specs(), "loss": "gan"}, "loss must be one of VAE"),
        ("disvae", {**disvae_specs(), "dataset": "own"}, "data must be given"),
        ("disvae", {**disvae_specs(), "dataset": "mnist"}, r"shape \(1, 64, 64\), which these weights take"),
        ("jointvae", disvae_specs(), "latent_spec of specs.json must tell"),
        ("jointvae", {**JOINT, "latent_spec": {"disc": [3]}}, "latent_spec of specs.json must tell"),
        ("jointvae", {**JOINT, "cont_capacity": [1]}, "a capacity of specs.json must be four numbers"),
        ("jointvae", JOINT, "file must hold fc_mean.weight"),
        ("pythae", JOINT, "source must be one of disvae, jointvae"),
    ],
)
def test_specs_that_do_not_fit_are_refused(theirs, tmp_path, source, specs, rule):
    (theirs.parent / "specs.json").write_text(json.dumps(specs))
    with pytest.raises(InputError, match=rule):
        import_run(theirs, source, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_missing_and_broken_files_are_named(theirs, tmp_path):
    with pytest.raises(InputError, match=r"got .*nowhere.pt, which is none"):
        import_run(theirs.parent / "nowhere.pt", "disvae", tmp_path / "run")
    whole = theirs.read_bytes()
    for content in (b"words", b"", whole[:5000]):
        theirs.write_bytes(content)
        with pytest.raises(InputError, match="file must "):
            import_run(theirs, "disvae", tmp_path / "run")
    theirs.write_bytes(whole)
    (theirs.parent / "specs.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as JSON"):
        import_run(theirs, "disvae", tmp_path / "run")
    (theirs.parent / "specs.json").unlink()
    with pytest.raises(InputError, match=r"specs.json must lie beside the weights"):
        import_run(theirs, "disvae", tmp_path / "run")


def test_a_finished_run_is_not_replaced_unasked(theirs, tmp_path):
    import_run(theirs, "disvae", tmp_path / "run")
    with pytest.raises(InputError, match="holds a finished run"):
        import_run(theirs, "disvae", tmp_path / "run")
    import_run(theirs, "disvae", tmp_path / "run", overwrite=True)
