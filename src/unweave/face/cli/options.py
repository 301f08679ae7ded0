"""Commands as cyclopts takes them: options with the types, ranges and defaults of functions and settings classes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import NoneType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from cyclopts import Group, Parameter, Token

from unweave.base.settings import Setting, convert, is_union, setting, settings_of

Options = dict[str, inspect.Parameter]  # by the name under which a value is passed on


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


def word(tokens: Sequence[str], at: int = 0) -> str | None:
    """The word in this place, if it and those before it are no options."""
    found = tokens[: at + 1]
    return found[at] if len(found) > at and not any(each.startswith("-") for each in found) else None


def options_of(cls: type, title: str, prefix: str = "") -> Options:
    """An option for every setting of a registered class that a user can know, under the heading `title`.

    A setting that had another name is still taken by that one, which help does not show.
    """
    found = getattr(cls, "found", ())  # what only the data themselves can tell
    bare = getattr(cls, "bare", ())  # what also goes by its name without the prefix
    group = Group.create_ordered(title)
    options: Options = {}
    for each in settings_of(cls):
        if each.name in found:
            continue
        names = [prefix + each.name, *([each.name] if each.name in bare else [])]
        options[names[0]] = _option(each, names, group=group)
        if each.formerly is not None:
            old = prefix + each.formerly
            options[old] = _option(each, [old], group=group, show=False)
    return options


def _option(of: Setting, names: Sequence[str], **more: Any) -> inspect.Parameter:
    """An option that is converted and checked as the setting is; None stands for what was not given."""
    variable = names[0].replace(".", "__").replace("-", "_")
    about = _about(of, name=[f"--{name.replace('_', '-')}" for name in names], **more)
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(variable, kind, default=None, annotation=Annotated[_hint(of) | None, about])


def _hint(of: Setting) -> Any:
    """The type that help and completion show: names of a registry are a choice."""
    if of.registry is None:
        return of.type
    return Literal.__getitem__(of.choices)  # pyright: ignore[reportAttributeAccessIssue]


def _about(of: Setting, **more: Any) -> Parameter:
    """Help, and how one word becomes a value; a switch takes none."""

    def converted(_: Any, tokens: Sequence[Token]) -> Any:
        word = tokens[0]
        return convert(word.value, of, of.flag if word.keyword is None else word.keyword.lstrip("-"))

    one_word = {"converter": converted, "n_tokens": 1, "metavar": shown(_hint(of)), "accepts_keys": False}
    if not of.is_switch:
        more = {**one_word, "negative": (), **more}
    return Parameter(help=_help(of), show_default=False, **more)


def _help(of: Setting) -> str:
    """The sentence, with the range in round brackets and the default in square ones."""
    default: Any = {True: "yes", False: "no"}[of.default] if isinstance(of.default, bool) else of.default
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    known = default not in (None, "", inspect.Parameter.empty)
    return of.help + (f" ({of.range.words})" if of.range else "") + (f" [{default}]" if known else "")


def shown(hint: Any) -> str:
    """A type as help shows it.

    >>> shown(int), shown(tuple[int, ...] | None), shown(tuple[float, float]), shown(Literal["a", "b"])
    ('INT', 'INT,...', 'FLOAT,FLOAT', 'CHOICE')
    """
    args = get_args(hint)
    if is_union(hint):
        return "|".join(shown(each) for each in args if each is not NoneType)
    if get_origin(hint) is Literal:
        return "CHOICE"
    if get_origin(hint) is tuple:
        return ",".join("..." if each is Ellipsis else shown(each) for each in args)
    return {str: "TEXT"}.get(hint, getattr(hint, "__name__", str(hint)).upper())


def options_in(function: Callable[..., Any], besides: Sequence[str] = ()) -> Options:
    """The arguments of a command's function, `besides` left out; `Annotated` says their help, type and range.

    An underscore at the end of a name is left out, as in `from_`.
    """
    hints = get_type_hints(function, include_extras=True)
    options: Options = {}
    for name, own in inspect.signature(function).parameters.items():
        if own.kind is own.VAR_KEYWORD or name in besides:
            continue
        switch = own.default is False  # one that is off needs no word for it
        of = setting(name.rstrip("_"), hints[name], None if switch else own.default)
        if NoneType in get_args(of.type):  # stands for what was not given, and is no word
            of = replace(of, type=Union[tuple(each for each in get_args(of.type) if each is not NoneType)])  # noqa: UP007
        more: dict[str, Any] = {"name": f"--{of.flag}"} if own.kind is own.KEYWORD_ONLY else {}
        if switch:
            more["negative"] = ()
        if own.kind is own.VAR_POSITIONAL:
            more |= {"converter": None, "n_tokens": None}
        hint = _hint(of) if own.default is not None else _hint(of) | None
        options[name] = own.replace(annotation=Annotated[hint, _about(of, **more)])
    return options


def command(function: Callable[..., Any], more: Mapping[str, inspect.Parameter]) -> Callable[..., Any]:
    """`function` with `more` options in its signature, which it gets by name, if given, as its **settings."""
    options = {**options_in(function), **more}
    names = {each.name: name for name, each in options.items()}

    def called(*words: Any, **given: Any) -> Any:
        return function(*words, **{names[variable]: value for variable, value in given.items()})

    called.__signature__ = inspect.Signature(list(options.values()))  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in options.values()}
    return called
