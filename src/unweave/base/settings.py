"""From text, YAML or Python to frozen dataclasses of settings, and back to plain values."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from unweave.base import checks
from unweave.base.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Setting:
    """One field of a settings class: its name, type, default and the sentence that explains it."""

    name: str
    type: Any
    default: Any
    help: str

    @property
    def flag(self) -> str:
        """As it is written on the command line, without the leading dashes."""
        return self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        """True for yes/no settings."""
        return self.type is bool


@cache
def settings_of(cls: type) -> tuple[Setting, ...]:
    """The settings of a registered dataclass, in order; the help is the string in `Annotated[type, "help"]`."""
    hints = get_type_hints(cls, include_extras=True)
    found: list[Setting] = []
    for each in dataclasses.fields(cls):
        if not each.init:
            continue
        hint, text = hints[each.name], ""
        if get_origin(hint) is Annotated:
            hint, *notes = get_args(hint)
            text = next((note for note in notes if isinstance(note, str)), "")
        default = each.default if each.default_factory is dataclasses.MISSING else each.default_factory()
        found.append(Setting(each.name, hint, default, text))
    return tuple(found)


@cache
def _adapter(hint: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(hint)


def convert(value: object, setting: Setting, name: str) -> Any:
    """`value` as the type of `setting`; text such as "32,64" becomes a tuple where one is wanted."""
    from pydantic import ValidationError

    options = [setting.type, *get_args(setting.type)]
    if isinstance(value, str):
        if value.lower() in ("none", "null") and type(None) in options:
            return None
        if any(option is tuple or get_origin(option) is tuple for option in options):
            value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return _adapter(setting.type).validate_python(value)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        rule = first["msg"].removeprefix("Input should be ").removesuffix(" instance")
        if first["type"] == "missing":  # fewer values than a tuple of that length has
            rule = f"{len(get_args(setting.type))} values"
        raise InputError(f"{name} must be {rule}, got {value!r}") from None


def build(cls: type[T], given: Mapping[str, object] | None = None, *, of: str, prefix: str = "") -> T:
    """An instance of the settings class `cls` from named values, each converted and checked.

    `of` names the thing in messages ("factor-vae"), `prefix` its group ("net."). Unknown names, values of the wrong
    type and values that the class refuses raise InputError.

    >>> from unweave.models.objectives.beta_vae import BetaVAE
    >>> build(BetaVAE, {"beta": "6"}, of="beta-vae").beta
    6.0
    >>> build(BetaVAE, {"bete": 6}, of="beta-vae")
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: unknown setting of beta-vae 'bete'; did you mean 'beta'? Known: beta, warmup
    """
    known = {setting.name: setting for setting in settings_of(cls)}
    values: dict[str, Any] = {}
    for key, value in (given or {}).items():
        name = key.replace("-", "_")
        if name not in known:
            checks.known(f"setting of {of}", prefix + name, [prefix + each for each in known])
        values[name] = convert(value, known[name], prefix + name)
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


def plain(settings: object) -> dict[str, Any]:
    """All settings of an instance as values that JSON and YAML can hold."""
    values = {each.name: getattr(settings, each.name) for each in settings_of(type(settings))}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def changed(settings: object) -> dict[str, Any]:
    """Only those settings that differ from their defaults, as plain values."""
    default = {each.name: each.default for each in settings_of(type(settings))}
    return {
        name: value
        for name, value in plain(settings).items()
        if (tuple(value) if isinstance(value, list) else value) != default[name]
    }


def short_hash(values: object) -> str:
    """Eight hexadecimal digits that stand for a nest of plain values, whatever the order of its keys.

    >>> short_hash({"a": 1, "b": 2}) == short_hash({"b": 2, "a": 1})
    True
    """
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
