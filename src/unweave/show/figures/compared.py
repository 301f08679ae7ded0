"""What sets several runs apart: their settings side by side, in few words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

WEIGHTS = ("beta", "gamma", "alpha")  # of parts of a loss: what a method is tuned by
# Settings that do not change what is learnt.
BOOKKEEPING = (
    "device", "threads", "compile", "deterministic", "checkpoint_every", "keep_checkpoints", "log_every", "score_every",
    "score_metrics", "score_images", "data.hold", "data.file", "data.folder", "data.path",
)  # fmt: skip


def differences(settings: Sequence[Mapping[str, Any]], ignored: Collection[str] = ()) -> list[str]:
    """For each table of settings what it does not share with all others, "" where nothing is left to say.

    Settings of the method and of training go by their names alone, others by "prior.gamma" and the like; those named
    in `ignored` are not looked at.

    >>> runs = [{"method": {"name": "beta-vae", "beta": beta}, "prior": {"name": "sparse"}} for beta in (1.0, 4.0)]
    >>> differences(runs), differences(runs, ignored=["beta"])
    (['beta 1', 'beta 4'], ['', ''])
    """
    tables = [_flat(each) for each in settings]
    names = list(dict.fromkeys(name for table in tables for name in table if name not in ignored))
    unlike = [name for name in names if len({repr(table.get(name)) for table in tables}) > 1]
    return [", ".join(f"{name} {short(table[name])}" for name in unlike if name in table) for table in tables]


def weight(settings: Mapping[str, Any], name: str) -> float | None:
    """A number among the settings of the method; None where it has no such number.

    >>> weight({"method": {"name": "beta-vae", "beta": 4}}, "beta"), weight({}, "beta")
    (4.0, None)
    """
    value = settings.get("method", {}).get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def short(value: object) -> str:
    """A value in few letters.

    >>> short(0.50), short("iso")
    ('0.5', 'iso')
    """
    return f"{value:g}" if isinstance(value, float) else str(value)


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings under dotted names, those of method and training without a prefix."""
    flat: dict[str, Any] = {}
    for group, values in settings.items():
        prefix = "" if group in ("method", "training") else f"{group}."
        if isinstance(values, Mapping):
            own: Mapping[str, Any] = values  # pyright: ignore[reportUnknownVariableType]
            named = {group: own["name"]} if "name" in own else {}
            flat |= {prefix + k: v for k, v in own.items() if k != "name"} | named
    return flat
