"""Each file of a run cut, emptied, with one bit changed, or swapped: noticed or harmless, never silently wrong."""

import shutil
import warnings

import pytest

from unweave.base.errors import InputError, Noted
from unweave.engine import Spec, train
from unweave.run.run import Run

from .test_crash_points import SMALL

FILES = (  # a study's trial.json and a cache's arrays have tests of their own
    "settings.json",
    "weights.safetensors",
    "log.jsonl",
    "scores.jsonl",
    "done.json",
    "metrics.json",
    "doctor.json",
)
PLACES, FEW = 20, 3  # of changed bits: all of them in `make test-faults`, the first, middle and last in the fast suite


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two runs that differ in their seed, scored and looked at."""
    home = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unweave.run.run.POOL", 60)
        for seed in (0, 1):
            run = Run(train(Spec.make("vae", **{**SMALL, "seed": seed, "score_every": 2}), home / str(seed)))
            run.evaluate(["mig"], calibrate=False)
            run.book().findings()
    return home / "0", home / "1"


def damaged(data: bytes, other: bytes, places: int):
    """The ways in which a file is damaged."""
    yield "emptied", b""
    yield "cut", data[: len(data) // 2]
    yield "swapped", other
    for part in range(places):
        at = part * (len(data) - 1) // (places - 1)
        yield f"bit {at}", data[:at] + bytes([data[at] ^ 1 << part % 8]) + data[at + 1 :]


def seen(place):
    """What a run shows, None where it is refused, and whether anything was told."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", Noted)
        try:
            run = Run(place)
            codes = run.encode(run.reference_images(8)).numpy().tobytes()
            scores = {name: score.as_json() for name, score in run.scores.items()}
            findings = [finding.as_json() for finding in run.book().findings()]
            shown = (codes, run.settings, run.log, run.progress, run.done["steps"], run.done["last"], findings)
        except InputError:
            return None, {}, True
    return shown, scores, any(each.category is Noted for each in told)


@pytest.mark.parametrize("name", FILES)
def test_damage_is_noticed_or_harmless(name, two, tmp_path, monkeypatch):
    all_damage(name, two, tmp_path, monkeypatch, FEW)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FILES)
def test_much_damage_is_noticed_or_harmless(name, two, tmp_path, monkeypatch, capsys):
    count, noticed = all_damage(name, two, tmp_path, monkeypatch, PLACES)
    with capsys.disabled():
        print(f"\n{name}: {count} damages, {noticed} told, 0 silently wrong")


def all_damage(name, two, tmp_path, monkeypatch, places):
    """How many ways were tried, and how many of them were told; none may be silently wrong."""
    monkeypatch.setattr("unweave.run.run.POOL", 60)
    first, second = two
    truth, scores, _ = seen(first)
    noticed = count = 0
    for how, data in damaged((first / name).read_bytes(), (second / name).read_bytes(), places):
        place = shutil.copytree(first, tmp_path / "run", dirs_exist_ok=True)
        (place / name).write_bytes(data)
        shown, found, told = seen(place)
        assert told or (shown == truth and found.items() <= scores.items()), (name, how)
        noticed += told
        count += 1
        shutil.rmtree(place)
    assert noticed > count / 2
    return count, noticed
