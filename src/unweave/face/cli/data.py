"""Download, check or show a data set: its licence, files, and pictures of each factor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from unweave.base import checks
from unweave.base.checks import Range
from unweave.base.errors import InputError
from unweave.base.registry import datasets
from unweave.data.own.locate import located
from unweave.face.cli.options import Options, options_of, word

if TYPE_CHECKING:
    import numpy as np

    from unweave.data.base import FactorData, ImageData
    from unweave.data.published.download import Source

COLUMNS = 10  # values of a factor that are shown, and pictures of a class
LICENCE = "say that you keep to a licence that does not allow every use"


def options(tokens: list[str]) -> Options:
    """The settings of the data set that `tokens` name."""
    if (name := word(tokens, 2)) is None or tokens[1] not in ("check", "show"):
        return {}
    known = located(name)["name"]
    return options_of(datasets.get(known), f"Settings of {known}", "data.")


def data(
    do: Annotated[Literal["download", "check", "show"], "what to do"],
    name: Annotated[str | None, "name of the data set; without one, check lists all published ones"] = None,
    /,
    *,
    accept_licence: Annotated[bool, LICENCE] = False,
    max_bytes: Annotated[
        int | None, "refuse a file of unknown size beyond this many bytes [16000000000]", Range(1)
    ] = None,
    out: Annotated[str | None, "picture to write; its suffix sets the format [NAME.png]"] = None,
    **settings: Any,
) -> None:
    """`unweave data DO NAME`."""
    own = {key.removeprefix("data."): value for key, value in settings.items()}
    if do == "check" and name is None:
        _list()
    elif name is None:
        raise InputError(f"data {do} needs the name of a data set, got none; known: {', '.join(datasets.names())}")
    elif do == "show":
        _show(name, own, Path(out or f"{Path(name).stem.replace(':', '-')}.png"))
    elif do == "check":
        _check(name, own)
    else:
        _download(name, accepted=accept_licence, most=max_bytes)


def _source(name: str) -> Source | None:
    checks.known(datasets.kind, name, datasets.names())
    return getattr(datasets.get(name), "source", None)


def _about(name: str, source: Source) -> None:
    """The licence and citation come before everything else."""
    print(f"{name}: {datasets.summary(name)}")
    print(f"  licence   {source.licence}")
    print(f"  cite      {source.citation}")
    print(f"  page      {source.page}")
    if source.note:
        print(f"  note      {source.note}")


def _download(name: str, *, accepted: bool, most: int | None) -> None:
    from unweave.data.published.download import MOST, fetch, inspected

    source = _source(name)
    if source is None:
        print(f"{name} needs no download: {datasets.summary(name)}")
        return
    _about(name, source)
    if not source.free and not accepted:
        raise InputError(f"--accept-licence must be given for {name}, whose licence is: {source.licence}")
    lacking: list[str] = []
    for file in source.files:
        path = source.found(file)
        if path is not None and path == source.place(file) and (trouble := inspected(file, path)[1]) is not None:
            path.unlink()
            print(f"removed   {path}: {trouble}")
            path = None
        if path is not None:
            print(f"there     {path}")
        elif file.url is None:
            lacking.append(file.name)
            print(f"by hand   get {file.name} from {source.page} and save it as {source.place(file)}")
        else:
            path = source.place(file)
            sha256 = fetch(file, path, most=MOST if most is None else most)
            whose = "as published" if file.sha256 else f"first seen; kept in {path.name}.sha256, compared next time"
            print(f"fetched   {path} ({path.stat().st_size} bytes, SHA-256 {sha256}, {whose})")
    if lacking:
        raise InputError(f"{name} needs files that have to be fetched by hand: {', '.join(lacking)}")


def _check(name: str, settings: dict[str, Any]) -> None:
    from unweave.data.published.download import inspected

    source = _source(name)
    if source is None:
        print(f"{name} needs no files: {datasets.summary(name)}")
        return
    _about(name, source)
    own = settings.get("folder")
    bad = 0
    for file in source.files:
        place, path = source.place(file, own), source.found(file, own)
        if path is None:
            bad += 1
            how = f"run: unweave data download {name}" if file.url else f"get it from {source.page}"
            unpacked = f" (or the folder {file.folder} beside it)" if file.folder else ""
            print(f"missing   {place}{unpacked}: {how}")
            continue
        if path != place or own is not None:  # unpacked, or in a form of the user's own
            print(f"there     {path}")
            continue
        sha256, trouble = inspected(file, path)
        if trouble is None:
            whose = "as published" if file.sha256 else "as first seen"
            print(f"there     {path} ({path.stat().st_size} bytes, SHA-256 {sha256}, {whose})")
        else:
            bad += 1
            print(f"wrong     {path}: {trouble}; remove it and get it anew")
    if bad:
        raise InputError(f"{name} is not complete: {bad} of its {len(source.files)} files are missing or wrong")
    print(f"{name} is complete")


def _list() -> None:
    """One line a published data set."""
    from unweave.base.cache import cache_folder

    width = max(map(len, datasets.names()))
    for name in datasets.names():
        if (source := _source(name)) is not None:
            there = sum(source.found(file) is not None for file in source.files)
            state = "there" if there == len(source.files) else f"{there} of {len(source.files)} files"
            print(f"{name:<{width}}  {state:<12}  {source.licence}")
    print(f"files belong in {cache_folder() / 'datasets'} / NAME; unweave data check NAME says which")


def _show(name: str, settings: dict[str, Any], out: Path) -> None:
    from unweave.data import load
    from unweave.data.base import FactorData
    from unweave.show.figures.base import Picture, as_rgb
    from unweave.show.figures.sheet import Sheet

    data = load(name, **settings)
    if min(data.image_shape[1:]) < 2 or not data.bounded:
        raise InputError(f"show needs a data set of images, got {name}, which has vectors of {data.image_shape[2]}")
    rows = _factor_rows(data) if isinstance(data, FactorData) else _class_rows(data)
    pictures = [as_rgb(data.images(numbers)) for _, numbers in rows]
    labels = [label for label, _ in rows]
    picture = Picture(Sheet(pictures, labels).figure(), f"{name}: a row of images for each of {', '.join(labels)}.")
    print(f"{picture.save(out)}: {len(data):,} images {data.image_shape}")


def _factor_rows(data: FactorData) -> list[tuple[str, np.ndarray]]:
    """For each factor, the numbers of images in which it alone changes."""
    import numpy as np

    base = np.array([data.reference[0]]) if data.reference else data.index(np.array([data.sizes]) // 2)
    rows: list[tuple[str, np.ndarray]] = []
    for k, factor in enumerate(data.factors):
        values = np.unique(np.linspace(0, factor.size - 1, COLUMNS).round().astype(np.int64))
        factors = np.repeat(data.factors_at(base), len(values), axis=0)
        factors[:, k] = values
        rows.append((f"{factor.name} ({factor.size})", data.index(factors)))
    return rows


def _class_rows(data: ImageData) -> list[tuple[str, np.ndarray]]:
    """For each class, or else in five rows, the numbers of images spread over the data set."""
    import numpy as np

    labels = data.labels
    if labels is None:
        chosen = np.unique(np.linspace(0, len(data) - 1, 5 * COLUMNS).round().astype(np.int64))
        return [(f"{row[0]:,} ...", row) for row in np.array_split(chosen, -(-len(chosen) // COLUMNS))]
    rows: list[tuple[str, np.ndarray]] = []
    for k in np.unique(labels)[:20]:
        of_class = np.flatnonzero(labels == k)[:COLUMNS]
        rows.append((data.classes[k] if data.classes else str(k), of_class))
    return rows
