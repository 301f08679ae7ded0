"""How files are written and read: whole or not at all, with a sum of their content that is compared on reading.

A JSON file ends with the key "#sum", so does every line of records; safetensors have it in their header. Where there is
none (files from before there were sums, files of others) nothing is compared. All that is written goes through `raw`,
`flush` and `rename`, which the tests of faults let fail one after the other.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import secrets
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from unweave.base.errors import CannotWrite, Damaged, InputError, Noted

FORMAT = 1  # of every file that a run, a study or an exported model consists of
SUM = "#sum"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}  # nobody's wrong input: the disk is full or failing


def raw(path: Path, mode: str) -> io.FileIO:
    """A file to write to, without a buffer."""
    return io.FileIO(path, mode)


def flush(number: int) -> None:
    """Wait until the disk has all of the file with this number."""
    os.fsync(number)


def rename(old: Path, new: Path) -> None:
    """Put the file in the place of another, in one step."""
    old.replace(new)


@contextlib.contextmanager
def writing(path: Path, kept: str = "") -> Generator[None]:
    """A disk that is full or fails is told in one sentence, as CannotWrite; other refusals stay what they are."""
    try:
        yield
    except OSError as wrong:
        if wrong.errno not in FULL:
            raise
        raise CannotWrite(f"{path} cannot be written: {wrong.strerror}{kept}") from wrong


def write_atomic(path: Path, writer: Callable[[BinaryIO], object]) -> None:
    """Let `writer` fill `path`, so that others see the old file or the whole new one and never a part.

    It writes to a temporary name in the same folder (made where missing), which is flushed to the disk and
    then renamed. Any exception leaves `path` as it was and no temporary file behind; a disk that is full or fails
    raises CannotWrite.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    with writing(path, "; what lay there before is as it was" if path.exists() else ""):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with io.BufferedWriter(raw(temporary, "x")) as sink:
                writer(sink)
                sink.flush()
                flush(sink.fileno())
            rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def sum_of(*parts: bytes) -> str:
    """Sixteen digits of the SHA-256 of these bytes, one after the other."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part)
    return state.hexdigest()[:16]


def sum_of_file(path: Path) -> str:
    """The same of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def is_another(path: Path, sums: Any) -> bool:
    """Whether a file is not the one whose sum stands under its name in `sums`; without a sum nobody knows."""
    return isinstance(sums, dict) and path.name in sums and path.is_file() and sum_of_file(path) != sums[path.name]


def summed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, and last the sum of them as JSON.

    >>> summed({"a": 1.5})
    {'a': 1.5, '#sum': 'e7e254618d40dbce'}
    """
    return {**values, SUM: sum_of(json.dumps(values).encode())}


def checked(values: Any, path: Path) -> Any:
    """The values without their sum, where they have one; Damaged where it is another."""
    if not isinstance(values, dict) or SUM not in values:
        return values  # pyright: ignore[reportUnknownVariableType]
    rest: dict[str, Any] = {name: value for name, value in values.items() if name != SUM}  # pyright: ignore[reportUnknownVariableType]
    if values[SUM] != sum_of(json.dumps(rest).encode()):
        raise Damaged(
            f'{path} does not hold what was written to it: its content and its "{SUM}" differ; '
            f'if you changed it on purpose, remove "{SUM}" from it'
        )
    return rest


def dump_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write strict JSON with its sum."""
    text = json.dumps(summed(values), indent=1, allow_nan=False) + "\n"
    write_atomic(path, lambda file: file.write(text.encode()))


def load_json(path: Path) -> Any:
    """What a JSON file holds, without its sum; one that is no JSON, or holds something else than was written: Damaged.

    OSError where it cannot be read at all.
    """
    return checked(_parsed(path), path)


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as wrong:
        raise Damaged(f"{path} cannot be read as JSON: {wrong}") from None


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write strict JSON that carries the format number and its sum."""
    dump_json(path, {"format": FORMAT, **values})


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of ours; a missing or newer one raises InputError that names it, a broken one Damaged."""
    try:
        values = _parsed(path)
    except FileNotFoundError:
        raise InputError(f"{path.parent} is not a run: it has no {path.name}") from None
    except OSError as wrong:
        raise InputError(f"{path} cannot be read: {wrong.strerror}") from None
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):  # pyright: ignore[reportUnknownMemberType]
        raise Damaged(f"{path} must carry a format number, as every file of a run does; it has none")
    if values["format"] > FORMAT:
        raise InputError(
            f"{path} has format {values['format']}, newer than the {FORMAT} that this unweave reads; upgrade unweave"
        )
    return checked(values, path)


def read_derived(
    path: Path, needed: Sequence[str] = (), taken: Callable[[dict[str, Any]], object] = len
) -> dict[str, Any]:
    """A file that can be made again: {} where there is none, and where it is damaged, which is told and set aside.

    `needed` are keys without which it counts as damaged, as it does where `taken`, which makes of it what is wanted,
    cannot do so.
    """
    if not path.exists():
        return {}
    try:
        held = read_json(path)
        if lacking := [name for name in needed if name not in held]:
            raise Damaged(f"{path} has no {lacking[0]!r}")
        try:
            taken(held)
        except (LookupError, TypeError, ValueError, AttributeError) as wrong:
            raise Damaged(f"{path} does not hold what it should: {type(wrong).__name__}: {wrong}") from None
    except Damaged as wrong:
        set_aside(path, str(wrong))
        return {}
    return held


