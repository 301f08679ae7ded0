"""The program `unweave`: finds the command, runs it, and turns errors into one line and an exit status."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

from cyclopts import App, CycloptsError

from unweave.base.errors import CannotWrite, Diverged, InputError, Interrupted, Noted
from unweave.base.registry import first_line
from unweave.base.settings import Renamed
from unweave.base.terminal import tell
from unweave.face.cli.options import command

# Imported when called; the help of each is the first line of its module. A module with a function `options` says by it
# which options the words of a command bring besides, since these depend on the method, metric or figure among them.
COMMANDS = {
    "demo": "unweave.face.cli.demo:demo",
    "train": "unweave.face.cli.train:train",
    "evaluate": "unweave.face.cli.evaluate:evaluate",
    "score": "unweave.face.cli.score:score",
    "doctor": "unweave.face.cli.doctor:doctor",
    "draw": "unweave.face.cli.draw:draw",
    "traverse": "unweave.face.cli.draw:traverse",
    "reconstruct": "unweave.face.cli.draw:reconstruct",
    "encode": "unweave.face.cli.encode:encode",
    "sample": "unweave.face.cli.sample:sample",
    "compose": "unweave.face.cli.compose:compose",
    "name": "unweave.face.cli.name:name",
    "report": "unweave.face.cli.report:report",
    "table": "unweave.face.cli.table:table",
    "study": "unweave.face.cli.study:study",
    "select": "unweave.face.cli.select:select",
    "repro": "unweave.face.cli.repro:repro",
    "explore": "unweave.face.cli.explore:explore",
    "export": "unweave.face.cli.export:export",
    "import": "unweave.face.cli.import_:import_",
    "list": "unweave.face.cli.listing:listing",
    "data": "unweave.face.cli.data:data",
    "cache": "unweave.face.cli.cache:cache",
    "cite": "unweave.face.cli.cite:cite",
}
HELP = {
    "traverse": "Draw one row of images per latent, that latent moving (draw traversal).",
    "reconstruct": "Draw images over their reconstructions (draw reconstructions).",
}


def build(tokens: list[str]) -> App:
    """The program with its commands, only the one that is called for imported."""
    app = App(
        name="unweave",
        help="Find the independent, clustered or sparse factors behind images, and see how far you can trust them.",
        version=lambda: version("unweave"),
        result_action="return_value",
        suppress_keyboard_interrupt=False,  # main says what was kept and how to go on
    )
    for name, target in COMMANDS.items():
        module, _, attribute = target.partition(":")
        function: Callable[..., object] = _listed
        if tokens and tokens[0] == name:
            loaded = importlib.import_module(module)
            more = loaded.options(tokens) if hasattr(loaded, "options") else {}
            function = command(getattr(loaded, attribute), more)
        app.command(function, name=name, help=HELP.get(name) or first_line(module))
    return app


def _listed() -> None:
    """Stands for the commands that are only listed."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 2 wrong input, 1 our fault, 130 interrupted."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", Renamed)
            warnings.simplefilter("always", Noted)
            warnings.showwarning = partial(_warn, warnings.showwarning)
            build(tokens)(tokens, exit_on_error=False, print_error=False)
    except (CycloptsError, InputError) as wrong:
        ours = wrong.__cause__ if isinstance(wrong.__cause__, InputError) else wrong
        return _fail(" ".join(str(ours).split()), 2)
    except Interrupted as stop:
        return _fail(str(stop), 130)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except (Diverged, CannotWrite) as broken:
        return _fail(str(broken), 1)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as wrong:  # a file that may not be written, a disk that is full where others write
        if wrong.strerror is None:
            raise
        return _fail(f"{wrong.filename or 'a file'} cannot be read or written: {wrong.strerror}", 1)
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def _warn(others: Callable[..., None], message: Warning | str, category: type[Warning], *where: Any) -> None:
    """One line for a setting that was renamed and for what was found amiss; what others warn of is theirs to show."""
    if issubclass(category, (Renamed, Noted)):
        tell(f"unweave: {message}")
    else:
        others(message, category, *where)


def _fail(sentence: str, status: int) -> int:
    tell(f"unweave: {sentence}")
    return status
