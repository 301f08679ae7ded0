"""What mkdocs does besides: pages from outside this folder, and a reference that follows the registries.

- results/, CHANGELOG.md and CONTRIBUTING.md are pages of the site too. Links to them are written as they work in the
  repository (`../results/pinwheel.md`), and lose one `../` here.
- A line `::: every METHODS` on a page becomes a `:::` line for each module of that registry, so that something new
  is in the reference without a line of its own.
"""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
OUTSIDE = re.compile(r"\]\(((?:\.\./)*)\.\./(?=results/|CHANGELOG\.md|CONTRIBUTING\.md)")
EVERY = re.compile(r"^::: every (\w+)$", re.MULTILINE)

sys.path.insert(0, str(ROOT / "src"))


def on_files(files: Any, config: Any) -> Any:
    """Add what lies outside docs/."""
    found = [*ROOT.glob("results/*.md"), *ROOT.glob("results/*.png"), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
    for path in sorted(found):
        files.append(File(path.relative_to(ROOT).as_posix(), str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links as they are in the site, and a line for each module of a registry."""
    return EVERY.sub(lambda found: modules(found[1]), OUTSIDE.sub(r"](\1", markdown))


def modules(registry: str) -> str:
    """`:::` lines for the modules behind a registry, each once, in its order."""
    from unweave.base import registry as registries

    targets = getattr(registries, registry).table.values()
    return "\n\n".join(f"::: {module}" for module in dict.fromkeys(target.partition(":")[0] for target in targets))
