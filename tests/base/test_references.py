"""What to cite: every text that a docstring names is known, and each stands once with all that it is for."""

import re

import pytest

from unweave.base.references import NAMED, bibliography, cited_in, doc_of, known, named, sources_in
from unweave.base.registry import ALL

NEED = ("methods", "metrics", "comparisons")
PUBLISHED = [name for name in ALL["data"].table if name not in ("identity", "folder", "array", "table")]


@pytest.mark.parametrize("name", [*(name for kind in NEED for name in ALL[kind].table), *PUBLISHED])
def test_methods_scores_and_published_data_come_from_a_known_text(name):
    assert any(cited_in(doc) for doc in named(name).values())


def test_all_sources_of_registered_things_are_known_and_all_known_texts_are_used():
    docs = {f"{kind} {name}": doc_of(ALL[kind].get(name)) for kind in ALL for name in ALL[kind].table}
    for name, doc in docs.items():
        assert len(cited_in(doc)) >= len(set(NAMED.findall(sources_in(doc)))), name
        assert bool(cited_in(doc)) == bool(sources_in(doc)), name
    assert {each for doc in docs.values() for each in cited_in(doc)} == set(known())


@pytest.mark.parametrize("entry", known(), ids=lambda entry: entry.key)
def test_entries_are_whole(entry):
    assert entry.type in ("inproceedings", "article", "misc")
    assert {"author", "title", "year"} <= entry.fields.keys()
    assert ("booktitle" in entry.fields) == (entry.type == "inproceedings")
    assert ("journal" in entry.fields) == (entry.type == "article")
    assert entry.cited.endswith(entry.fields["year"])
    assert entry.key.startswith(re.sub(r"\W", "", entry.cited.split(" et al.")[0].split(" and ")[0].lower())[:6])
    assert entry.bibtex.isascii()
    assert entry.bibtex.count("{") == entry.bibtex.count("}")
    names = entry.fields["author"].split(" and ")
    assert all(name.count(", ") == 1 for name in names)
    surname = entry.cited.split()[0]
    assert names[0].startswith(surname)
    assert (" et al." in entry.cited) == (len(names) > 2)


def test_a_text_stands_once_with_all_that_it_is_for():
    told = bibliography({**named("factor-vae"), **named("factor-vae-score"), **named("mlp")})
    assert told.count("@inproceedings{kim2018,") == 1
    assert "% factor-vae (method), factor-vae-score (metric)\n@inproceedings{kim2018," in told
    assert told.endswith("% nothing else to cite: mlp (net)")


def test_an_unknown_source_is_given_in_its_own_words():
    assert bibliography({"ours": "A net. Source: Doe and\n    Roe 1999.\n\n    More."}) == "% ours: Doe and Roe 1999."
    both = bibliography({"ours": "Sources: Kim and Mnih 2018; Doe et al. 1999."})
    assert "@inproceedings{kim2018," in both
    assert both.endswith("% ours: Kim and Mnih 2018; Doe et al. 1999.")
