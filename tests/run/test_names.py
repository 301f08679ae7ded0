"""Names that the user gives to latents."""

import json
import threading

import pytest

from unweave.base.errors import InputError
from unweave.run.names import FILE, LONGEST, read_names, save_name


def test_names_are_kept_and_taken_back(tmp_path):
    assert read_names(tmp_path, 4) == {}
    save_name(tmp_path, 4, 2, "  width ", star=False)
    assert save_name(tmp_path, 4, 0, "", star=True) == {
        "2": {"name": "width", "star": False},
        "0": {"name": "", "star": True},
    }
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
