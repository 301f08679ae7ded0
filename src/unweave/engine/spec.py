"""Everything that defines a run: method, data, net, prior, likelihood and how to train, each a frozen dataclass."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch

from unweave.base import checks, registry
from unweave.base.checks import FRACTION, POSITIVE, Range
from unweave.base.errors import InputError
from unweave.base.files import note
from unweave.base.records import Images
from unweave.base.registry import PARTS
from unweave.base.seeds import Generators, numpy_generator
from unweave.base.settings import Settings, changed, in_words, names_of, plain, settings_of, short_hash
from unweave.base.settings import build as build_settings
from unweave.data.base import ImageData
from unweave.data.leave_out import kept
from unweave.data.own.locate import FOLDER, SUFFIXES, located
from unweave.engine import suited
from unweave.engine.device import torch_device
from unweave.engine.help import HELP_FIELDS, Help
from unweave.models.distributions import Likelihood
from unweave.models.nets.base import Net, build
from unweave.models.objectives import AdamSettings, Objective
from unweave.models.vae import VAE, Units, heads


@dataclass(frozen=True)
class Training(Settings):
    """How long, how fast and on what a model is trained; flat options of `unweave train`."""

    steps: Annotated[int, "optimiser steps", Range(1)] = 10_000
    batch: Annotated[int, "images per step", Range(2)] = 64
    latents: Annotated[int, "continuous latents", Range(1)] = 10
    seed: Annotated[int, "seed of every random generator", Range(0)] = 0
    lr: Annotated[float | None, "learning rate [the method's default]", POSITIVE] = None
    lr_warmup: Annotated[int, "steps over which learning rates rise from 0, the critic's too", Range(0)] = 0
    lr_final: Annotated[
        float, "final share of the learning rates, after a cosine decay; 1 keeps them constant", FRACTION
    ] = 1.0
    blur: Annotated[
        float, "standard deviation of a Gaussian blur of the images at the start of training, pixels; 0: none", Range(0)
    ] = 0.0
    blur_steps: Annotated[int, "steps over which the blur fades out", Range(0)] = 0
    ease: Annotated[
        float, "factor on all loss weights except the distortion's at the start of training; 1: none", FRACTION
    ] = 1.0
    ease_hold: Annotated[int, "steps for which --ease stays constant", Range(0)] = 0
    ease_steps: Annotated[int, "steps over which --ease then rises to 1", Range(0)] = 0
    standardise_every: Annotated[
        int, "standardise codes to mean 0 and variance 1 every so many steps; 0: never", Range(0)
    ] = 0
    clip: Annotated[float | None, "maximum norm of the VAE's gradient, which is clipped", POSITIVE] = None
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], "device to train on; auto uses cuda if available"] = "auto"
    threads: Annotated[int | None, "CPU threads [all cores]", Range(1)] = None
    compile: Annotated[Literal["auto", "on", "off"], "compile the nets; auto: only for long runs on cuda"] = "auto"
    precision: Annotated[
        Literal["float32", "tf32", "bf16"], "precision of the nets, never of the loss; tf32: only on cuda"
    ] = "float32"
    graph: Annotated[Literal["auto", "on", "off"], "capture each step as a CUDA graph; auto: on cuda"] = "auto"
    deterministic: Annotated[bool, "use only deterministic algorithms (cuda)"] = False
    checkpoint_every: Annotated[int, "steps between checkpoints", Range(1)] = 1000
    keep_checkpoints: Annotated[bool, "keep the last checkpoints of a finished run"] = False
    log_every: Annotated[int, "steps between lines of log.jsonl, each the mean over those steps", Range(1)] = 50
    score_every: Annotated[
        int, "steps between lines of scores.jsonl, the scores during training; 0: none", Range(0)
    ] = 0
    score_metrics: Annotated[
        tuple[str, ...],
        "metrics scored during training, each followed by its settings: 'factor-vae-score preset=workshop'",
    ] = ("factor-vae-score",)
    score_images: Annotated[int, "number of images encoded for them, always the same ones", Range(2)] = 10_000

    bookkeeping: ClassVar[tuple[str, ...]] = (
        "device", "threads", "compile", "graph", "deterministic", "checkpoint_every", "keep_checkpoints", "log_every",
        "score_every", "score_metrics", "score_images",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [in_words(each)[0] for each in self.score_metrics]
        for each, name in zip(self.score_metrics, names, strict=True):
            checks.known("metric of score_metrics", name, registry.metrics.names())
            if names.count(name) > 1:
                raise InputError(f"score_metrics must name every metric once, got {name} again")
            if each != name:
                build_settings(registry.metrics.get(name), in_words(each)[1], of=name, prefix=f"{name}.")
        if self.blur > 0 and self.blur_steps == 0:
            raise InputError("blur_steps must be at least 1 where images start blurred, got 0")
        if self.ease < 1 and self.ease_hold + self.ease_steps == 0:
            raise InputError("ease_hold or ease_steps must be at least 1 where weights start small, got 0 and 0")
        if self.blur_steps > self.steps:
            raise InputError(f"blur_steps must be at most steps ({self.steps}), got {self.blur_steps}")
        if self.ease_hold + self.ease_steps > self.steps:
            got = f"{self.ease_hold} and {self.ease_steps}"
            raise InputError(f"ease_hold and ease_steps together must be at most steps ({self.steps}), got {got}")

    @property
    def torch_device(self) -> torch.device:
        """The device that `device` stands for on this machine."""
        return torch_device(self.device)


TABLES: dict[str, registry.Registry[Any]] = {"method": registry.methods, **PARTS}
PRIOR = "isotropic"  # the default; those of net and likelihood come from the data set
PCA_IMAGES = 20_000  # how many images a prior that starts from the data may look at
OWN = (FOLDER, *SUFFIXES)  # data of the user's own
TRAINING_FIELDS = tuple(setting.name for setting in settings_of(Training))


@dataclass(frozen=True)
class Part:
    """A registered thing by name, with its settings."""

    name: str
    settings: Any

    def plain(self) -> dict[str, Any]:
        """Name and all settings, for settings.json."""
        return {"name": self.name, **plain(self.settings)}

    def changed(self) -> dict[str, Any]:
        """Name and settings unlike their defaults, under former names and without those that change no result."""
        skipped = getattr(self.settings, "bookkeeping", ())
        own = changed(self.settings, formerly=True)
        return {"name": self.name, **{name: value for name, value in own.items() if name not in skipped}}


def _part(group: str, given: Mapping[str, Any], *, stored: bool = False) -> Part:
    values = dict(given)
    name = str(values.pop("name"))
    prefix = "" if group == "method" else f"{group}."
    return Part(name, build_settings(TABLES[group].get(name), values, of=name, prefix=prefix, stored=stored))


@dataclass(frozen=True)
class Spec:
    """A run before it is run: build with `Spec.make`, write with `plain`, read back with `from_plain`.

    >>> spec = Spec.make("beta-vae", data="dsprites", beta=2, steps=100)
    >>> spec.title, Spec.from_plain(spec.plain()).hash == spec.hash
    ('beta-vae on dsprites, seed 0', True)
    """

    method: Part
    data: Part
    net: Part
    prior: Part
    likelihood: Part
    training: Training
    recipe: str | None = None
    plugins: dict[str, str] = field(default_factory=dict[str, str])
    account: tuple[str, ...] = ()  # what was read, scaled and assumed of the user's own data
    help: Help = field(default_factory=Help)  # pairs, labels and the like, where a run is told any

    @classmethod
    def make(cls, method: str, *, recipe: str | None = None, suited_to_own: bool = True, **given: Any) -> Spec:
        """A run from flat settings: those of the method and of training by name, the others as "net.channels".

        `data`, `net`, `prior` and `likelihood` take names, or instances of a registered class; `data` a path, too, or
        arrays and tables in memory, which are kept in the cache. Unknown names and bad values raise InputError. Without
        a recipe, what is not given for the user's own data is chosen by them (`engine.suited`), if `suited_to_own`.
        """
        objective = registry.methods.get(method)
        own = names_of(objective)
        groups: dict[str, dict[str, Any]] = {group: {} for group in (*TABLES, "training", "help")}
        for raw, value in given.items():
            key = raw.replace("-", "_")
            head, _, rest = key.partition(".")
            if head in PARTS:
                if rest:
                    groups[head][rest] = value
                elif head == "data":
                    groups[head] |= located(value)
                elif isinstance(value, str):
                    groups[head]["name"] = value
                elif value is not None:
                    table = PARTS[head]
                    groups[head] |= {"name": table.name_of(type(value)), **plain(value)}
            elif key in own:
                groups["method"][key] = value
            elif key in TRAINING_FIELDS:
                groups["training"][key] = value
            elif key in HELP_FIELDS:
                groups["help"][key] = value
            else:
                checks.known(f"setting of {method}", raw, [*own, *TRAINING_FIELDS, *HELP_FIELDS, *PARTS])
        if "name" not in groups["data"]:
            groups["data"] |= located(None)
        found = _part("data", groups["data"])
        suits: ImageData = found.settings.resolved()
        groups["data"] = {"name": found.name, **plain(suits)}
        if "name" not in groups["likelihood"] and suits.caution is not None:
            note(suits.caution)
        numbers = math.prod(suits.image_shape)
        chooses_batch = found.name in OWN and "batch" not in groups["training"]
        if found.name in OWN:
            groups["training"].setdefault("latents", min(numbers, Training.latents))
            groups["training"].setdefault("batch", max(2, min(len(suits), Training.batch)))
        own_data = found.name in OWN and recipe is None and suited_to_own
        net, named = suited.net_for(suits) if own_data else suits.net, list[str]()
        if own_data:
            named += [f"net {net}"] if "name" not in groups["net"] and net != suits.net else []
            fit = {name: value for name, value in objective.own_data.items() if name not in groups["method"]}
            groups["method"] |= fit
            named += [f"{name} {value}" for name, value in fit.items()]
        for part, default in {"net": net, "prior": PRIOR, "likelihood": suits.likelihood}.items():
            groups[part].setdefault("name", default)
        if groups["likelihood"]["name"] == suits.likelihood:
            groups["likelihood"] = {**suits.likelihood_settings, **groups["likelihood"]}
        elif not suits.bounded and "squash" in names_of(registry.likelihoods.get(groups["likelihood"]["name"])):
            groups["likelihood"].setdefault("squash", False)
        squashes = "squash" in names_of(registry.likelihoods.get(groups["likelihood"]["name"]))
        if own_data and squashes and suited.is_picture(suits) and "squash" not in groups["likelihood"]:
            groups["likelihood"]["squash"] = False
            named.append("means without a sigmoid")
        groups["method"]["name"] = method
        made = cls._of(groups, recipe, suits.account)
        made = replace(made, help=made.help.resolved(method, made.objective, suits))
        if chooses_batch and made.objective.paired:  # two images a pair
            pairs = min(made.training.batch // 2, made.help.partners(suits).size)
            made = replace(made, training=replace(made.training, batch=2 * max(1, pairs)))
        if own_data:
            made = made._suited(groups["training"], named)
        if made.training.blur and min(suits.image_shape[1:]) == 1:
            raise InputError(f"blur must be 0 for rows of a table, got {made.training.blur:g}")
        if found.name in OWN and made.training.latents > numbers:
            got = made.training.latents
            raise InputError(f"latents must be {numbers} or fewer, the numbers in each row of the data, got {got}")
        return made

    def _suited(self, given: Mapping[str, Any], named: Sequence[str]) -> Spec:
        """The run with what suits the data where training has not been `given` a setting, and a line that says so."""
        data, training = self.dataset, self.training
        parts = (self.objective, self.net.settings, self.prior.settings, self.likelihood.settings)
        chosen = suited.training_for(
            self.objective,
            given,
            data,
            steps=training.steps,
            batch=training.batch,
            standardisable="standardise_every" in given
            or suited.can_be_standardised(*parts, training.latents, data.image_shape),
        )
        lines = [suited.sentence(chosen, len(data), training.batch, named)] if chosen or named else []
        return replace(self, training=replace(training, **chosen), account=(*self.account, *lines))

    @classmethod
    def _of(cls, groups: Mapping[str, Any], recipe: Any, account: Sequence[str], *, stored: bool = False) -> Spec:
        parts: dict[str, Any] = {group: _part(group, groups[group], stored=stored) for group in TABLES}
        came = {group: TABLES[group].origin(part.name) for group, part in parts.items()}
        plugins = {
            f"{'methods' if group == 'method' else group}:{parts[group].name}": origin
            for group, origin in came.items()
            if origin is not None
        }
        training = build_settings(Training, groups["training"], of="training", stored=stored)
        told = build_settings(Help, groups.get("help", {}), of="help", stored=stored)
        return cls(training=training, recipe=recipe, plugins=plugins, account=tuple(account), help=told, **parts)

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any]) -> Spec:
        """The run that `plain` described. Names resolve through the registries; no file can name code to import."""
        for group in (*TABLES, "training", *(["help"] if "help" in stored else [])):
            if not isinstance(stored.get(group), Mapping):
                raise InputError(f"settings.json must have a table '{group}', got {stored.get(group)!r}")
            if group in TABLES and not isinstance(stored[group].get("name"), str):
                raise InputError(f"settings.json must name its {group}, got {stored[group].get('name')!r}")
        return cls._of(stored, stored.get("recipe"), stored.get("account", ()), stored=True)

    def plain(self) -> dict[str, Any]:
        """All settings, resolved, as settings.json holds them."""
        parts = {group: getattr(self, group).plain() for group in TABLES}
        about = {"recipe": self.recipe, "plugins": self.plugins, "account": list(self.account)}
        told = {"help": plain(self.help)} if changed(self.help) else {}  # absent where there is none
        return {**parts, "training": plain(self.training), **told, **about}

    def flat(self) -> dict[str, Any]:
        """All settings under the names the command line uses."""
        whole = self.plain()
        flat = {"method": self.method.name, **{k: v for k, v in whole["method"].items() if k != "name"}}
        for group in PARTS:
            flat |= {group if k == "name" else f"{group}.{k}": v for k, v in whole[group].items()}
        return {**flat, **whole["training"], **plain(self.help)}

    @cached_property
    def hash(self) -> str:
        """Eight digits for the settings that change results; one at its default counts as absent."""
        training = {k: v for k, v in changed(self.training, formerly=True).items() if k not in Training.bookkeeping}
        parts = {group: getattr(self, group).changed() for group in TABLES}
        told = {"help": found} if (found := self.help.telling()) else {}
        return short_hash({**parts, "training": training, **told})

    @property
    def title(self) -> str:
        """For headings: method, data, seed, and what else the run was told."""
        told = f", {self.help.words}" if self.help.words else ""
        return f"{self.method.name} on {self.data.name}, seed {self.training.seed}{told}"

    @property
    def command(self) -> str:
        """The command that makes this run again, with every setting that differs from its default."""
        options = changed(self.method.settings)
        for group in PARTS:
            options |= {group: getattr(self, group).name}
            options |= {f"{group}.{k}": v for k, v in self._unlike_default(group).items()}
        words = ["unweave", "train", self.method.name]
        told = {name: value for name, value in changed(self.help).items() if name not in Help.found}
        said = changed(self.training)
        if self.data.name in OWN:  # what would else be chosen anew
            said = {**{name: getattr(self.training, name) for name in suited.CHOSEN}, **said}
            options |= {name: plain(self.objective)[name] for name in self.objective.own_data}
            squash = plain(self.likelihood.settings).get("squash")
            options |= {} if squash is None else {"likelihood.squash": squash}
        for name, value in {**options, **said, **told}.items():
            flag = "--" + name.replace("_", "-")
            if isinstance(value, bool):
                part, dot, own = flag.removeprefix("--").rpartition(".")
                words.append(flag if value else f"--{part}{dot}no-{own}")
            else:
                given = "none" if value is None else value
                words += [flag, ",".join(map(str, given)) if isinstance(given, list) else str(given)]
        return shlex.join(words)

    def _unlike_default(self, group: str) -> dict[str, Any]:
        """Settings of a part that a command must say, with those in which the data set's own default may be undone."""
        settings = getattr(self, group).settings
        wished = self.dataset.likelihood_settings if group == "likelihood" else {}
        found = getattr(settings, "found", ())  # what only the data themselves can tell
        return {k: v for k, v in plain(settings).items() if (k in changed(settings) and k not in found) or k in wished}

    @property
    def objective(self) -> Objective:
        """The method."""
        return self.method.settings

    @property
    def dataset(self) -> ImageData:
        """The data set."""
        return self.data.settings

    @property
    def adam(self) -> AdamSettings:
        """Adam's settings for the VAE, with the run's own learning rate if it has one."""
        own = self.objective.optimiser()
        lr = self.training.lr
        return own if lr is None else AdamSettings(lr, own.betas, own.amsgrad, own.l2)

    @cached_property
    def kept(self) -> np.ndarray | None:
        """Numbers of the images that training may see; None for all of them."""
        return None if self.help.leave_out is None else kept(self.help.leave_out, self.dataset)

    @property
    def images(self) -> int:
        """How many images there are to train on."""
        return len(self.dataset) if self.kept is None else len(self.kept)

    def some_images(self) -> Images:
        """At most 20,000 images, always the same ones, for a prior that starts from the data."""
        seen = len(self.dataset) if self.kept is None else self.kept
        chosen = numpy_generator(self.training.seed, "prior images").permutation(seen)[:PCA_IMAGES]
        return self.dataset.images(chosen)

    def build_vae(self, rng: Generators, *, fresh: bool = True) -> VAE:
        """The model with freshly initialised weights, or InputError where method and model do not go together.

        With `fresh` false the weights are about to be loaded, and a prior need not look at the data.
        """
        latents = self.objective.latents(self.training.latents)
        likelihood: Likelihood = self.likelihood.settings
        net: Net = self.net.settings
        encoder, decoder = build(
            net, self.dataset.image_shape, heads(latents), latents.width, likelihood.outputs, rng["init"]
        )
        prior = self.prior.settings.build(latents.continuous, self.some_images if fresh else None)
        discrete = self.objective.discrete(self.training.steps)
        vae = VAE(encoder, decoder, prior, likelihood, latents, discrete, self._units())
        if fresh and vae.units is not None:
            vae.units.measure(self.some_images(), self.dataset.standardised)
        if reason := self.objective.refuses(vae):
            raise InputError(f"{self.method.name} cannot be trained like this: {reason}")
        return vae

    def _units(self) -> Units | None:
        wants = self.dataset.standardised and not self.likelihood.settings.unit_interval
        return Units(self.dataset.image_shape) if wants else None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the model's weights, without allocating them."""
        latents = self.objective.latents(self.training.latents)
        net, shape = self.net.settings, self.dataset.image_shape
        with torch.device("meta"):
            encoder = net.encoder(shape, heads(latents))
            decoder = net.decoder(latents.width, shape, self.likelihood.settings.outputs)
            prior = self.prior.settings.build(latents.continuous)
            vae = VAE(encoder, decoder, prior, self.likelihood.settings, latents, units=self._units())
        return {name: tuple(tensor.shape) for name, tensor in vae.state_dict().items()}
