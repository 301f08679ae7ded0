"""Studies from YAML: validated, with the path of the field in every complaint."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from unweave.base import checks, registry
from unweave.base.codes import of_title
from unweave.base.errors import InputError
from unweave.base.files import check_last_line
from unweave.base.settings import in_words
from unweave.run import recipes
from unweave.studies.spec import COPY, HOME, MOST_RUNS, Axis, Budget, Choice, Published, Study, Value

LARGEST = 1_000_000  # bytes of a study file
MOST_DIGITS = 18  # of a seed in a range
SCALES = ("smoke", "laptop", "paper")
KEYS = (
    "name", "about", "axes", "seeds", "settings", "methods", "metrics", "figures", "budget", "pool", "folder",
    "computes", "published", "differs", "extends", "scales",
)  # fmt: skip
PLAIN = str | int | float | bool | list[str | int | float | bool] | None  # what a setting may be
TABLES = dict[str, dict[str, PLAIN] | None]
RULES = {  # what pydantic wanted, in the words of the other complaints
    "dict": "a table of names and values",
    "list": "a list",
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "yes or no",
}
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
        text = _text(path / COPY)
        check_last_line(text, path / COPY)
        return read(text, path.resolve().name, scale=scale, out=place or path)
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
    values = _typed(dict[str, Any], load(text), "study")
    for key in values:
        checks.known("key", key, KEYS, key)
    values = _scaled(_extended(values), scale)
    chosen = values.pop("scale", None)

    def of(key: str, hint: Any, otherwise: Any = None) -> Any:
        return otherwise if values.get(key) is None else _typed(hint, values[key], key)

    called = _scaled_name("name", of("name", str, name), chosen)
    beside = _scaled_name("folder", of("folder", str, of("name", str, name)), chosen)
    made = Study(
        name=called,
        about=of("about", str, "").strip(),
        axes=_axes(of("axes", dict[str, list[dict[str, PLAIN] | PLAIN]], {})),
        seeds=_seeds(of("seeds", str | list[int], [0])),
        settings=_settings(of("settings", dict[str, PLAIN], {}), "settings"),
        methods=_tables(of("methods", TABLES, {}), "methods", registry.methods),
        metrics=_tables(of("metrics", list[str] | TABLES, {}), "metrics", registry.metrics, extra=("seed",)),
        figures=tuple(_tables(of("figures", list[str], []), "figures", registry.figures)),
        budget=of("budget", Budget, Budget()),
        pool=of("pool", int),
        folder=out if out is not None else HOME / beside,
        computes=of("computes", str),
        published=tuple(of("published", list[Published], [])),
        differs=tuple(each.strip() for each in of("differs", list[str], [])),
        source=values,
    )
    if made.pool is not None:
        checks.at_least(2, pool=made.pool)
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
                if not isinstance(key.value, str):
                    raise InputError(
                        f"a key of a study file must be a word, got none in line {key.start_mark.line + 1}"
                    )
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
    checks.known("study", str(values["extends"]), names(), "extends")
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
    scales: dict[str, Any] = _typed(dict[str, dict[str, Any]], values["scales"], "scales")
    for name, layer in scales.items():
        checks.known("scale", name, SCALES, f"scales.{name}")
        for key in layer:
            checks.known("key", key, KEYS[1:-2], f"scales.{name}.{key}")
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


def _scaled_name(key: str, name: str, scale: str | None) -> str:
    if not re.fullmatch(r"[\w.-]+", name):
        raise InputError(f"{key}: must be letters, digits, dots and dashes, got {name!r}")
    return name if scale is None else f"{name}-{scale}"


def _typed(hint: Any, value: Any, path: str) -> Any:
    """`value` if it is of the type `hint`, made into records where these are wanted.

    Otherwise InputError names the place inside, such as axes.method[2].
    """
    from pydantic import TypeAdapter, ValidationError

    records = [each for each in (hint, *get_args(hint)) if dataclasses.is_dataclass(each)]
    try:
        return TypeAdapter(hint).validate_python(value, strict=not records)
    except ValidationError as wrong:
        at: dict[str, list[Any]] = {}
        for each in wrong.errors():
            at.setdefault(path + _inside(value, each["loc"]), []).append(each)
    place, found = max(
        at.items(), key=lambda item: len(item[0])
    )  # of a type with alternatives, where one came furthest
    kind, given, context = found[0]["type"], found[0]["input"], found[0].get("ctx", {})
    if kind == "unexpected_keyword_argument":
        name = place.rpartition(".")[2]
        checks.known("key", name, [each.name for each in dataclasses.fields(records[0])], place)
    if kind == "missing":
        raise InputError(f"{place}.{found[0]['loc'][-1]}: must be given, got none")
    if "error" in context:
        raise InputError(f"{place}: {context['error']}")
    rules = dict.fromkeys(RULES.get(each["type"].partition("_")[0], "of another type") for each in found)
    raise InputError(f"{place}: must be {' or '.join(rules)}, got {checks.shown(given)}")


def _inside(value: Any, loc: Sequence[int | str]) -> str:
    """Where in a nest of tables and lists pydantic's `loc` leads, which also names types, as text."""
    path = ""
    for each in loc:
        if (isinstance(value, dict) and each in value) or (isinstance(value, list) and isinstance(each, int)):
            path += f"[{each}]" if isinstance(value, list) else f".{each}"
            value = value[each]  # pyright: ignore
    return path


