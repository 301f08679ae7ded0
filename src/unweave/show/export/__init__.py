"""A trained model as files that travel: safetensors with its settings, or ONNX, each with a card for people."""

from __future__ import annotations

import contextlib
import glob
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args

from unweave.base import checks, files
from unweave.base.claim import alone
from unweave.base.codes import MEANS, Reading
from unweave.base.errors import CannotWrite, InputError
from unweave.base.files import sum_of_file, write_atomic, write_json, writing
from unweave.engine import folder
from unweave.models.trained import Model, write_weights
from unweave.run.run import Run
from unweave.show.export.card import card
from unweave.show.export.config import CONFIG, METADATA, NEXT, WEIGHTS, config_of, is_exported, load_model
from unweave.show.export.graphs import write_graphs
from unweave.show.export.web import write_page
from unweave.subspaces import Subspaces

CARD = "README.md"
MAKING = ".making"  # ends the name of a folder in which an export is made
# What each form writes into an empty folder beside config.json and README.md.
FORMS: dict[str, Callable[[Path, Model, Mapping[str, Any]], object]] = {
    "safetensors": lambda place, model, _: write_weights(place / WEIGHTS, model.vae, METADATA),
    "onnx": write_graphs,
}

__all__ = ["CARD", "CONFIG", "FORMS", "WEIGHTS", "export", "folder", "is_exported", "load_model"]


def export(
    run: Run, to: str, out: str | Path | None = None, *, overwrite: bool = False, codes: Reading = MEANS
) -> Path:
    """Write the model of a finished run to the folder `out` [RUN/safetensors or RUN/onnx] and return it.

    With `to` web it is one HTML file [RUN/explorer.html] instead, as `unweave.show.export.web.write_page` makes it.

    `to` is safetensors (model.safetensors, which `load_model` opens on any machine without the data) or onnx
    (encoder.onnx and decoder.onnx, compared with torch before they are kept). Both come with config.json, all that is
    needed to build the model, and README.md, a card with its settings, data and scores. Files appear whole, and none
    where anything goes wrong.

    With `codes` "planes" latents that form a plane (`Run.subspaces`) are told as radius and angle: the page has a
    dial for each, and the graphs give and take the columns `planes`. Safetensors hold the model as it is.

    An unknown form, planes of a run that has none, a folder that is not empty (without `overwrite`), a missing extra
    and graphs whose numbers differ from torch's raise InputError.

    >>> import unweave
    >>> export(unweave.Run("runs/first"), "safetensors")  # doctest: +SKIP
    """
    checks.one_of((*FORMS, "web"), to=to)
    found = _planes(run, to, codes)
    if to == "web":
        return write_page(run, out, overwrite=overwrite, codes=codes)
    target = run.path / to if out is None else Path(out)
    if target.exists() and not target.is_dir():
        raise InputError(f"out must be a folder, got {target}, which is a file")
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise InputError(f"out must be an empty folder, got {target}; choose another --out, or --overwrite to replace")
    model, about = run.model, config_of(run)
    if found is not None:
        about = {**about, "columns": found.names()}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with alone(target, beside=True), writing(target), _room(target) as place:
            form = FORMS[to] if found is None else partial(write_graphs, found=found)
            form(place, model, about)
            about |= {"sums": {each.name: sum_of_file(each) for each in sorted(place.iterdir())}}
            write_json(place / CONFIG, about)
            text = card(run, about, sorted(each.name for each in place.iterdir())).encode()
            write_atomic(place / CARD, lambda file: file.write(text))
            _put(place, target)
    except CannotWrite as wrong:
        reason = str(wrong).partition(" cannot be written: ")[2]
        again = "once there is room the same command goes on"
        raise CannotWrite(f"{target} cannot be written: {reason}; {again}") from wrong
    except OSError as wrong:
        raise InputError(f"out must be a folder that can be written to, got {target}: {wrong.strerror}") from None
    return target


@contextlib.contextmanager
def _room(target: Path) -> Generator[Path]:
    """An empty folder next to the target, on the same disk; what a killed export left there goes first."""
    name = f".{target.name}-"
    for left in target.parent.glob(f"{glob.escape(name)}*{MAKING}"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=name, suffix=MAKING) as made:
        place = Path(made, "whole")
        place.mkdir()
        yield place


def _put(place: Path, target: Path) -> None:
    """Put all files in the target, in one step; those of an older export are replaced, others stay."""
    with contextlib.suppress(OSError):
        target.rmdir()  # if it is empty
    if not target.exists():
        files.rename(place, target)
        return
    _settle(target)
    files.rename(place, target / NEXT)
    _settle(target)


def _settle(target: Path) -> None:
    """Bring what lies ready in the target to its place; until that is done `load_model` takes it from where it lies."""
    ready = target / NEXT
    if (ready / CONFIG).is_file():
        for file in sorted(ready.iterdir()):
            content = file.read_bytes()
            write_atomic(target / file.name, lambda sink, content=content: sink.write(content))
        (ready / CONFIG).unlink()
    shutil.rmtree(ready, ignore_errors=True)


def _planes(run: Run, to: str, codes: Reading) -> Subspaces | None:
    """The subspaces that codes are told in, None for means; planes that cannot be had raise InputError."""
    checks.one_of(get_args(Reading), codes=codes)
    if codes == MEANS:
        return None
    if to == "safetensors":
        raise InputError("codes must be means for safetensors, which hold the model as it is, got planes")
    if not run.subspaces.blocks:
        why = run.subspaces.skipped or "no latents form a plane"
        raise InputError(f"codes must be means for {run.name}, got planes: {why}")
    return run.subspaces
