"""Help is a setting of the run: recorded, hashed, resumed to the byte, said everywhere; without it nothing changes."""

import pytest

from unweave.base.errors import InputError
from unweave.engine.help import Help
from unweave.engine.spec import Spec


def pairs_file(path, rows=((0, 1), (2, 3), (4, 9), (7, 8))):
    path.write_text("first,second\n" + "\n".join(f"{a},{b}" for a, b in rows))
    return str(path)


def test_without_help_files_and_hashes_are_those_of_before(tiny):
    spec = tiny("beta-vae")
    assert "help" not in spec.plain()
    assert spec.help == Help()
    assert "saw" not in spec.title
    assert spec.hash == "b248ac32"


@pytest.mark.parametrize(
    "settings", [{}, {"pairs_differ": 2}, {"pairs_differ": None}, {"pairs": "neighbours", "pairs_within": 3}], ids=str
)
def test_pairs_are_kept_with_the_run(settings, tiny):
    spec = tiny("ada-gvae", **settings)
    again = Spec.from_plain(spec.plain())
    assert again == spec
    assert again.hash == spec.hash
    assert again.help.pairs == settings.get("pairs", "factors")
    assert "saw pairs" in spec.title
    assert (spec.hash == tiny("ada-gvae").hash) == (settings == {})


def test_a_table_counts_by_what_it_says(tiny, tmp_path):
    first = tiny("ada-gvae", pairs=pairs_file(tmp_path / "a.csv"))
    moved = tiny("ada-gvae", pairs=pairs_file(tmp_path / "b.csv"))
    other = tiny("ada-gvae", pairs=pairs_file(tmp_path / "c.csv", [(0, 2)] * 4))
    assert first.hash == moved.hash != other.hash
    pairs_file(tmp_path / "a.csv", [(5, 6)] * 4)
    with pytest.raises(InputError, match="pairs must be those the run began with"):
        first.help.partners(first.dataset)


@pytest.mark.parametrize("method", ["ada-gvae", "group-vae"])
def test_pairs_of_a_table_resume_to_the_byte(method, tiny, ends_alike, tmp_path):
    ends_alike(tiny(method, pairs=pairs_file(tmp_path / "pairs.csv")), 5)


@pytest.mark.parametrize(
    ("method", "settings", "rule"),
    [
        ("beta-vae", {"pairs": "factors"}, "pairs must be given to a method that learns from pairs"),
        ("ada-gvae", {"pairs_within": 2}, "pairs_within must be left out unless pairs are neighbours"),
        ("ada-gvae", {"pairs": "neighbours", "pairs_differ": 2}, "pairs_differ must be left out unless"),
        ("ada-gvae", {"pairs": "nowhere.csv"}, "that can be read"),
        ("ada-gvae", {"leave_out": "shape=2,scale=0-1"}, "leave_out must be left out for ada-gvae"),
        ("vae", {"leave_out": "shape=2"}, "2 factors or more"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(method, settings, rule, tiny):
    with pytest.raises(InputError, match=rule):
        tiny(method, **settings)


def test_a_combination_left_out_is_never_seen_and_resumed_to_the_byte(tiny, ends_alike):
    spec = tiny("factor-vae", leave_out="shape=0-1,scale=0-4", standardise_every=5)
    assert spec.title.endswith("never saw shape=0-1,scale=0-4")
    assert spec.images == len(spec.kept) == len(spec.dataset) - 2 * 5 * 40 * 32 * 32
    seen = []
    images = type(spec.dataset).images

    def noted(self, numbers):
        seen.extend(numbers.tolist())
        return images(self, numbers)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(spec.dataset), "images", noted)
        ends_alike(spec, 5)
    assert set(seen) <= set(spec.kept.tolist())