def _tables(
    given: Any, path: str, table: registry.Registry[Any], extra: Sequence[str] = ()
) -> dict[str, Mapping[str, Value]]:
    """Settings of registered things by name; a list names them alone, metrics with settings after them (mig bins=40).

    A metric may say what it reads: mig (planes).
    """
    rows: dict[str, Any] = given if isinstance(given, dict) else dict.fromkeys(given)
    if rows is not given and table is registry.metrics:
        rows = dict(_titled(each, f"{path}[{k}]") for k, each in enumerate(given))
    for k, name in enumerate(rows):
        place = f"{path}[{k}]" if rows is not given else f"{path}.{name}"
        checks.known(table.kind, of_title(name)[0] if table is registry.metrics else name, table.names(), place)
    return {name: _settings(each or {}, f"{path}.{name}", extra) for name, each in rows.items()}


def _titled(text: str, place: str) -> tuple[str, dict[str, Value]]:
    """A metric, perhaps with what it reads, and the settings after it."""
    import yaml

    title, _, reading, rest = re.match(r"(\S*( \((\w+)\))?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    try:
        words = in_words(title.removesuffix(f" ({reading})") + rest)[1]
    except InputError as wrong:
        raise InputError(f"{place}: {wrong}") from None
    return title, {name: yaml.safe_load(value) for name, value in words.items()}


def _settings(given: Mapping[str, Value], path: str, extra: Sequence[str] = ()) -> dict[str, Value]:
    for name, value in given.items():
        if name not in extra:
            _own(name, value, path)
        _named(name, value, f"{path}.{name}")
    return {name.replace("-", "_"): value for name, value in given.items()}


def _own(setting: str, value: Any, path: str) -> None:
    """Refuse what a study decides itself."""
    if setting in ("seed", "out", "resume", "overwrite"):
        why = "seeds lists them" if setting == "seed" else "the study sees to it"
        raise InputError(f"{path}.{setting}: must be left out ({why}), got {checks.shown(value)}")


def _named(setting: str, value: Any, path: str) -> None:
    """Refuse unknown names before anything heavy is imported."""
    if setting in NAMED:
        checks.known(NAMED[setting].kind, str(value), NAMED[setting].names(), path)
    elif setting == "recipe":
        checks.known("recipe", str(value), recipes.names(), path)


def _axes(given: Mapping[str, list[Any]]) -> tuple[Axis, ...]:
    axes = tuple(Axis(name, tuple(_choices(name, items))) for name, items in given.items())
    by: dict[str, str] = {}
    for axis in axes:
        for name in {name for choice in axis.choices for name in choice.settings}:
            if name in by:
                raise InputError(f"axes.{axis.name}: must leave {name} to axes.{by[name]}, got it in both")
            by[name] = axis.name
    return axes


def _choices(name: str, items: Sequence[Any]) -> Iterator[Choice]:
    if not items:
        raise InputError(f"axes.{name}: must list at least one value, got none")
    labels: set[str] = set()
    for k, item in enumerate(items):
        at = f"axes.{name}[{k}]"
        if isinstance(item, dict):
            together: dict[str, Value] = dict(item)  # pyright: ignore[reportUnknownArgumentType]
            label = together.pop("label", None)
            settings = _settings(together, at)
            if not settings:
                raise InputError(f"{at}: must name at least one setting, got none")
            label = _label(settings) if label is None else str(label).strip()
        else:
            _own(name, item, "axes")
            _named(name, item, at)
            settings = {name.replace("-", "_"): item}
            label = short(item) if name == "method" else f"{name} {short(item)}"
        if label in labels:
            raise InputError(f"{at}: must differ from the others, got {label} again")
        labels.add(label)
        yield Choice(label, settings)


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


def _seeds(given: str | list[int]) -> tuple[int, ...]:
    ends = re.fullmatch(r"\s*(\d+)\s*\.\.\s*(\d+)\s*", given) if isinstance(given, str) else None
    if ends and max(map(len, ends.groups())) > MOST_DIGITS:
        raise InputError(f"seeds: must have at most {MOST_DIGITS} digits, got more")
    first, last = map(int, ends.groups()) if ends else (0, -1)
    if last - first >= MOST_RUNS:
        raise InputError(f"seeds: must be at most {MOST_RUNS:,}, got {last - first + 1:,}")
    seeds = range(first, last + 1) if isinstance(given, str) else given
    if not seeds:
        raise InputError(f"seeds: must be a list of numbers or a range such as 0..9, both ends included, got {given}")
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise InputError(f"seeds: must be different whole numbers of 0 or more, got {checks.shown(given)}")
    return tuple(seeds)


def _set_by(study: Study) -> set[str]:
    """Every setting that some axis or the shared settings give."""
    return {*study.settings, *(name for axis in study.axes for choice in axis.choices for name in choice.settings)}
