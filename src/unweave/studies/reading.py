"""Studies from YAML: validated, with the path of the field in every complaint."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from unweave.base import checks, registry
from unweave.base.errors import InputError
from unweave.run import recipes
from unweave.studies.spec import COPY, HOME, MOST_RUNS, Axis, Budget, Choice, Published, Study, Value

LARGEST = 1_000_000  # bytes of a study file
SCALES = ("smoke", "laptop", "paper")
KEYS = (
    "name", "about", "axes", "seeds", "settings", "methods", "metrics", "figures", "budget", "pool", "folder",
    "computes", "published", "differs", "extends", "scales",
)  # fmt: skip
NAMED = {
    "method": registry.methods,
    "net": registry.nets,
    "prior": registry.priors,
    "likelihood": registry.likelihoods,
}


def names() -> list[str]:
    """All shipped studies."""
    return sorted(file.name.removesuffix(".yaml") for file in _catalogue().iterdir() if file.name.endswith(".yaml"))


def _catalogue() -> Any:
    return files(__package__ or "").joinpath("catalogue")


def find(which: str | Path, *, scale: str | None = None, out: str | Path | None = None) -> Study:
    """The study in a YAML file, in a study's folder, or of that name in the catalogue.

    `scale` picks one of the file's scales, smoke if not told. The folder is `out`, else studies/NAME (and -SCALE,
    where there are scales). What is wrong in the file raises InputError that names the path of the field.
    """
    path = Path(which)
    place = None if out is None else Path(out)
    if path.is_dir() and (path / COPY).is_file():
        return read(_text(path / COPY), path.resolve().name, scale=scale, out=place or path)
    if path.is_file():
        return read(_text(path), path.stem, scale=scale, out=place)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        raise InputError(f"study must be a YAML file, a study's folder or a name, got {which}, which does not exist")
    if (HOME / path / COPY).is_file():
        return find(HOME / path, scale=scale, out=out)
    checks.known("study", str(which), names())
    return read(_catalogue().joinpath(f"{which}.yaml").read_text("utf-8"), str(which), scale=scale, out=place)


def _text(path: Path) -> str:
    if (size := path.stat().st_size) > LARGEST:
        raise InputError(f"a study file must have at most {LARGEST:,} bytes, got {size:,} in {path}")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as wrong:
        raise InputError(f"a study file must be UTF-8 text, got {path}: {wrong}") from None


def read(text: str, name: str, *, scale: str | None = None, out: Path | None = None) -> Study:
    r"""The study that YAML `text` describes; `name` is its name if it says none.

    >>> study = read("axes: {method: [vae, beta-vae]}\nseeds: 0..4\nsettings: {data: dsprites}", "two")
    >>> len(study.seeds), [choice.label for choice in study.axes[0].choices]
    (5, ['vae', 'beta-vae'])
    >>> read("axes: {method: [vae, factr-vae]}", "two")
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: axes.method[1]: unknown method 'factr-vae'; did you mean 'factor-vae'? Known: ...
    """
    values = _mapping(load(text), "study")
    for key in values:
        _known("key", key, KEYS, key)
    values = _scaled(_extended(values), scale)
    named = values.get("name", name)
    if not isinstance(named, str) or not re.fullmatch(r"[\w.-]+", named):
        raise InputError(f"name: must be letters, digits, dots and dashes, got {named!r}")
    chosen = values.pop("scale", None)
    called = named if chosen is None else f"{named}-{chosen}"
    shared = values.get("folder")
    if shared is not None and (not isinstance(shared, str) or not re.fullmatch(r"[\w.-]+", shared)):
        raise InputError(f"folder: must be the name of a folder beside the study's own, got {shared!r}")
    beside = called if shared is None else shared if chosen is None else f"{shared}-{chosen}"
    made = Study(
        name=called,
        about=_word(values.get("about", ""), "about"),
        axes=_axes(values.get("axes")),
        seeds=_seeds(values.get("seeds", [0])),
        settings=_settings(values.get("settings"), "settings"),
        methods=_methods(values.get("methods")),
        metrics=_metrics(values.get("metrics")),
        figures=_figures(values.get("figures")),
        budget=_budget(values.get("budget")),
        pool=_count(values.get("pool"), "pool", 2),
        folder=out if out is not None else HOME / beside,
        computes=values.get("computes"),
        published=tuple(_published(values.get("published"))),
        differs=tuple(_word(each, f"differs[{k}]") for k, each in enumerate(_list(values.get("differs"), "differs"))),
        source=values,
    )
    if made.computes is None and "method" not in _set_by(made):
        raise InputError("axes.method: must name the methods to train (or settings.method one), got none")
    return made


def load(text: str) -> Any:
    """Plain YAML: no tags, no aliases, no key twice; anything else raises InputError with its line."""
    import yaml

    if len(text.encode()) > LARGEST:
        raise InputError(f"a study file must have at most {LARGEST:,} bytes, got {len(text.encode()):,}")
    try:
        return yaml.load(text, Loader=_loader())  # a safe loader with fewer powers
    except yaml.YAMLError as wrong:
        raise InputError(f"the study file is not YAML: {' '.join(str(wrong).split())}") from None
    except InputError:
        raise
    except (RecursionError, ValueError) as wrong:
        raise InputError(f"the study file cannot be read: {type(wrong).__name__}, {wrong}") from None


@cache
def _loader() -> Any:
    import yaml

    class Plain(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark
                raise InputError(f"a study file must have no aliases, got one in line {mark.line + 1}")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise InputError(
                        f"{key.value}: must stand there once, got it again in line {key.start_mark.line + 1}"
                    )
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    return Plain


def _extended(values: Mapping[str, Any]) -> dict[str, Any]:
    """The file laid over the shipped study that it extends, if any."""
    rest = {key: value for key, value in values.items() if key != "extends"}
    if "extends" not in values:
        return rest
    _known("study", values["extends"], names(), "extends")
    text = _catalogue().joinpath(f"{values['extends']}.yaml").read_text("utf-8")
    below = {key: value for key, value in load(text).items() if key != "name"}
    return _over(below, rest)


def _scaled(values: Mapping[str, Any], scale: str | None) -> dict[str, Any]:
    """The file with what its scale says laid over the rest; `scale` is kept under that key, absent without scales."""
    rest = {key: value for key, value in values.items() if key != "scales"}
    if values.get("scales") is None:
        if scale is not None:
            raise InputError(f"scale must be left out, since the study has none, got {scale}")
        return rest
    scales = _mapping(values["scales"], "scales")
    for name, layer in scales.items():
        _known("scale", name, SCALES, f"scales.{name}")
        for key in _mapping(layer, f"scales.{name}"):
            _known("key", key, KEYS[1:-2], f"scales.{name}.{key}")
    wanted = scale or SCALES[0]
    checks.known("scale", wanted, scales)
    return {**_over(rest, scales[wanted]), "scale": wanted}


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`: tables are merged, all else is replaced, null takes away."""
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _over(merged[key], value)
        else:
            merged[key] = value
    return merged


