"""Prints `name==version` for the lowest version of each dependency in pyproject.toml but those named as arguments."""

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = ("test", "data", "images", "tables")


def lowest(requirement: str) -> tuple[str, str] | None:
    """Name and lowest version of a requirement such as numpy>=1.26; None without one."""
    found = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*(?:>=|==)\s*([0-9][0-9.]*)", requirement)
    return None if found is None else (found[1], found[2])


def main(besides: list[str]) -> None:
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for name in EXTRAS for each in extras[name])]
    for pair in map(lowest, wanted):
        if pair is not None and pair[0] not in besides:
            print(f"{pair[0]}=={pair[1]}")


if __name__ == "__main__":
    main(sys.argv[1:])
