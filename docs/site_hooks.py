"""What mkdocs does besides: pages from outside this folder, and a reference that follows the registries.

- results/, CHANGELOG.md and CONTRIBUTING.md are pages of the site too. Links to them are written as they work in the
  repository (`../results/pinwheel.md`), and lose one `../` here.
- A line `::: every METHODS` on a page becomes a `:::` line for each module of that registry, so that something new
  is in the reference without a line of its own.
- A line `::: table NAME` becomes one of the tables of what the classes of metrics say of themselves: `measures`,
  `accepts`, `presets` or `follows`.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

ROOT = Path(__file__).parent.parent
OUTSIDE = re.compile(r"\]\(((?:\.\./)*)\.\./(?=results/|CHANGELOG\.md|CONTRIBUTING\.md)")
EVERY = re.compile(r"^::: every (\w+)$", re.MULTILINE)
TABLE = re.compile(r"^::: table (\w+)$", re.MULTILINE)

sys.path.insert(0, str(ROOT / "src"))


def on_files(files: Any, config: Any) -> Any:
    """Add what lies outside docs/."""
    from mkdocs.structure.files import File  # late: the tables are tested without it

    found = [*ROOT.glob("results/*.md"), *ROOT.glob("results/*.png"), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    for path in sorted(found):
        files.append(File(path.relative_to(ROOT).as_posix(), str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links as they are in the site, a line for each module of a registry, and the tables of metrics."""
    inside = OUTSIDE.sub(r"](\1", markdown)
    return TABLE.sub(lambda found: TABLES[found[1]](), EVERY.sub(lambda found: modules(found[1]), inside))


def modules(registry: str) -> str:
    """`:::` lines for the modules behind a registry, each once, in its order."""
    from unweave.base import registry as registries

    targets = getattr(registries, registry).table.values()
    return "\n\n".join(f"::: {module}" for module in dict.fromkeys(target.partition(":")[0] for target in targets))


def shipped(*tables: str) -> dict[str, Any]:
    """The classes of these registries by name, without those of other packages."""
    from unweave.base import registry

    return {name: registry.ALL[table].get(name) for table in tables for name in registry.ALL[table].table}


def table(heads: str, rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; `heads` has commas between."""
    names = heads.split(", ")
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measures() -> str:
    """What each metric and comparison measures, from where to where, and how it is misread."""
    heads = "metric, measures, range, no calibration needed to know, trap"
    every = shipped("metrics", "comparisons").items()
    return table(heads, ([name, of.measures, of.lies_in, of.known, of.trap] for name, of in every))


def accepts() -> str:
    """Which interval each metric has and what becomes of unusual factors and codes."""
    rows = [
        [
            name,
            of.interval,
            continuous(of),
            "left out" if of.uses_factors else "no factors",
            f"used: {of.categories_count}" if of.takes_categories else "left out",
        ]
        for name, of in shipped("metrics").items()
    ]
    return table("metric, interval, continuous factors, unknown (NaN), categorical codes", rows)


def continuous(of: Any) -> str:
    """Whether factors that are no whole numbers are scored, or with which settings they are."""
    from unweave.base.settings import settings_of

    if not of.uses_factors:
        return "no factors"
    if of().takes_continuous():
        return "yes"
    chosen = {s.name: get_args(s.type) for s in settings_of(of) if get_origin(s.type) is Literal and s.name != "preset"}
    ways = [(name, value) for name, values in chosen.items() for value in values]
    return ", ".join(f"`{name}={value}`" for name, value in ways if of(**{name: value}).takes_continuous()) or "no"


def presets() -> str:
    """Whose protocol each preset is."""
    every = shipped("metrics").items()
    rows = [[name, f"`{key}`", each.text, each.sets] for name, of in every for key, each in of.presets.items()]
    return table("metric, preset, text, what it sets", rows)


def follows() -> str:
    """Which text the defaults follow, where there are no presets."""
    every = shipped("metrics", "comparisons").items()
    return table(
        "metric, defaults follow, to match another text",
        ([name, of.follows, of.to_match] for name, of in every if of.follows),
    )


TABLES = {"measures": measures, "accepts": accepts, "presets": presets, "follows": follows}
