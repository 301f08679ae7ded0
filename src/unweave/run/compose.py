"""Images composed: what is named is fixed, the rest is drawn, so that things meet that were never seen together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.base.seeds import Generators, numpy_generator
from unweave.data.base import FactorData, ImageData
from unweave.metrics.probe import Probe
from unweave.metrics.scores.mig import holders
from unweave.models.trained import Model

Rest = Literal["aggregate", "prior"]
WORDS = {"smallest": 0.0, "small": 0.1, "low": 0.1, "middle": 0.5, "large": 0.9, "high": 0.9, "largest": 1.0}
NEAREST = 0.01  # share of the rows that stand for a value which lies on a scale


@dataclass(frozen=True)
class Composed:
    """Images (n, C, H, W) of codes (n, d), and in words what was fixed and which latents hold it."""

    images: Tensor
    codes: Tensor
    categories: Tensor | None
    fixed: Mapping[str, str]


def wishes(text: str | Mapping[str, Any]) -> dict[str, str]:
    """What is to be fixed, by name.

    >>> wishes("scale=small, z3=1.5")
    {'scale': 'small', 'z3': '1.5'}
    """
    if not isinstance(text, str):
        return {str(name): str(value) for name, value in text.items()}
    found: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, sign, value = (each.strip() for each in part.partition("="))
        if not (name and sign and value):
            raise InputError(f"set must be name=value with commas between, got {part!r}")
        if name in found:
            raise InputError(f"set must say {name} once, got it again in {text!r}")
        found[name] = value
    return found


def compose(
    model: Model,
    probe: Probe,
    words: Mapping[str, Sequence[str]],
    names: Mapping[str, int],
    fixed: str | Mapping[str, Any],
    n: int,
    seed: int = 0,
    rest: Rest = "aggregate",
) -> Composed:
    """`n` images in which what `fixed` names is fixed, and the rest drawn from codes of random images or the prior.

    A name is a latent's ("z3", or one of `names`), a known factor's of the `probe`, "class" or "category". A latent
    takes a number or smallest, small, middle, large, largest: ends, a tenth, half and nine tenths of its codes. A
    factor takes a value (of data made from factors its number, from 0), one of its `words`, or those of size; its
    latents (`holders`) are then copied from random rows that have the value, each time others. Wishes are copied from
    different rows, so that combinations need never have been seen.
    """
    checks.at_least(1, samples=n)
    checks.nonnegative(seed=seed)
    checks.one_of(get_args(Rest), rest=rest)
    rng = numpy_generator(seed, "composition")
    rows = rng.integers(len(probe), size=n)
    codes = probe.codes[rows].copy()
    if rest == "prior":
        codes = model.vae.prior.sample(n, Generators(seed)["prior"]).double().cpu().numpy()
    categories = None if probe.categories is None else np.asarray(probe.categories)[rows].copy()
    told: dict[str, list[int]] | None = None
    taken: dict[int, str] = {}
    said: dict[str, str] = {}
    for name, value in wishes(fixed).items():
        if name == "category" and categories is not None:
            categories[:] = _category(value, model.category_sizes)
            said[name] = f"category {value}"
            continue
        if name in names:
            own, source = [names[name]], None
            codes[:, own[0]] = _of_latent(name, value, probe.codes[:, own[0]])
        else:
            source = _having(probe, words, name, value, [*names, *(["category"] if categories is not None else [])])
            told = _told(probe) if told is None else told
            own = told.get(name, [])
            if not own:
                raise InputError(f"set must name a factor that a latent tells, got {name}, which none tells enough of")
            codes[:, own] = probe.codes[rng.choice(source, size=n)][:, own]
        if twice := [j for j in own if j in taken]:
            raise InputError(f"set must fix a latent once, got z{twice[0]} by {taken[twice[0]]} and {name}")
        taken |= dict.fromkeys(own, name)
        said[name] = f"{name} {value} ({', '.join(f'z{j}' for j in own)})"
    z = torch.as_tensor(codes, dtype=torch.float32)
    chosen = None if categories is None else torch.as_tensor(categories)
    return Composed(model.decode(z, chosen), z, chosen, said)


def _told(probe: Probe) -> dict[str, list[int]]:
    """Latents by factor, those of the class under "class"."""
    found = holders(probe) if probe.factors is not None else {}
    if probe.labels is not None:
        of_class = Probe(probe.codes, probe.labels[:, None], factor_names=["class"], kl_per_latent=probe.kl_per_latent)
        found |= holders(of_class)
    return found


def _of_latent(name: str, value: str, codes: np.ndarray) -> float:
    if value in WORDS:
        return float(np.quantile(codes, WORDS[value]))
    try:
        number = float(value)
    except ValueError:
        raise InputError(f"{name} must be a number or one of {', '.join(WORDS)}, got {value}") from None
    checks.finite(**{name: number})
    return number


def _category(value: str, sizes: Sequence[int]) -> int:
    most = min(sizes) - 1
    if not checks.digits(value) or int(value) > most:
        raise InputError(f"category must be a number from 0 to {most}, got {value}")
    return int(value)


def _having(
    probe: Probe, words: Mapping[str, Sequence[str]], name: str, value: str, others: Sequence[str]
) -> np.ndarray:
    """The rows whose factor `name` has this value."""
    columns = {each: probe.known_values[:, k] for k, each in enumerate(probe.factor_names)}
    if probe.labels is not None:
        columns["class"] = probe.labels.astype(np.float64)
    checks.known("name to set", name, [*columns, *others])
    column, own = columns[name], [word.lower() for word in words.get(name, ())]
    values = np.unique(column)
    if value.lower() in own:
        wanted = float(own.index(value.lower()))
    elif value in WORDS:
        wanted = float(np.quantile(values, WORDS[value], method="nearest"))
    else:
        try:
            wanted = float(value)
        except ValueError:
            known = ", ".join([*words.get(name, ()), *WORDS])
            raise InputError(f"{name} must be a number or one of {known}, got {value}") from None
    rows = np.flatnonzero(column == wanted)
    if not len(rows) and name in probe.continuous and values[0] <= wanted <= values[-1]:
        rows = np.argsort(np.abs(column - wanted), kind="stable")[: max(1, round(NEAREST * len(column)))]
    if not len(rows):
        raise InputError(f"{name} must lie between {values[0]:g} and {values[-1]:g}, got {value}")
    return rows


def words_of_values(data: ImageData) -> dict[str, Sequence[str]]:
    """Words that stand for the values of factors, by factor, and the names of classes."""
    table = None if isinstance(data, FactorData) else data.factor_table
    found = {} if table is None else dict(zip(table.names, table.words, strict=True))
    return {**found, "class": data.classes}
