"""Codes of a whole data set into one file, a chunk at a time: npz, csv or parquet, with names."""

from __future__ import annotations

import csv
import dataclasses
import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from unweave.base import checks, registry, settings
from unweave.base.cells import spreadsheet
from unweave.base.codes import MEANS, PLANES, Reading
from unweave.base.errors import InputError
from unweave.base.files import write_atomic, writing
from unweave.data.base import FactorData, ImageData
from unweave.data.own.locate import located
from unweave.models.trained import CHUNK, Model, Samples, prepared
from unweave.run.run import Run, model_of
from unweave.subspaces import Subspaces

Block = dict[str, NDArray[Any]]  # rows of every array, by its name
Counter = Callable[[int, int], object]  # given how many rows are done, and of how many
GROUP = 20  # chunks in one row group of a parquet file
RANGE = ("low", "high")  # settings that say which values become 0 and 1
WRITTEN = "%.9g"  # nine digits bring every float32 back as it was


@dataclass(frozen=True)
class CodeTable:
    """Rows that come in blocks; `columns` names those of each two-dimensional array."""

    rows: int
    columns: Mapping[str, tuple[str, ...]]
    blocks: Callable[[], Iterator[Block]]

    def flat(self, block: Block) -> Block:
        """A block with one array a column, in order."""
        flat: Block = {}
        for name, values in block.items():
            flat |= {name: values} if values.ndim == 1 else dict(zip(self.columns[name], values.T, strict=True))
        return flat


def opened(data: Any, given: Mapping[str, object] | None = None, *, like: Run | Model | None = None) -> ImageData:
    """A data set by its name, its path or itself, with settings `given` by name; what is none raises InputError.

    Where it is of the kind that the run or model `like` was trained on, such as another folder, it is cut, scaled and
    ordered as that was, unless `given` says otherwise.
    """
    if isinstance(data, ImageData):
        return data
    own = {name.replace("-", "_"): value for name, value in (given or {}).items()}
    found = located(data)
    name = str(found.pop("name"))
    kind = registry.datasets.get(name)
    trained, known = ("", {}) if like is None else _trained_on(like)
    fields = {setting.name for setting in settings.settings_of(kind)}
    same = {n: v for n, v in known.items() if n in fields and v is not None} if name == trained else {}
    if {"scale", *RANGE} & own.keys():
        same = {n: v for n, v in same.items() if n not in ("scale", *RANGE)}
    made: ImageData = settings.build(kind, {**same, **found, **own}, of=name, prefix="data.")
    made = made.resolved()
    ends = {n: same[n] for n in RANGE if n in same}
    return dataclasses.replace(cast(Any, made), **ends) if ends else made


def _trained_on(source: Run | Model) -> tuple[str, dict[str, Any]]:
    """Name of the data set a model was trained on, and those of its settings that say how images are prepared."""
    if isinstance(source, Run):
        return source.spec.data.name, prepared(source.data)
    facts = source.about.get("data", {})
    return str(facts.get("name", "")), dict(facts.get("prepared", {}))


def _check_fits(model: Model, source: Run | Model, data: ImageData) -> None:
    """Refuse images of another shape and tables with other columns than the model was trained on."""
    shape = tuple(data.image_shape)
    if shape != model.image_shape:
        raise InputError(f"data must hold images of shape {model.image_shape}, which {model.title} takes, got {shape}")
    wanted = source.data.columns if isinstance(source, Run) else source.about.get("data", {}).get("columns", ())
    for right, found in zip(wanted, data.columns, strict=False):
        if right != found:
            raise InputError(
                f"data must have the columns {model.title} was trained on, got {found} in place of {right}"
            )


