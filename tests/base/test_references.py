"""What to cite: every text that a docstring names is known, and each stands once with all that it is for."""

import re

import pytest

from unweave.base.references import NAMED, bibliography, cited_in, doc_of, known, named, sources_in
from unweave.base.registry import ALL

WHOLE = 76  # registered things whose sources are all known
NEED = ("methods", "metrics", "comparisons")
OURS = ("identity", "circle", "tree", "folder", "array", "table")  # data that come from no text
PUBLISHED = [name for name in ALL["data"].table if name not in OURS]


@pytest.mark.parametrize("name", [*(name for kind in NEED for name in ALL[kind].table), *PUBLISHED])
def test_methods_scores_and_published_data_name_a_text(name):
    assert any(sources_in(doc) for doc in named(name).values())


def test_all_known_texts_are_used_and_what_is_shipped_today_comes_from_known_ones():
    """A new thing may cite a text that is in no list, in its own words; none of today's may fall out of it."""
    docs = [doc for kind in ALL for name in ALL[kind].table if sources_in(doc := doc_of(ALL[kind].get(name)))]
    assert {each for doc in docs for each in cited_in(doc)} == set(known())
    whole = [doc for doc in docs if cited_in(doc) and len(cited_in(doc)) >= len(set(NAMED.findall(sources_in(doc))))]
    assert len(whole) >= WHOLE


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
    assert re.sub(r"""[{}\\"']""", "", names[0]).startswith(surname)  # without accents, as docstrings write it
    assert (" et al." in entry.cited) == (len(names) > 2)


def test_a_text_stands_once_with_all_that_it_is_for():
    text = bibliography({**named("factor-vae"), **named("factor-vae-score"), **named("mlp")})
    assert text.count("@inproceedings{kim2018,") == 1
    assert "% factor-vae (method), factor-vae-score (metric)\n@inproceedings{kim2018," in text
    assert text.endswith("% nothing else to cite: mlp (net)")


def test_an_unknown_source_is_given_in_its_own_words():
    assert bibliography({"ours": "A net. Source: Doe and\n    Roe 1999.\n\n    More."}) == "% ours: Doe and Roe 1999."
    both = bibliography({"ours": "Sources: Kim and Mnih 2018; Doe et al. 1999."})
    assert "@inproceedings{kim2018," in both
    assert both.endswith("% ours: Kim and Mnih 2018; Doe et al. 1999.")
