"""From text, YAML or Python to frozen dataclasses of settings, and back to plain values."""

import dataclasses
import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from unweave.base import checks
from unweave.base.errors import InputError
from unweave.base.registry import Registry

T = TypeVar("T")


class Renamed(FutureWarning):
    """A setting was given by the name it had before."""


@dataclass(frozen=True)
class Formerly:
    """Marks a field with the name it had before, which old files, recipes and command lines may still use."""

    name: str


@dataclass(frozen=True)
class Setting:
    """One field of a settings class: its name, type, default, the sentence that explains it, and what it may be."""

    name: str
    type: Any
    default: Any
    help: str = ""
    range: checks.Range | None = None
    formerly: str | None = None
    registry: Registry[Any] | None = None

    @property
    def flag(self) -> str:
        """As it is written on the command line, without the leading dashes."""
        return self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        """True for yes/no settings."""
        return self.type is bool

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values that a Literal type or a registry allows, () where there is neither."""
        if self.registry is not None:
            return tuple(self.registry.names())
        options = [self.type, *get_args(self.type)] if is_union(self.type) else [self.type]
        return tuple(each for option in options if get_origin(option) is Literal for each in get_args(option))

    def check(self, value: Any, name: str) -> None:
        """Refuse a value, called `name` in the message, that the choices or the range rule out."""
        if value is None:
            return
        if self.registry is not None:
            checks.known(self.registry.kind, value, self.registry.names())
        elif self.choices:
            checks.one_of(self.choices, **{name: value})
        for each in value if isinstance(value, (tuple, list)) else [value]:
            if self.range is not None:
                self.range.check(**{name: each})


class Settings:
    """Base of settings classes: an instance is made only of values that `Annotated` and Literal allow.

    >>> @dataclass(frozen=True)
    ... class Example(Settings):
    ...     width: Annotated[int, "units in a layer", checks.Range(1)] = 8
    >>> Example(width=0)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: width must be 1 or more, got 0
    """

    def __post_init__(self) -> None:
        for each in settings_of(type(self)):
            each.check(getattr(self, each.name), each.name)


def setting(name: str, hint: Any, default: Any) -> Setting:
    """What `Annotated[type, "help", Range(...), Formerly("..."), registry]` says of a field or an argument."""
    kind, *notes = get_args(hint) if get_origin(hint) is Annotated else [hint]
    by_type: dict[type, Any] = {type(note): note for note in notes}
    former = by_type.get(Formerly, Formerly("")).name or None
    return Setting(name, kind, default, by_type.get(str, ""), by_type.get(checks.Range), former, by_type.get(Registry))


@cache
def settings_of(cls: type) -> tuple[Setting, ...]:
    """The settings of a registered dataclass, in order."""
    hints = get_type_hints(cls, include_extras=True)
    return tuple(
        setting(f.name, hints[f.name], f.default if f.default_factory is dataclasses.MISSING else f.default_factory())
        for f in dataclasses.fields(cls)
        if f.init
    )


def is_union(hint: Any) -> bool:
    """Whether a type is one of several."""
    return get_origin(hint) in (Union, UnionType)


def kind_of(hint: Any) -> str:
    """What a value of this type is, as messages say it.

    >>> kind_of(int), kind_of(tuple[float, ...] | None), kind_of(Literal["iso", "pca"])
    ('a whole number', 'numbers with commas between, or none', 'one of iso, pca')
    >>> kind_of(tuple[Literal["iso", "pca"], ...])
    'any of iso, pca with commas between'
    """
    args = get_args(hint)
    if is_union(hint):
        kinds = [kind_of(each) for each in args if each is not NoneType]
        return " or ".join(kinds) + (", or none" if NoneType in args else "")
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(str, args))}"
    if get_origin(hint) is tuple:
        one = kind_of(args[0])
        many = "words" if args[0] is str else f"{one.removeprefix('a ')}s"
        if get_origin(args[0]) is Literal:
            many = f"any {one.removeprefix('one ')}"
        return f"{'' if args[-1] is Ellipsis else f'{len(args)} '}{many} with commas between"
    return {int: "a whole number", float: "a number", bool: "yes or no", str: "text"}.get(hint, str(hint))


@cache
def _adapter(hint: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(hint)


def convert(value: object, setting: Setting, name: str) -> Any:
    """`value` as the type of `setting`, within its range; text such as "32,64" becomes a tuple where one is wanted."""
    from pydantic import ValidationError

    options = [setting.type, *get_args(setting.type)]
    given = value
    if isinstance(value, str):
        if value.lower() in ("none", "null") and NoneType in options:
            return None
        if any(option is tuple or get_origin(option) is tuple for option in options):
            value = [part.strip() for part in value.split(",") if part.strip()]
        else:
            value = {str(choice): choice for choice in setting.choices}.get(value, value)
    try:
        converted = _adapter(setting.type).validate_python(value)
    except ValidationError:
        raise InputError(f"{name} must be {kind_of(setting.type)}, got {given!r}") from None
    setting.check(converted, name)
    return converted


def names_of(cls: type) -> dict[str, str]:
    """Every name that a setting of a class may be given by, former ones too, and the name it has now."""
    former = {each.formerly: each.name for each in settings_of(cls) if each.formerly is not None}
    return {**former, **{each.name: each.name for each in settings_of(cls)}}


def build(
    cls: type[T], given: Mapping[str, object] | None = None, *, of: str, prefix: str = "", stored: bool = False
) -> T:
    """An instance of the settings class `cls` from named values, each converted and checked.

    `of` names the thing in messages ("factor-vae"), `prefix` its group ("net."). Unknown names, values of the wrong
    type and values that the class refuses raise InputError. A former name gives a `Renamed` warning, unless the values
    are `stored` ones from a file of before.

    >>> from unweave.models.objectives.beta_vae import BetaVAE
    >>> build(BetaVAE, {"beta": "6"}, of="beta-vae").beta
    6.0
    >>> build(BetaVAE, {"bete": 6}, of="beta-vae")
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: unknown setting of beta-vae 'bete'; did you mean 'beta'? Known: beta, warmup
    """
    known = {setting.name: setting for setting in settings_of(cls)}
    now = names_of(cls)
    values: dict[str, Any] = {}
    for key, value in (given or {}).items():
        name = key.replace("-", "_")
        if name not in now:
            checks.known(f"setting of {of}", prefix + name, [prefix + each for each in known])
        if now[name] in values:
            raise InputError(f"{prefix}{now[name]} must be given once, got it as {prefix}{name}, too")
        if now[name] != name and not stored:
            warnings.warn(f"{prefix}{name} is now called {prefix}{now[name]}", Renamed, stacklevel=3)
        values[now[name]] = convert(value, known[now[name]], prefix + now[name])
    try:
        return cls(**values)
    except InputError as wrong:
        raise InputError(f"{prefix}{wrong}" if prefix else str(wrong)) from None


def in_words(text: str) -> tuple[str, dict[str, str]]:
    """A name and the settings after it.

    >>> in_words("factor-vae-score preset=workshop votes=800")
    ('factor-vae-score', {'preset': 'workshop', 'votes': '800'})
    >>> in_words("mig 40")
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: settings of mig must be written name=value, got '40'
    """
    name, *words = text.split() or [""]
    given: dict[str, str] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not (key and sign and value):
            raise InputError(f"settings of {name} must be written name=value, got {word!r}")
        if key.replace("-", "_") in given:
            raise InputError(f"settings of {name} must say {key} once, got it again in {text!r}")
        given[key.replace("-", "_")] = value
    return name, given


def all_in_words(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names and the settings after them; a name that comes again with other settings raises InputError."""
    found: dict[str, dict[str, str]] = {}
    for text in texts:
        name, given = in_words(text)
        if found.setdefault(name, given) != given:
            raise InputError(f"metrics must name {name} once, got it again with other settings in {text!r}")
    return found


def plain(settings: object) -> dict[str, Any]:
    """All settings of an instance as values that JSON and YAML can hold."""
    values = {each.name: getattr(settings, each.name) for each in settings_of(type(settings))}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def changed(settings: object, *, formerly: bool = False) -> dict[str, Any]:
    """Only those settings that differ from their defaults, as plain values; under former names where `formerly`."""
    now = plain(settings)
    return {
        (each.formerly or each.name) if formerly else each.name: value
        for each in settings_of(type(settings))
        if (tuple(value) if isinstance(value := now[each.name], list) else value) != each.default
    }


def short_hash(values: object) -> str:
    """Eight hexadecimal digits that stand for a nest of plain values, whatever the order of its keys.

    >>> short_hash({"a": 1, "b": 2}) == short_hash({"b": 2, "a": 1})
    True
    """
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
