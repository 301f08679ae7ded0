"""What the user calls the latents of a run, and which are starred: explorer.json in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unweave.base import checks
from unweave.base.claim import one_at_a_time
from unweave.base.errors import InputError
from unweave.base.files import read_json, write_json

FILE = "explorer.json"
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
        ordered: Mapping[str, Any] = {"latents": dict(sorted(held.items(), key=lambda each: int(each[0])))}
        try:
            write_json(run / FILE, ordered)
        except OSError as wrong:
            raise InputError(f"{run / FILE} cannot be written: {wrong.strerror}") from None
    return held


def _entry(latent: object, name: object, star: object, latents: int) -> dict[str, Any]:
    if not isinstance(latent, int) or isinstance(latent, bool) or not 0 <= latent < latents:
        raise InputError(f"latent must be a number from 0 to {latents - 1}, got {latent!r}")
    if not isinstance(name, str) or len(name) > LONGEST or not all(each.isprintable() for each in name):
        raise InputError(f"name must be text of {LONGEST} printable characters or fewer, got {str(name)[:80]!r}")
    checks.one_of((True, False), star=star)
    return {"name": name.strip(), "star": bool(star)}