def encode_to(
    source: Run | Model,
    out: str | Path,
    data: Any = None,
    *,
    given: Mapping[str, object] | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    counted: Counter | None = None,
    codes: Reading = MEANS,
) -> Path:
    """Write what a run or model says of every image of `data` to `out`, .npz, .csv or .parquet; returns the path.

    Without `data` these are the images the run was trained on; `given` are settings of the data set, and `limit`
    keeps to its first images. A row holds the image's number, its file, label, class and factors where the data set
    knows them, then z0, z1 ... (posterior means), z0_std ... (standard deviations), z0_kl ... (rates, nats), and
    where the model gives categories their numbers and probabilities. An npz holds these as arrays: index, file, label,
    class, factors, codes, std, kl, categories, probabilities, and the names of their columns as NAME_columns. A csv
    has nine digits, enough for the same float32. With `codes` "planes" the radius, cosine and sine of
    the run's planes (`Run.subspaces`) stand beside the codes, as the array planes or in columns such as "radius 3+7".

    The file appears whole or not at all. One chunk of images is held at a time. Images that do not fit the model,
    another ending and a file that exists (without `overwrite`) raise InputError.

    >>> import unweave
    >>> unweave.codes.encode_to(unweave.Run("runs/first"), "codes.csv")  # doctest: +SKIP
    """
    path = Path(out)
    checked_out(path, FORMS, overwrite=overwrite)
    if limit is not None:
        checks.at_least(1, limit=limit)
    model = model_of(source)
    if data is not None:
        images = opened(data, given, like=source)
    elif isinstance(source, Run):
        images = source.data
    else:
        raise InputError("data must be given to encode with an exported model, which has none of its own; got none")
    _check_fits(model, source, images)
    if codes == PLANES and not isinstance(source, Run):
        raise InputError("codes must be means for an exported model, which keeps no planes, got planes")
    found = source.subspaces if codes == PLANES and isinstance(source, Run) else None
    table = coded(model, images, len(images) if limit is None else min(limit, len(images)), counted, found)
    try:
        with writing(path):
            FORMS[path.suffix.lower()](path, table)
    except OSError as wrong:
        raise InputError(f"out must be a file that can be written, got {path}: {wrong.strerror}") from None
    return path


def sample(source: Run | Model, n: int = 64, seed: int = 0) -> Samples:
    """`n` images that a run or model decodes from its prior, with their codes and categories.

    A model that gives categories goes through all of them in order. Same seed, same images.
    """
    return model_of(source).sample(n, seed)


def sample_to(source: Run | Model, out: str | Path, n: int = 64, seed: int = 0, *, overwrite: bool = False) -> Path:
    """Write `n` samples to `out`, an .npz with images (n, C, H, W), codes (n, d) and categories (n, L) if any."""
    path = Path(out)
    checked_out(path, {".npz": None}, overwrite=overwrite)
    drawn = sample(source, n, seed)
    block: Block = {"images": drawn.images.numpy(), "codes": drawn.codes.numpy()}
    if drawn.categories is not None:
        block["categories"] = drawn.categories.numpy()
    try:
        with writing(path):
            _npz(path, CodeTable(n, {}, lambda: iter([block])))
    except OSError as wrong:
        raise InputError(f"out must be a file that can be written, got {path}: {wrong.strerror}") from None
    return path


def checked_out(path: Path, forms: Mapping[str, Any], *, overwrite: bool) -> None:
    """Refuse endings that are not among `forms`, folders, and files that exist unless they may be replaced."""
    if path.suffix.lower() not in forms:
        raise InputError(f"out must end in {' or '.join(forms)}, got {path.name}")
    if path.is_dir():
        raise InputError(f"out must be a file, got {path}, which is a folder")
    if path.exists() and not overwrite:
        raise InputError(f"out must not exist yet, got {path}; choose another --out, or --overwrite to replace it")


def coded(
    model: Model, data: ImageData, rows: int, counted: Counter | None = None, found: Subspaces | None = None
) -> CodeTable:
    """The rows that `encode_to` writes, made as they are asked for; `found` are planes to give codes in."""
    d, sizes = range(model.latents), model.category_sizes
    known, factors = _known(data)
    heads = ["category"] if len(sizes) == 1 else [f"category{k}" for k in range(len(sizes))]
    columns = {
        "codes": tuple(f"z{j}" for j in d),
        "std": tuple(f"z{j}_std" for j in d),
        "kl": tuple(f"z{j}_kl" for j in d),
        "categories": tuple(heads),
        "probabilities": tuple(f"{h}_p{k}" for h, size in zip(heads, sizes, strict=True) for k in range(size)),
        "factors": factors,
        "planes": () if found is None else tuple(name for block in found.blocks for name in block.names),
    }

    def blocks() -> Iterator[Block]:
        for at in range(0, rows, CHUNK):
            numbers = np.arange(at, min(at + CHUNK, rows))
            encoding = model.posterior(data.images(numbers))
            block: Block = {"index": numbers, **{name: values[numbers] for name, values in known.items()}}
            if isinstance(data, FactorData):
                block["factors"] = data.factors_at(numbers)
            encoded = {
                "codes": encoding.mean,
                "std": encoding.std,
                "kl": encoding.kl,
                "categories": encoding.categories,
                "probabilities": encoding.probabilities,
                "planes": None if found is None or not found.blocks else _in_planes(encoding.mean, found),
            }
            yield {**block, **{name: values for name, values in encoded.items() if values is not None}}
            if counted is not None:
                counted(int(numbers[-1]) + 1, rows)

    return CodeTable(rows, columns, blocks)


