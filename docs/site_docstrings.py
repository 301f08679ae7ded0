"""What griffe does besides, so that the reference shows what the source says.

- Examples in docstrings (`>>> ...`) become blocks of code, up to the next empty line.
- Settings, `Annotated[type, "help"] = default`, become a table below the docstring of their class.
"""

import ast
import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


class Reference(griffe.Extension):
    """Fence the doctests of every docstring, and list the settings of a class."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each module, class, function and attribute once it is known."""
        if obj.docstring is None:
            return
        obj.docstring.value = EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", obj.docstring.value)
        rows = [row for member in obj.members.values() if (row := setting(member))] if obj.is_class else []
        if rows:
            table = ["| setting | type | default | |", "|---|---|---|---|", *rows]
            obj.docstring.value += "\n\n" + "\n".join(table)


def setting(member: griffe.Object | griffe.Alias) -> str | None:
    """A row of the table; None for what is no setting."""
    annotation = getattr(member, "annotation", None)
    if member.is_alias or not isinstance(annotation, griffe.ExprSubscript) or str(annotation.left) != "Annotated":
        return None
    kind, told, *_ = ast.parse(str(annotation.slice), mode="eval").body.elts  # type: ignore[attr-defined]
    if not isinstance(told, ast.Constant):
        return None
    given = getattr(member, "value", None)
    cells = [f"`{member.name}`", f"`{ast.unparse(kind)}`", f"`{given}`" if given is not None else "", told.value]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
