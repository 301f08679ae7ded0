"""Command-line options made from the settings classes that the registries name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, get_args

from cyclopts import Group, Parameter

from unweave.base.settings import Setting, settings_of

Options = list[inspect.Parameter]

PLAIN_SWITCHES = ("resume", "overwrite", "json")  # switches without a --no- form


def value_of(flag: str, tokens: Sequence[str]) -> str | None:
    """The value that follows `flag` in the words of a command, or None.

    >>> value_of("--data", ["vae", "--data", "dsprites"]), value_of("--net", ["--net=conv"])
    ('dsprites', 'conv')
    """
    for at, token in enumerate(tokens):
        if token == flag and at + 1 < len(tokens):
            return tokens[at + 1]
        if token.startswith(f"{flag}="):
            return token.partition("=")[2]
    return None


def first_word(tokens: Sequence[str]) -> str | None:
    """The first word if it is not an option."""
    return tokens[0] if tokens and not tokens[0].startswith("-") else None


def option(name: str, help_text: str, group: str, *, kind: Any = str, short: str | None = None) -> inspect.Parameter:
    """One option; what it was given is passed on under `name` as text (or yes/no), None if it was not given.

    `short` is another name that it goes by.
    """
    flag = [f"--{each.replace('_', '-')}" for each in (name, short) if each is not None]
    negative = () if name in PLAIN_SWITCHES else None
    about = Parameter(name=flag, help=help_text, group=Group(group), show_default=False, negative=negative)
    variable = name.replace(".", "__").replace("-", "_")
    return inspect.Parameter(
        variable, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, about]
    )


def argument(name: str, help_text: str, *, many: bool = False, optional: bool = False) -> inspect.Parameter:
    """One positional word; or `many`, as a tuple; or `optional`, None if it is not there."""
    kind = inspect.Parameter.VAR_POSITIONAL if many else inspect.Parameter.POSITIONAL_ONLY
    default = None if optional else inspect.Parameter.empty
    hint = str | None if optional else str
    return inspect.Parameter(name, kind, default=default, annotation=Annotated[hint, Parameter(help=help_text)])


def options_of(cls: type, group: str, prefix: str = "") -> Options:
    """An option for every setting of a registered class that a user can know."""
    found = getattr(cls, "found", ())  # what only the data themselves can tell
    bare = getattr(cls, "bare", ())  # what also goes by its name without the prefix
    return [
        _option(setting, group, prefix, setting.name if setting.name in bare else None)
        for setting in settings_of(cls)
        if setting.name not in found
    ]


def _option(setting: Setting, group: str, prefix: str, short: str | None) -> inspect.Parameter:
    shown = ",".join(map(str, setting.default)) if isinstance(setting.default, tuple) else setting.default
    choices = [str(each) for each in get_args(setting.type) if isinstance(each, str)]
    text = setting.help + (f" ({', '.join(choices)})" if choices else "")
    if shown is not None and not setting.is_switch:
        text += f" [{shown}]"
    return option(prefix + setting.name, text, group, kind=bool if setting.is_switch else str, short=short)


def signed(
    call: Callable[[tuple[str, ...], dict[str, Any]], Any], options: Iterable[inspect.Parameter]
) -> Callable[..., Any]:
    """A function with these options in its signature, which calls `call(words, given)` with those that were given."""
    unique = {each.name: each for each in options}

    def command(*words: str, **given: Any) -> Any:
        return call(words, {name.replace("__", "."): v for name, v in given.items() if v is not None})

    command.__signature__ = inspect.Signature(list(unique.values()))  # type: ignore[attr-defined]
    command.__annotations__ = {name: each.annotation for name, each in unique.items()}
    return command
