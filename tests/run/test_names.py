"""Names that the user gives to latents."""

import json
import threading

import pytest

from unweave.base.errors import InputError
from unweave.run.names import FILE, LONGEST, check_sayable, meant, read_names, save_name


def test_names_are_kept_and_taken_back(tmp_path):
    assert read_names(tmp_path, 4) == {}
    save_name(tmp_path, 4, 2, "  width ", star=False)
    told = save_name(tmp_path, 4, 0, "", star=True)
    assert list(told.items()) == [("0", {"name": "", "star": True}), ("2", {"name": "width", "star": False})]
    assert json.loads((tmp_path / FILE).read_text())["format"] == 1
    save_name(tmp_path, 4, 2, "", star=False)
    assert read_names(tmp_path, 4) == {"0": {"name": "", "star": True}}
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    ("latent", "name", "star", "rule"),
    [
        (4, "x", False, "latent must be a number from 0 to 3, got 4"),
        (-1, "x", False, "got -1"),
        (True, "x", False, "latent must be a number from 0 to 3, got True"),
        ("0", "x", False, "got '0'"),
        (0, "x" * (LONGEST + 1), False, "60 printable characters or fewer"),
        (0, "two\nlines", False, "printable"),
        (0, None, False, "name must be text"),
        (0, "x", "yes", "star must be"),
    ],
)
def test_what_is_no_name_is_refused(tmp_path, latent, name, star, rule):
    with pytest.raises(InputError, match=rule):
        save_name(tmp_path, 4, latent, name, star)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "cannot be read as JSON"),
        ('{"format": 2}', "upgrade unweave"),
        ('{"format": 1, "latents": {"9": {"name": "x", "star": false}}}', "from 0 to 3, got 9"),
        ('{"format": 1, "latents": {"x": {}}}', "mend or remove it"),
        ('{"format": 1, "latents": 3}', "mend or remove it"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_left_alone(tmp_path, text, rule):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match=rule) as refused:
        save_name(tmp_path, 4, 0, "x", star=False)
    assert FILE in str(refused.value)
    assert (tmp_path / FILE).read_text() == text


def test_hands_that_write_at_once_lose_nothing(tmp_path):
    hands = [threading.Thread(target=save_name, args=(tmp_path, 8, j, f"n{j}", False)) for j in range(8)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert {name["name"] for name in read_names(tmp_path, 8).values()} == {f"n{j}" for j in range(8)}


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("z3", "number of another latent"),
        ("category", "category and class"),
        ("class", "category and class"),
        ("wide,tall", "commas"),
        ("a=b", "equals signs"),
        ("width", "z0 has it"),
    ],
)
def test_names_that_could_mean_something_else_are_refused_where_they_are_set(name, rule):
    with pytest.raises(InputError, match=f"name must .*{rule}.* for z1"):
        check_sayable({0: "width", 1: name}, 1)


def test_a_latents_own_number_and_no_name_are_fine():
    for name in ("z1", "", "z", "z1 of them"):
        check_sayable({0: "", 1: name}, 1)


def test_a_number_always_means_its_latent_and_a_shared_name_none(tmp_path):
    for latent, name in enumerate(("z2", "a", "", "a", "class", "b")):
        save_name(tmp_path, 6, latent, name, star=True)  # as the explorer does
    assert meant(tmp_path, 6, ["z2", "b"]) == {**{f"z{j}": j for j in range(6)}, "a": 1, "b": 5}
    with pytest.raises(InputError, match="set must name one latent, got a, as z1 and z3"):
        meant(tmp_path, 6, ["a"])
