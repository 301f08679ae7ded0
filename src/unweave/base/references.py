"""What to cite: the texts that methods, metrics, priors, nets and data sets come from, as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.resources import files

from unweave.base.registry import ALL

AFTER = re.compile(r"\bSources?:")  # what begins the part of a docstring that names texts
NAMED = re.compile(r"[A-Z][\w-]+(?: et al\.)? (?:19|20)\d\d")  # the last author and the year of a text
TITLE = "unweave: disentangled representations, learned, shown and scored"


@dataclass(frozen=True)
class Reference:
    """One text: its key, how docstrings name it, its kind and fields in BibTeX."""

    key: str
    cited: str
    type: str
    fields: Mapping[str, str] = field(hash=False)

    @property
    def address(self) -> str | None:
        """Where it can be read."""
        eprint = self.fields.get("eprint")
        return f"https://arxiv.org/abs/{eprint}" if eprint else self.fields.get("url")

    @property
    def bibtex(self) -> str:
        """The entry.

        >>> print(cited_in("Source: Burda et al. 2016.")[0].bibtex)
        @inproceedings{burda2016,
          author = {Burda, Yuri and Grosse, Roger and Salakhutdinov, Ruslan},
          title = {Importance Weighted Autoencoders},
          booktitle = {International Conference on Learning Representations},
          year = {2016},
          eprint = {1509.00519},
          archiveprefix = {arXiv},
        }
        """
        fields = {**self.fields, **({"archiveprefix": "arXiv"} if "eprint" in self.fields else {})}
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
        return "\n".join([f"@{self.type}{{{self.key},", *lines, "}"])


@cache
def known() -> tuple[Reference, ...]:
    """Every text of references.yaml."""
    import yaml

    held = yaml.safe_load(files("unweave.base").joinpath("references.yaml").read_text("utf-8"))
    made: list[Reference] = []
    for key, entry in held.items():
        fields = {name: str(value) for name, value in entry.items() if name not in ("cited", "type")}
        made.append(Reference(key, entry["cited"], entry["type"], fields))
    return tuple(made)


def sources_in(doc: str) -> str:
    r"""What a docstring says after "Source:", on one line; empty where it names none.

    >>> sources_in("Codes. Source: Kim & Mnih\n    2018.\n\n    >>> 1")
    'Kim and Mnih 2018.'
    """
    found = AFTER.search(doc)
    if found is None:
        return ""
    return " ".join(doc[found.end() :].split("\n\n")[0].split()).replace(" & ", " and ")


def cited_in(doc: str) -> list[Reference]:
    """The texts that a docstring names as its sources, in its order, by author and year or by address."""
    text = sources_in(doc)
    places = {each: [text.find(sign) for sign in (each.cited, each.address) if sign] for each in known()}
    found = {each: min(at for at in own if at >= 0) for each, own in places.items() if max(own) >= 0}
    return sorted(found, key=lambda each: found[each])


def doc_of(cls: type) -> str:
    """The docstring that names the sources of a class: its own, or that of the class it is made from."""
    docs = [base.__dict__.get("__doc__") or "" for base in cls.__mro__]
    return next((doc for doc in docs if AFTER.search(doc)), "")


def named(name: str) -> dict[str, str]:
    """Docstrings of all registered things of this name, by what they are called; empty where there is none."""
    return {f"{name} ({table.kind})": doc_of(table.get(name)) for table in ALL.values() if name in table.names()}


def bibliography(docs: Mapping[str, str]) -> str:
    """BibTeX of all that docstrings, by the name of what they describe, give as sources; each text once.

    Before an entry stands what it is for. Sources of which one is in no list of ours are given in their own words.

    >>> print(bibliography({"mine": "Source: Doe 1999, https://example.org."}))
    % mine: Doe 1999, https://example.org.
    """
    uses: dict[Reference, list[str]] = {}
    unknown: list[str] = []
    nothing = [name for name, doc in docs.items() if not sources_in(doc)]
    for name, doc in docs.items():
        found = cited_in(doc)
        for each in found:
            uses.setdefault(each, []).append(name)
        text = sources_in(doc)
        if text and len(found) < max(1, len(set(NAMED.findall(text)))):
            unknown.append(f"% {name}: {text}")
    entries = [f"% {', '.join(names)}\n{each.bibtex}" for each, names in uses.items()]
    return "\n\n".join([*entries, *unknown, *([f"% nothing else to cite: {', '.join(nothing)}"] if nothing else [])])


def own() -> str:
    """BibTeX of unweave itself."""
    fields = {"author": "{The unweave authors}", "title": "{" + TITLE + "}", "note": f"Version {version('unweave')}"}
    return Reference("unweave", "", "software", fields).bibtex
