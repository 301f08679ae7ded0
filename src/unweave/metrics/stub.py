"""Writes `__init__.pyi` beside `__init__.py`, so that editors know the functions that are made from the classes.

python -m unweave.metrics.stub
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from unweave.metrics.functions import function_of, python_name, tables

PLACE = Path(__file__).with_name("__init__.pyi")
HEAD = '''"""What editors see of unweave.metrics: written by python -m unweave.metrics.stub, not by hand."""

from collections.abc import Iterable
from typing import Any, Literal

from unweave.base.records import Images
from unweave.base.records import Score as Score
from unweave.metrics.calibration import calibrated as calibrated
from unweave.metrics.calibration import verdict as verdict
from unweave.metrics.comparison import Comparison as Comparison
from unweave.metrics.functions import function_of as function_of
from unweave.metrics.probe import Encoded as Encoded
from unweave.metrics.probe import Probe as Probe

'''


def text() -> str:
    """The stub of all that unweave itself brings."""
    made = [(name, table.summary(name), table.table[name]) for table in tables() for name in table.table]
    return HEAD + "\n".join(_function(*each) for each in made)


def _function(name: str, summary: str, place: str) -> str:
    """One function, an argument a line, as ruff would format it."""
    lines: list[str] = []
    for each in inspect.signature(function_of(name)).parameters.values():
        if each.kind is each.KEYWORD_ONLY and "    *," not in lines:
            lines.append("    *,")
        default = "" if each.default is each.empty else f" = {each.default!r}".replace("'", '"')
        lines.append(f"    {each.name}: {_type(each.annotation)}{default},")
    doc = f'    """{summary}\n\n    Settings and equation: {place.replace(":", ".")}.\n    """'
    return "\n".join([f"def {python_name(name)}(", *lines, ") -> Score:", doc, ""])


def _type(hint: Any) -> str:
    """A type as source."""
    shown = hint if isinstance(hint, str) else hint.__name__ if isinstance(hint, type) else repr(hint)
    return shown.replace("typing.", "").replace("'", '"')


if __name__ == "__main__":
    PLACE.write_text(text(), "utf-8")
