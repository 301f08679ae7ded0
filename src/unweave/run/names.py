"""What the user calls the latents of a run, and which are starred: explorer.json in its folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unweave.base import checks
from unweave.base.claim import one_at_a_time
from unweave.base.errors import InputError
from unweave.base.files import read_json, write_json

FILE = "explorer.json"
RESERVED = ("category", "class")  # what else `compose` fixes by name
LONGEST = 60  # characters of a name


def read_names(run: Path, latents: int) -> dict[str, dict[str, Any]]:
    """Name and star of each latent that has any, by the latent's number: {"3": {"name": "width", "star": True}}.

    A file that is broken, newer, or not about this run's latents raises InputError.
    """
    path = run / FILE
    if not path.exists():
        return {}
    held = read_json(path).get("latents")
    try:
        return {str(int(j)): _entry(int(j), one["name"], one["star"], latents) for j, one in dict(held or {}).items()}
    except (InputError, KeyError, TypeError, ValueError) as wrong:
        raise InputError(f"{path} does not hold names of this run's latents: {wrong}; mend or remove it") from None


def save_name(run: Path, latents: int, latent: object, name: object, star: object) -> dict[str, dict[str, Any]]:
    """Keep name and star of one latent, and return what `read_names` says then; the file appears whole.

    A latent that the run does not have, and a name over 60 characters or with control characters, raise InputError.
    """
    entry = _entry(latent, name, star, latents)
    with one_at_a_time(run):
        held = read_names(run, latents)
        held.pop(str(latent), None)
        if entry["name"] or star:
            held[str(latent)] = entry
        ordered = dict(sorted(held.items(), key=lambda each: int(each[0])))
        try:
            write_json(run / FILE, {"latents": ordered})
        except OSError as wrong:
            raise InputError(f"{run / FILE} cannot be written: {wrong.strerror}") from None
    return ordered


def check_sayable(names: Mapping[int, str], latent: int) -> None:
    """Refuse a name of `latent`, among the `names` of all, that would not mean this latent alone in `compose --set`.

    The explorer takes such names, which pictures show; `meant` says what they mean.

    >>> check_sayable({3: "width", 5: "z3"}, 5)
    Traceback (most recent call last):
        ...
    unweave.base.errors.InputError: name must be other than the number of another latent, got 'z3' for z5
    """
    name = names[latent]
    rule = None
    if re.fullmatch(r"z[0-9]+", name) and name != f"z{latent}":
        rule = "be other than the number of another latent"
    elif name in RESERVED:
        rule = f"be other than {' and '.join(RESERVED)}, which have a meaning of their own"
    elif "," in name or "=" in name:
        rule = "be without commas and equals signs, which separate what is set"
    elif name and (others := [j for j, other in names.items() if other == name and j != latent]):
        rule = f"be that of one latent (z{others[0]} has it)"
    if rule is not None:
        raise InputError(f"name must {rule}, got {name!r} for z{latent}")


def meant(run: Path, latents: int, wanted: Iterable[str]) -> dict[str, int]:
    """The latent that each name means: z3 is always latent 3, and `RESERVED` words are none.

    A wanted name that several latents have raises InputError.
    """
    found = dict[str, list[int]]()
    for latent, one in read_names(run, latents).items():
        found.setdefault(one["name"], []).append(int(latent))
    numbered = {f"z{j}": j for j in range(latents)}
    for name in wanted:
        if name not in numbered and len(own := found.get(name, [])) > 1:
            raise InputError(
                f"set must name one latent, got {name}, as {' and '.join(f'z{j}' for j in own)} are called"
            )
    return {name: own[0] for name, own in found.items() if name and name not in RESERVED} | numbered


def _entry(latent: object, name: object, star: object, latents: int) -> dict[str, Any]:
    if not isinstance(latent, int) or isinstance(latent, bool) or not 0 <= latent < latents:
        raise InputError(f"latent must be a number from 0 to {latents - 1}, got {latent!r}")
    if not isinstance(name, str) or len(name) > LONGEST or not all(each.isprintable() for each in name):
        raise InputError(f"name must be text of {LONGEST} printable characters or fewer, got {str(name)[:80]!r}")
    checks.one_of((True, False), star=star)
    return {"name": name.strip(), "star": bool(star)}
