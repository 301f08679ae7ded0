"""Every method as a scikit-learn estimator: fit on arrays or frames, codes out, data back from codes."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, TypeVar, get_args, no_type_check

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from unweave.base import checks, registry
from unweave.base.codes import MEANS, Reading
from unweave.base.errors import Diverged, InputError, Interrupted
from unweave.base.registry import PARTS
from unweave.base.seeds import numpy_generator
from unweave.base.settings import build, names_of, settings_of
from unweave.data.own.array import Array
from unweave.engine import Spec, folder
from unweave.engine import train as train_spec
from unweave.engine.early_stopping import EarlyStopping, elbo
from unweave.engine.log import read_log
from unweave.engine.progress import ProgressBar
from unweave.engine.spec import TRAINING_FIELDS
from unweave.face.estimator_file import Fitted, read, write
from unweave.models.trained import Model
from unweave.run.recipes import PUBLISHED
from unweave.run.run import Run
from unweave.subspaces import Subspaces

F = TypeVar("F", bound=Callable[..., Any])

NAME = "X.npy"  # what the rows of fit are called in settings and sentences
BLOCK = 5_000  # rows read and encoded at a time
NEVER = 1_000_000_000  # steps between checkpoints: fit leaves nothing to go on with
LOOKED_AT = 2_000  # held-out rows, at most, that early stopping looks at


def _kept_as_given(init: F) -> F:
    """Leave types to `fit`: scikit-learn wants an estimator to take whatever it is given."""
    return no_type_check(init)


class Unweaver(TransformerMixin, BaseEstimator):
    """A method of unweave as a scikit-learn transformer: data to codes, and codes to data.

    X is a table (n, K) of numbers, or images (n, H, W), (n, H, W, C) or (n, C, H, W): numpy or torch arrays, pandas
    frames, lists. What its numbers are decides how they are scaled, the net and the likelihood, as it does for files:
    pixels are brought into [0, 1], columns are standardised inside the model, and codes are made from, and turned back
    into, numbers in your units. Codes are posterior means (n, latents), float32; where the model gives categories,
    they follow as zeros and ones, a column for each value. With codes="planes" latents that form a plane are told
    as radius, cosine and sine instead, behind the latents that stand alone (see `unweave.subspaces`).

    Parameters
    ----------
    method : a name of `unweave list methods`
    latents : continuous latents; None takes 10, or as many as a row has numbers if these are fewer
    steps, batch : optimiser steps and rows in each; a batch is never larger than the data. None takes what suits the
        data, as `unweave train` does: 200 passes over them, but 1,000 to 8,000 steps
    lr : Adam's learning rate; None takes what suits, 0.001 for most methods
    random_state : an integer for the same result again, None for another one each time, or a RandomState;
        `seed=0` does the same
    net, prior, likelihood : names or settings, such as Conv(channels=(16, 32)); None lets the data choose
    image_shape : (H, W), (H, W, C) or (C, H, W) of images that come as rows of a table
    codes : "means", or "planes", which `fit` looks for in the codes and the decoder; where there are none, as with
        fewer than 200 different codes, a warning says so and codes are the means
    patience : stop when so many looks at held-out rows have brought no higher ELBO; None never stops early
    validation_fraction : share of the rows that is held out for it (2,000 of them at most are looked at)
    validate_every : steps between looks
    device : auto, cpu, cuda or mps, for fit
    threads : processor threads during fit; all if None
    verbose : 1 shows what was assumed of the data, and progress
    **settings : those of the method by name (`beta=6`); others of training (`clip=1.0`); and those of the parts and
        of the data with two underscores (`net__channels=(16, 32)`, `likelihood__scale=0.2`, `data__scale="minmax"`);
        recipe="published" chooses nothing for X and takes the published settings

    Attributes after fit
    --------------------
    n_features_in_ : numbers in a row of X, all pixels of an image
    feature_names_in_ : columns of a frame
    n_steps_ : optimiser steps that were done
    seed_ : what fed every random generator; `seed=` this gives the same result again
    history_ : the log, a table of terms every 50 steps
    validation_history_ : (step, held-out ELBO) of every look
    account_ : what was read and assumed of X, in sentences
    subspaces_ : with codes="planes" what was found, a `Subspaces` with its evidence; else None

    Wrong settings and data raise InputError, a ValueError, in `fit`; a loss that is not a number raises Diverged.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 5)) @ np.diag([1, 10, 100, 1, 1]) + 3
    >>> model = Unweaver("beta-vae", beta=2, latents=2, steps=20, random_state=0).fit(X)
    >>> model.transform(X).shape, model.inverse_transform(model.transform(X)).shape
    ((200, 2), (200, 5))
    >>> model.get_feature_names_out()
    array(['z0', 'z1'], dtype=object)
    """

    feature_names_in_: NDArray[Any]  # only after fit to a frame with names

    @_kept_as_given
    def __init__(
        self,
        method: str = "beta-vae",
        *,
        latents: int | None = None,
        steps: int | None = None,
        batch: int = 64,
        lr: float | None = None,
        random_state: int | np.random.RandomState | None = None,
        net: Any = None,
        prior: Any = None,
        likelihood: Any = None,
        image_shape: tuple[int, ...] | None = None,
        codes: Reading = "means",
        patience: int | None = None,
        validation_fraction: float = 0.1,
        validate_every: int = 100,
        device: str = "auto",
        threads: int | None = None,
        verbose: int = 0,
        **settings: Any,
    ) -> None:
        self.method = method
        self.latents = latents
        self.steps = steps
        self.batch = batch
        self.lr = lr
        self.random_state = random_state
        self.net = net
        self.prior = prior
        self.likelihood = likelihood
        self.image_shape = image_shape
        self.codes = codes
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.validate_every = validate_every
        self.device = device
        self.threads = threads
        self.verbose = verbose
        self._settings = settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters by name; with `deep` also the settings of the method that are at their defaults."""
        own = super().get_params(deep=False)
        method = _method(self.method) if deep else None
        defaults = {} if method is None else {each.name: each.default for each in settings_of(method)}
        return {**own, **defaults, **self._settings}

    def set_params(self, **params: Any) -> Unweaver:
        """Set parameters and settings by name; a name that neither the estimator nor its method has is refused."""
        own = self._get_param_names()
        others = {name: value for name, value in params.items() if name not in own}
        method = _method(params.get("method", self.method))
        possible = names_of(method) if method is not None else {}
        for name in others:
            if _part_of(name) is None and name not in self._settings:
                checks.known(f"parameter of {type(self).__name__}", name, {*own, *possible, *TRAINING_FIELDS, "recipe"})
        for name, value in params.items():
            if name in own:
                setattr(self, name, value)
        self._settings = {**self._settings, **others}
        return self

    def fit(self, X: Any, y: Any = None) -> Unweaver:
        """Train on X from the start; `y` is ignored."""
        vars(self).pop("_model", None)
        checks.one_of(get_args(Reading), codes=self.codes)
        rows = self._rows(X, reset=True)
        self.seed_ = self._seed()
        threads = torch.get_num_threads()
        with tempfile.TemporaryDirectory(prefix="unweave-") as place:
            kept, held = self._split(rows)
            data = self._described(kept, Path(place) / NAME)
            with warnings.catch_warnings(record=True) as notes:
                warnings.simplefilter("always")
                spec = self._spec(data, len(kept))
                spec = replace(spec, account=tuple(sentence.replace(NAME, "X") for sentence in spec.account))
            for each in notes:  # at the line of the user's that called fit
                warnings.warn(str(each.message).replace(NAME, "X"), each.category, stacklevel=2)
            stopping: list[EarlyStopping] = []
            if held is not None and self.patience is not None:
                stopping = [EarlyStopping(_read(data, held), self.patience, self.validate_every)]
            shown = [ProgressBar()] if self.verbose else []
            try:
                run = Run(train_spec(spec, Path(place) / "run", callbacks=[*stopping, *shown]))
                self.subspaces_ = None if self.codes == MEANS else run.subspaces
                self._take(run)
            except Interrupted:
                raise KeyboardInterrupt("fit was stopped before its end; nothing is kept") from None
            except Diverged as wrong:
                reason = str(wrong).partition("; ")[0]
                raise Diverged(f"{reason}; a smaller lr, or a larger scale of the likelihood, may help") from None
            finally:
                torch.set_num_threads(threads)
        self.validation_history_ = stopping[0].seen if stopping else []
        if self.subspaces_ is not None and not self.subspaces_.blocks:
            why = self.subspaces_.skipped or "no latents form a plane"
            warnings.warn(f"codes are the means, not planes: {why}", stacklevel=2)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Codes of X, float32 (n, latents), followed by a column of 0 or 1 for each value of each category.

        With planes the codes are the columns of `Subspaces.polar`; `get_feature_names_out` names them.
        """
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        parts: list[NDArray[np.float32]] = []
        for at in range(0, len(rows), BLOCK):
            encoding = self._model.posterior(self._images(rows[at : at + BLOCK]))
            found = encoding.categories
            categories = [] if found is None else [_places(found, self._model.category_sizes)]
            codes = encoding.mean if self._planes is None else self._planes.polar(encoding.mean)[0].astype(np.float32)
            parts.append(np.concatenate([codes, *categories], axis=1))
        return np.concatenate(parts)

    def inverse_transform(self, X: Any) -> NDArray[np.float32]:
        """What the decoder expects of codes (n, columns that `transform` gave), in the shape and units of the data."""
        check_is_fitted(self)
        codes = check_array(X, dtype="float32", estimator=self, input_name="X")
        columns = len(self.get_feature_names_out())
        if codes.shape[1] != columns:
            raise InputError(f"X must have the {columns} columns that transform gives, got {codes.shape[1]}")
        sizes = self._model.category_sizes
        ends = np.cumsum([columns - sum(sizes), *sizes])
        categories = [codes[:, a:b].argmax(1) for a, b in pairwise(ends)]
        z = codes[:, : ends[0]] if self._planes is None else self._planes.inverse(codes[:, : ends[0]])
        return self._own(self._model.decode(z, np.stack(categories, axis=1) if categories else None))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean evidence lower bound of the rows of X, nats; higher is better. `y` is ignored.

        It has neither the method's weights nor its penalties, so that it may choose between methods and settings; of
        likelihoods and their scales only where they are compared as densities of the same numbers. For columns that
        the model standardises it is the density of the standardised numbers.
        """
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        blocks = [rows[at : at + BLOCK] for at in range(0, len(rows), BLOCK)]
        found = [elbo(self._model.vae, self._images(block), seed=number) for number, block in enumerate(blocks)]
        return torch.cat(found).mean().item()

    def sample(self, n: int = 1, random_state: int | np.random.RandomState | None = None) -> NDArray[np.float32]:
        """`n` new rows: codes drawn from the prior and decoded, in the shape and units of the data."""
        check_is_fitted(self)
        checks.at_least(1, n=n)
        seed = int(check_random_state(random_state).randint(2**31 - 1))
        return self._own(self._model.sample(n, seed).images)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns of `transform`: z0, z1 and so on, then category_0 or category0_0 for categories.

        With planes: "latent 1" and so on for latents that stand alone, then "radius 0+2", "cos 0+2", "sin 0+2".
        """
        check_is_fitted(self)
        if input_features is not None:
            names = np.asarray(input_features, dtype=object)
            if hasattr(self, "feature_names_in_") and not np.array_equal(self.feature_names_in_, names):
                raise InputError("input_features is not equal to feature_names_in_")
            if len(names) != self.n_features_in_:
                raise InputError(
                    f"input_features should have length equal to number of features ({self.n_features_in_}), "
                    f"got {len(names)}"
                )
        sizes = self._model.category_sizes
        heads = ["category"] if len(sizes) == 1 else [f"category{k}" for k in range(len(sizes))]
        columns = [f"{head}_{k}" for head, size in zip(heads, sizes, strict=True) for k in range(size)]
        means = [f"z{j}" for j in range(self._model.latents)]
        return np.asarray([*(means if self._planes is None else self._planes.names()), *columns], dtype=object)

    @property
    def model_(self) -> Model:
        """The trained model by itself; it takes images (n, C, H, W) in its own units."""
        check_is_fitted(self)
        return self._model

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the fitted estimator into a folder: plain JSON and safetensors, no pickle. Returns the folder.

        It is the folder of a run with estimator.json beside it. The data are not in it: commands that need them look
        for the array that `fit` took in X.npy, in the working folder. A folder that holds anything is refused unless
        `overwrite`.

        >>> Unweaver(steps=500).fit(X).save("model")  # doctest: +SKIP
        >>> codes = Unweaver.load("model").transform(X)  # doctest: +SKIP
        """
        check_is_fitted(self)
        names = self.feature_names_in_.tolist() if hasattr(self, "feature_names_in_") else None
        params = self.get_params(deep=False)
        fitted = Fitted(params, self.seed_, self._shape, self._flat, names, self.validation_history_, self.subspaces_)
        vae = self._model.vae
        return write(Path(path), fitted, vae, self._stored, self._done, self._log, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> Unweaver:
        """The estimator that `save` wrote, with the same codes bit for bit.

        Names resolve through the registry and weights are compared with the settings before anything is allocated;
        a folder that is no such one raises InputError.
        """
        run, fitted = read(Path(path))
        made = cls(**fitted.params)
        made.seed_, made._flat, made._shape = fitted.seed, fitted.flat, fitted.shape
        made.validation_history_, made.subspaces_ = fitted.validation, fitted.subspaces
        made.n_features_in_ = prod(made._shape)
        if fitted.feature_names is not None:
            made.feature_names_in_ = np.asarray(fitted.feature_names, dtype=object)
        made._take(run)
        return made

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # codes are float32, whatever X is
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    def _seed(self) -> int:
        given = self._settings.get("seed")
        if given is not None and self.random_state is not None:
            raise InputError(f"seed must not be given beside random_state, got {given} and {self.random_state}")
        chosen = self.random_state if given is None else given
        if isinstance(chosen, (int, np.integer)):
            return int(chosen)
        return int(check_random_state(chosen).randint(2**31 - 1))

    def _rows(self, X: Any, *, reset: bool) -> NDArray[Any]:
        """X as an array of finite numbers, one row or image each, of the shape that `fit` saw."""
        array: Any = X.detach().cpu().numpy() if isinstance(X, Tensor) else X
        least = 2 if reset else 1
        shape = array.shape if hasattr(array, "shape") else np.asarray(array).shape
        if len(shape) > 2:
            array = check_array(array, allow_nd=True, ensure_min_samples=least, estimator=self, input_name="X")
            if reset:
                self.n_features_in_ = int(np.prod(array.shape[1:]))
                vars(self).pop("feature_names_in_", None)
        else:
            array = validate_data(self, array, reset=reset, ensure_min_samples=least)
        flat = self.image_shape is not None and array.ndim == 2
        if flat:
            wanted = tuple(self.image_shape or ())
            if np.prod(wanted) != array.shape[1]:
                raise InputError(f"image_shape must have {array.shape[1]} numbers, as X has columns, got {wanted}")
            array = array.reshape(len(array), *wanted)
        if reset:
            self._shape, self._flat = tuple(array.shape[1:]), flat
        elif array.shape[1:] != self._shape:
            raise InputError(f"X must have the shape (n, {', '.join(map(str, self._shape))}), got {array.shape}")
        return array

    def _split(self, rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Rows to train on, and those held out for early stopping, if it is wanted."""
        if self.patience is None:
            return rows, None
        checks.at_least(1, patience=self.patience, validate_every=self.validate_every)
        if not 0 < self.validation_fraction < 1:
            raise InputError(f"validation_fraction must lie between 0 and 1, got {self.validation_fraction}")
        order = numpy_generator(self.seed_, "held out").permutation(len(rows))
        held = max(1, round(self.validation_fraction * len(rows)))
        if len(rows) - held < 2:
            raise InputError(f"X must leave 2 rows or more to train on beside {held} held out, got {len(rows)}")
        return rows[np.sort(order[held:])], rows[np.sort(order[:held][:LOOKED_AT])]

    def _described(self, rows: NDArray[Any], path: Path) -> Array:
        """What the rows are, as a data set of the file `path`, which is written."""
        np.save(path, rows, allow_pickle=False)
        given = {rest: value for name, value in self._settings.items() for rest in [_rest(name, "data")] if rest}
        try:
            data = build(Array, {**given, "path": str(path)}, of="array", prefix="data__").resolved()
        except InputError as wrong:
            message = str(wrong).replace(NAME, "X")
            named = message.partition(" ")[0] in {setting.name for setting in settings_of(Array)}
            raise InputError(f"data__{message}" if named else message) from None
        return data

    def _spec(self, data: Array, rows: int) -> Spec:
        numbers = prod(data.image_shape)
        if isinstance(self.latents, (int, np.integer)) and self.latents > numbers:
            raise InputError(f"latents must be {numbers} or fewer for n_features={numbers}, got {self.latents}")
        batch = min(self.batch, rows) if isinstance(self.batch, (int, np.integer)) and self.batch > 1 else self.batch
        given: dict[str, Any] = {
            "batch": batch, "seed": self.seed_,
            "net": self.net, "prior": self.prior, "likelihood": self.likelihood, "device": self.device,
            "threads": self.threads, "checkpoint_every": NEVER,
        }  # fmt: skip
        chosen = {"latents": self.latents, "steps": self.steps, "lr": self.lr}
        given |= {name: value for name, value in chosen.items() if value is not None}
        for name, value in self._settings.items():
            if name != "seed" and _rest(name, "data") is None:
                given[name.replace("__", ".", 1)] = value
        if given.get("recipe") not in (None, PUBLISHED):
            raise InputError(f"recipe must be {PUBLISHED} here, which chooses nothing for X, got {given['recipe']}")
        python = {name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
        return Spec.make(self.method, data=data, **python)

    def _take(self, run: Run) -> None:
        """Keep what a run in a folder holds, so that the folder is no longer needed."""
        data = run.data
        assert isinstance(data, Array)
        folder.check_sealed(run.path, folder.LOG)
        self._data, self._done = data, run.done
        command = str(run.stored["command"]).replace(data.path, NAME)
        named = {**run.stored["data"], "path": NAME}  # not the place it had during fit
        self._stored = {**run.stored, "data": named, "command": command}
        self._log = (run.path / folder.LOG).read_bytes()
        self.history_ = read_log(run.path / folder.LOG)[0]
        self.n_steps_ = int(self._done["steps"])
        self.account_ = tuple(sentence.replace(NAME, "X") for sentence in run.spec.account)
        self._model = Model(run.vae, data.image_shape, data.bounded, run.title)

    @property
    def _planes(self) -> Subspaces | None:
        """The subspaces that codes are told in; None where they are the means."""
        return self.subspaces_ if self.subspaces_ is not None and self.subspaces_.blocks else None

    def _images(self, rows: NDArray[Any]) -> Tensor:
        return _read(self._data, rows)

    def _own(self, images: Tensor) -> NDArray[np.float32]:
        """Images (n, C, H, W) in the model's numbers as rows of X: its shape, its units."""
        data = self._data
        x = images * (data.high - data.low) + data.low
        if len(self._shape) == 3 and data.order == "nhwc":
            x = x.permute(0, 2, 3, 1)
        shape = (self.n_features_in_,) if self._flat else self._shape
        return x.reshape(len(x), *shape).numpy().astype(np.float32)


def _read(data: Array, rows: NDArray[Any]) -> Tensor:
    """Rows in the user's units as the images (n, C, H, W) that `data` would make of them."""
    same = replace(data, rows=len(rows))
    vars(same)["raw"] = rows  # in place of the file's
    return same.images(np.arange(len(rows)))


def _places(categories: NDArray[np.int64], sizes: tuple[int, ...]) -> NDArray[np.float32]:
    """Numbers of categories (n, L) as zeros and ones (n, sum S)."""
    return np.concatenate([np.eye(size, dtype=np.float32)[c] for c, size in zip(categories.T, sizes, strict=True)], 1)


def _method(name: object) -> type | None:
    """The class of a method; None where there is no such method."""
    return registry.methods.get(name) if isinstance(name, str) and name in registry.methods.names() else None


def _part_of(name: str) -> str | None:
    """Which part a setting such as net__channels or net.channels belongs to."""
    return next((part for part in PARTS if _rest(name, part)), None)


def _rest(name: str, part: str) -> str | None:
    """The setting's own name behind `part` and two underscores or a dot; None where it belongs elsewhere."""
    return next((name.removeprefix(part + mark) for mark in ("__", ".") if name.startswith(part + mark)), None)