def set_aside(path: Path, reason: str) -> None:
    """Give a damaged file another name, so that work goes on without it and nothing is thrown away; and say so."""
    names = (path.with_name(f"{path.name}.damaged{n or ''}") for n in range(1000))
    free = next((each for each in names if not each.exists()), path.with_name(f"{path.name}.damaged"))
    try:
        rename(path, free)
    except OSError as wrong:
        note(f"{reason}; it is left out, and could not be renamed ({wrong.strerror})")
    else:
        note(f"{reason}; it is kept as {free.name}, and its content is computed again")


def note(sentence: str) -> None:
    """Tell people what was found and how it goes on; the command line shows it as one line."""
    warnings.warn(sentence, Noted, stacklevel=2)


def append_to(path: Path) -> io.FileIO:
    """A file of records, to go on at its end."""
    with writing(path):
        return raw(path, "a")


def write_line(file: io.FileIO, record: Mapping[str, Any]) -> None:
    """Append one record, with its sum, and see that other processes can read it."""
    with writing(Path(str(file.name))):
        line = (json.dumps(summed(record)) + "\n").encode()
        if file.write(line) != len(line):  # what a disk does whose last bytes were just taken
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of the file, [] without one; a torn last line is left out, and any other bad one is told besides."""
    return [record for record, _ in _lines(path)]


def cut_after(path: Path, step: int) -> None:
    """Drop records after `step`, and a last line that a kill tore, so that a resumed file has no doubles.

    A record without a step is of the whole file, and goes where the run begins anew (step 0). A file with other bad
    lines is set aside, and goes on with the good ones.
    """
    if not path.exists():
        return
    with warnings.catch_warnings(record=True, category=Noted) as damage:
        warnings.simplefilter("always", Noted)
        found = list(_lines(path))
    if damage:
        set_aside(path, str(damage[0].message))
    kept = b"".join(line for record, line in found if step > 0 and record.get("step", 0) <= step)
    write_atomic(path, lambda file: file.write(kept))


def _lines(path: Path) -> Generator[tuple[dict[str, Any], bytes]]:
    """Each good record and its line."""
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    bad: list[int] = []
    for number, line in enumerate(lines, 1):
        try:
            record = checked(json.loads(line), path)
            if not isinstance(record, dict):
                raise Damaged("no record")
        except (ValueError, RecursionError):
            if number < len(lines) or line.endswith(b"\n"):
                bad.append(number)
            continue
        yield record, line if line.endswith(b"\n") else line + b"\n"
    if bad:
        several = f"lines {bad[0]} and {len(bad) - 1} more" if len(bad) > 1 else f"line {bad[0]}"
        note(f"{several} of {path} cannot be read and {'are' if len(bad) > 1 else 'is'} left out")


def with_last_line(text: str) -> str:
    r"""A text whose last line, a comment, is the sum of the others.

    >>> with_last_line("a: 1")
    'a: 1\n#sum: 37b128c59f1f5097\n'
    """
    whole = text if text.endswith("\n") else text + "\n"
    return f"{whole}{SUM}: {sum_of(whole.encode())}\n"


def check_last_line(text: str, path: Path) -> None:
    """Damaged unless a text, if its last line tells a sum, is what was written."""
    whole, mark, found = text.rpartition(f"{SUM}: ")
    if mark and found.strip() != sum_of(whole.encode()):
        raise Damaged(
            f"{path} does not hold what was written to it: its content and its sum differ; if you changed it on "
            f'purpose, remove the line "{SUM}: ..." from it'
        )


def with_sum(safetensors: bytes) -> bytes:
    """A safetensors file with the sum of its content in its header.

    >>> from safetensors.numpy import load, save
    >>> import numpy as np
    >>> whole = with_sum(save({"a": np.ones(3)}))
    >>> check_sum(whole, Path("a")), load(whole)["a"].tolist()
    (None, [1.0, 1.0, 1.0])
    """
    header, body = _split(safetensors)
    about = {**header.pop("__metadata__", {})}
    about[SUM] = _sum_of_tensors(header, about, body)
    text = json.dumps({"__metadata__": about, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + body


def check_sum(safetensors: bytes, path: Path) -> None:
    """Damaged unless a safetensors file, if it has a sum, holds what was written."""
    try:
        header, body = _split(safetensors)
        about = header.pop("__metadata__", {})
        known = about.pop(SUM, None)
        same = known is None or known == _sum_of_tensors(header, about, body)
    except (ValueError, AttributeError, TypeError, RecursionError) as wrong:
        raise Damaged(f"{path} cannot be read: {wrong}") from None
    if not same:
        raise Damaged(f"{path} does not hold what was written to it: its content and its sum differ")


def _split(safetensors: bytes) -> tuple[dict[str, Any], memoryview]:
    size = int.from_bytes(safetensors[:8], "little")
    return json.loads(safetensors[8 : 8 + size]), memoryview(safetensors)[8 + size :]


def _sum_of_tensors(header: Mapping[str, Any], about: Mapping[str, Any], body: memoryview) -> str:
    return sum_of(json.dumps([header, about], sort_keys=True).encode(), body)  # type: ignore[arg-type]