def _in_planes(codes: Any, found: Subspaces) -> NDArray[Any]:
    """Radius, cosine and sine of each plane, (n, 3) and more."""
    return np.hstack([block.polar(np.asarray(codes, dtype=np.float64)) for block in found.blocks])


def _known(data: ImageData) -> tuple[Block, tuple[str, ...]]:
    """What the data set knows of its images: files, labels, classes and factors; and the names of the factors.

    Factors that are words stand in arrays of their own.
    """
    known: Block = {}
    files = getattr(data, "files", None)
    if files is not None:
        known["file"] = np.array([str(each) for each in files])
    if data.labels is not None:
        known["label"] = np.asarray(data.labels)
        if data.classes:
            known["class"] = np.array(data.classes)[known["label"]]
    if isinstance(data, FactorData):
        return known, tuple(f"factor_{name}" for name in data.names)
    table = data.factor_table
    if table is None:
        return known, ()
    worded = [bool(words) for words in table.words]
    for column, name in enumerate(table.names):
        if worded[column]:
            values = table.values[:, column]
            words = np.append(np.array(table.words[column]), "")  # the last one is what nobody knows
            known[f"factor_{name}"] = words[np.where(np.isnan(values), len(words) - 1, values).astype(int)]
    names = [name for name, words in zip(table.names, worded, strict=True) if not words]
    if names:
        known["factors"] = table.values[:, ~np.array(worded)]
    return known, tuple(f"factor_{name}" for name in names)


def _npz(path: Path, table: CodeTable) -> None:
    """Each array is gathered in a file of its own first, since an archive takes one after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=path.parent, prefix=".unweave-")))
        spools: dict[str, BinaryIO] = {}
        heads: dict[str, NDArray[Any]] = {}
        for block in table.blocks():
            for name, values in block.items():
                if name not in spools:
                    spools[name] = stack.enter_context((place / name).open("w+b"))
                    heads[name] = values
                spools[name].write(np.ascontiguousarray(values).tobytes())
        names = {f"{name}_columns": np.array(table.columns[name]) for name in heads if name in table.columns}

        def write(sink: BinaryIO) -> None:
            with zipfile.ZipFile(sink, "w") as archive:
                for name, spool in spools.items():
                    with _entry(archive, name, heads[name], (table.rows, *heads[name].shape[1:])) as entry:
                        spool.seek(0)
                        shutil.copyfileobj(spool, entry)
                for name, values in names.items():
                    with _entry(archive, name, values, values.shape) as entry:
                        entry.write(values.tobytes())

        write_atomic(path, write)


def _entry(archive: zipfile.ZipFile, name: str, like: NDArray[Any], shape: tuple[int, ...]) -> Any:
    """An array of an npz, opened for its numbers; without a date, so that the same arrays give the same bytes."""
    entry = archive.open(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), "w", force_zip64=True)
    npy.write_array_header_1_0(entry, {"descr": npy.dtype_to_descr(like.dtype), "fortran_order": False, "shape": shape})
    return entry


def _csv(path: Path, table: CodeTable) -> None:
    def write(sink: BinaryIO) -> None:
        text = io.TextIOWrapper(sink, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        head = False
        for block in table.blocks():
            flat = table.flat(block)
            if not head:
                writer.writerow(spreadsheet(flat))
                head = True
            cells = [
                np.char.mod(WRITTEN, v).tolist() if v.dtype.kind == "f" else spreadsheet(v.tolist())
                for v in flat.values()
            ]
            writer.writerows(zip(*cells, strict=True))
        text.detach()

    write_atomic(path, write)


def _parquet(path: Path, table: CodeTable) -> None:
    try:
        import pyarrow as pa  # pyright: ignore[reportMissingImports]
        import pyarrow.parquet as pq  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise InputError("out in parquet needs pyarrow: pip install 'unweave[tables]'") from None
    arrow: Any = pa
    parquet: Any = pq

    def write(sink: BinaryIO) -> None:
        writer: Any = None
        waiting: list[Any] = []
        try:
            for block in table.blocks():
                waiting.append(arrow.table({name: arrow.array(v) for name, v in table.flat(block).items()}))
                if writer is None:
                    writer = parquet.ParquetWriter(sink, waiting[0].schema, write_page_checksum=True)
                if len(waiting) == GROUP:
                    writer.write_table(arrow.concat_tables(waiting))
                    waiting.clear()
            if waiting:
                writer.write_table(arrow.concat_tables(waiting))
        finally:
            if writer is not None:
                writer.close()

    write_atomic(path, write)


FORMS: dict[str, Callable[[Path, CodeTable], None]] = {".npz": _npz, ".csv": _csv, ".parquet": _parquet}