def _known(kind: str, name: object, allowed: Sequence[str], path: str) -> None:
    """`checks.known` with the path of the field in front."""
    try:
        checks.known(kind, str(name), allowed)
    except InputError as wrong:
        raise InputError(f"{path}: {wrong}") from None


def _mapping(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{path}: must be a table of names and values, got {_shown(value)}")
    for key in value:
        if not isinstance(key, str):
            raise InputError(f"{path}: names must be words, got {key!r}")
    return dict(value)  # pyright: ignore[reportUnknownArgumentType]


def _list(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InputError(f"{path}: must be a list, got {_shown(value)}")
    return list(value)  # pyright: ignore[reportUnknownArgumentType]


def _word(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{path}: must be text, got {_shown(value)}")
    return value.strip()


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain(value: Any, path: str) -> Value:
    """A setting's value: a word, a number, yes or no, nothing, or a list of these."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, list) and all(isinstance(each, (str, int, float, bool)) for each in value):
        return value
    raise InputError(f"{path}: must be a word, a number or a list of them, got {_shown(value)}")


def _settings(value: Any, path: str, extra: Sequence[str] = ()) -> dict[str, Value]:
    given = {} if value is None else _mapping(value, path)
    found: dict[str, Value] = {}
    for name, each in given.items():
        if name not in extra:
            _own(name, each, path)
        found[name.replace("-", "_")] = _plain(each, f"{path}.{name}")
        _named(name, each, f"{path}.{name}")
    return found


def _own(setting: str, value: Any, path: str) -> None:
    """Refuse what a study decides itself."""
    if setting in ("seed", "out", "resume", "overwrite"):
        says = "seeds lists them" if setting == "seed" else "the study sees to it"
        raise InputError(f"{path}.{setting}: must be left out ({says}), got {_shown(value)}")


def _named(setting: str, value: Any, path: str) -> None:
    """Refuse unknown names before anything heavy is imported."""
    if setting in NAMED:
        _known(NAMED[setting].kind, value, NAMED[setting].names(), path)
    elif setting == "recipe":
        _known("recipe", value, recipes.names(), path)


def _axes(value: Any) -> tuple[Axis, ...]:
    axes = tuple(_axis(name, each) for name, each in _mapping({} if value is None else value, "axes").items())
    by: dict[str, str] = {}
    for axis in axes:
        for name in {name for choice in axis.choices for name in choice.settings}:
            if name in by:
                raise InputError(f"axes.{axis.name}: must leave {name} to axes.{by[name]}, got it in both")
            by[name] = axis.name
    return axes


def _axis(name: str, value: Any) -> Axis:
    path = f"axes.{name}"
    items = _list(value, path)
    if not items:
        raise InputError(f"{path}: must list at least one value, got {_shown(value)}")
    choices: list[Choice] = []
    for k, item in enumerate(items):
        at = f"{path}[{k}]"
        if isinstance(item, Mapping):
            together = _mapping(item, at)
            label = together.pop("label", None)
            settings = _settings(together, at)
            if not settings:
                raise InputError(f"{at}: must name at least one setting, got none")
            choices.append(Choice(_label(settings) if label is None else _word(label, f"{at}.label"), settings))
        else:
            _own(name, item, "axes")
            _named(name, item, at)
            plain = _plain(item, at)
            label = short(plain) if name == "method" else f"{name} {short(plain)}"
            choices.append(Choice(label, {name.replace("-", "_"): plain}))
        if choices[-1].label in [choice.label for choice in choices[:-1]]:
            raise InputError(f"{at}: must differ from the others, got {choices[-1].label} again")
    return Axis(name, tuple(choices))


def short(value: object) -> str:
    """A value as a label shows it.

    >>> short(4.0), short([32, 64]), short("pca")
    ('4', '32,64', 'pca')
    """
    if isinstance(value, list):
        return ",".join(map(short, value))  # pyright: ignore[reportUnknownArgumentType]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _label(settings: Mapping[str, Value]) -> str:
    """What a mapping on an axis is called if it does not say."""
    named = [short(settings["method"])] if "method" in settings else []
    return ", ".join([*named, *(f"{k} {short(v)}" for k, v in settings.items() if k not in ("method", "recipe"))])


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, str) and (ends := re.fullmatch(r"\s*(\d+)\s*\.\.\s*(\d+)\s*", value)):
        first, last = map(int, ends.groups())
        if last < first or last - first >= MOST_RUNS:
            raise InputError(f"seeds: must be a range such as 0..9, both ends included, got {value}")
        return tuple(range(first, last + 1))
    if not isinstance(value, list) or not value:
        raise InputError(f"seeds: must be a list of numbers or a range such as 0..9, got {_shown(value)}")
    found: list[int] = []
    for k, seed in enumerate(value):  # pyright: ignore[reportUnknownVariableType]
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InputError(f"seeds[{k}]: must be a whole number of 0 or more, got {_shown(seed)}")
        if seed in found:
            raise InputError(f"seeds[{k}]: must differ from the others, got {seed} again")
        found.append(seed)
    return tuple(found)


def _methods(value: Any) -> dict[str, Mapping[str, Value]]:
    given = {} if value is None else _mapping(value, "methods")
    for name in given:
        _known("method", name, registry.methods.names(), f"methods.{name}")
    return {name: _settings(each, f"methods.{name}") for name, each in given.items()}


def _metrics(value: Any) -> dict[str, Mapping[str, Value]]:
    if isinstance(value, list):
        value = dict.fromkeys(_word(each, f"metrics[{k}]") for k, each in enumerate(value))  # pyright: ignore
    given = {} if value is None else _mapping(value, "metrics")
    for k, name in enumerate(given):
        path = f"metrics.{name}" if given[name] is not None else f"metrics[{k}]"
        _known("metric", name, registry.metrics.names(), path)
    return {name: _settings(each, f"metrics.{name}", extra=("seed",)) for name, each in given.items()}


def _figures(value: Any) -> tuple[str, ...]:
    found = _list(value, "figures")
    for k, name in enumerate(found):
        _known("figure", name, registry.figures.names(), f"figures[{k}]")
    return tuple(found)


def _count(value: Any, path: str, least: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{path}: must be a whole number of {least} or more, got {_shown(value)}")
    return value


def _number(value: Any, path: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise InputError(f"{path}: must be a number, got {_shown(value)}")
    return float(value)


def _budget(value: Any) -> Budget:
    given = {} if value is None else _mapping(value, "budget")
    for key in given:
        _known("key", key, ("minutes", "runs"), f"budget.{key}")
    minutes = _number(given.get("minutes"), "budget.minutes")
    if minutes is not None and minutes <= 0:
        raise InputError(f"budget.minutes: must be more than 0, got {minutes:g}")
    return Budget(minutes, _count(given.get("runs"), "budget.runs", 1))


def _published(value: Any) -> Iterator[Published]:
    fields = [each.name for each in dataclasses.fields(Published)]
    for k, each in enumerate(_list(value, "published")):
        path = f"published[{k}]"
        given = _mapping(each, path)
        for key in given:
            _known("key", key, fields, f"{path}.{key}")
        cell, metric, source = (_word(given.get(key), f"{path}.{key}") for key in ("cell", "metric", "source"))
        numbers = {key: _number(given.get(key), f"{path}.{key}") for key in ("mean", "sd", "best", "low", "high")}
        yield Published(cell, metric, source, n=_count(given.get("n"), f"{path}.n", 1), **numbers)


def _set_by(study: Study) -> set[str]:
    """Every setting that some axis or the shared settings give."""
    return {*study.settings, *(name for axis in study.axes for choice in axis.choices for name in choice.settings)}
