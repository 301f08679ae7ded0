"""The page about metrics: it names every metric and preset, and its table is what the script makes."""

import importlib
import importlib.util
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from unweave.base import registry
from unweave.base.settings import build
from unweave.contracts import worlds
from unweave.metrics.aggregate import PriorOnly
from unweave.metrics.base import LEFT_OUT
from unweave.metrics.calibration import calibrates
from unweave.metrics.probe import Probe
from unweave.metrics.scores.factor_vae_score import PRESETS
from unweave.models.distributions.isotropic import IsotropicPrior

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")

spec = importlib.util.spec_from_file_location("calibration_script", ROOT / "benchmarks" / "calibration.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)


def rows(text):
    """First numbers of each row of a table, by the row's name."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.strip()]
    return lines[0], {line[0]: [float(re.match(r"-?[\d.]+", cell)[0]) for cell in line[1:]] for line in lines[2:]}


WITH_PRESETS = ("beta_vae_score", "dci", "irs", "mig_sampled")
TABLE = PAGE.partition(script.BEGIN)[2].partition(script.END)[0]


@pytest.mark.parametrize("name", [*registry.metrics.names(), *registry.comparisons.names()])
def test_every_metric_is_on_the_page(name):
    assert re.search(rf"^\|[^|]*\b{name}\b", PAGE, re.MULTILINE)


def test_every_preset_is_on_the_page():
    assert all(f"| `{name}`" in PAGE for name in PRESETS)


def test_the_table_has_every_metric_that_can_be_calibrated():
    names = [name for name in registry.metrics.names() if calibrates(registry.metrics.get(name)())]
    assert list(rows(TABLE)[1]) == names


@pytest.mark.parametrize("name", ["factor-vae-score", "mig", "irs"])
def test_the_table_is_what_the_script_makes(name):
    heads, kept = rows(TABLE)
    made_heads, made = rows(script.table([name], 20_000, 7))
    assert heads == made_heads
    assert made[name] == pytest.approx(kept[name], abs=0.002)


NAMED = {
    module.__name__.rpartition(".")[2].replace("_", "-"): module.PRESETS
    for module in map(importlib.import_module, (f"unweave.metrics.{name}" for name in WITH_PRESETS))
}


@pytest.mark.parametrize(("metric", "preset"), [(metric, each) for metric, every in NAMED.items() for each in every])
def test_every_preset_of_every_metric_names_its_text(metric, preset):
    assert f"| {metric} | `{preset}` |" in PAGE


def accepted():
    """Cells of the table of what is accepted, by metric and heading."""
    part = PAGE.partition("<!-- accepted: begin -->")[2].partition("<!-- accepted: end -->")[0]
    heads, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.strip().splitlines()]
    return {line[0]: dict(zip(heads[1:], line[1:], strict=True)) for line in lines}


ACCEPTED = accepted()
ROWS = 300
FULL = worlds.noisy(worlds.rotated(ROWS), 0.2)


def probed(factors, **more):
    scale = np.full(FULL.codes.shape, 0.3)
    return Probe(FULL.codes, factors, factor_names=FULL.names, scale=scale, model=PriorOnly(IsotropicPrior(5)), **more)


QUICK = {
    "dci": {"trees": 5},
    "factor-vae-score": {"votes": 500, "held_out": 500},
    "beta-vae-score": {"train": 500, "test": 500},
    "prior-match": {"n": 200},
}


def quick(name, **given):
    """The metric with fewer trees, votes and points."""
    return build(registry.metrics.get(name), {**QUICK.get(name, {}), **given}, of=name)


@cache
def with_gaps(name):
    """Score of rows of which some lack a factor, with a category that says nothing."""
    factors = np.where(np.arange(5 * ROWS).reshape(ROWS, 5) % 29, FULL.factors, np.nan)
    return quick(name)(probed(factors, categories=np.arange(ROWS)[:, None] % 3))


def settings_in(cell):
    """The settings that a cell names, one by one."""
    return [dict([text.split("=")]) for text in re.findall(r"`(\w+=[\w-]+)`", cell)]


NAMES = [name for name in registry.metrics.names() if name != "iwae"]  # which needs images and a decoder


def test_the_table_has_every_metric():
    assert sorted(ACCEPTED) == sorted(registry.metrics.names())


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_who_takes_continuous_factors(name):
    told, categories = ACCEPTED[name]["continuous factors"], np.arange(ROWS)[:, None] % 3
    probe = probed(FULL.factors + 0.5, categories=categories)
    if told in ("yes", "no factors"):
        assert quick(name).refuses(probe) is None
        assert told == "no factors" or np.isfinite(quick(name)(probe).value)
        return
    assert "is continuous" in quick(name).refuses(probe)
    assert bool(settings_in(told)) == (told != "no")
    for given in settings_in(told):
        assert np.isfinite(quick(name, **given)(probe).value)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_what_becomes_of_unknown_factors_and_of_categories(name):
    score = with_gaps(name)
    assert score.settings["rows_without_factors"] > 20
    assert np.isfinite(score.value)
    used = ACCEPTED[name]["categorical codes"].startswith("used")
    assert score.settings["categorical_codes"] == ("used" if used else LEFT_OUT)
    assert used == registry.metrics.get(name).takes_categories


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_who_has_an_interval(name):
    score = with_gaps(name)
    assert score.interval is not None
    assert score.interval[0] <= score.value <= score.interval[1]
    assert "none" not in ACCEPTED[name]["interval"] or name == "dci"


@pytest.mark.parametrize("name", [name for name in NAMES if "factors" in registry.metrics.get(name).needs])
def test_a_part_of_a_grid_is_scored(name):
    """Factors that hang together: no row has a large shape number and a large x."""
    kept = FULL.factors[:, 0] * 16 + FULL.factors[:, 3] < 32
    probe = Probe(FULL.codes[kept], FULL.factors[kept], scale=np.full((int(kept.sum()), 5), 0.3))
    assert np.isfinite(quick(name)(probe).value)


@pytest.mark.parametrize("name", [n for n in NAMES if ACCEPTED[n]["categorical codes"].startswith("used")])
def test_a_used_category_changes_the_score_and_one_kept_out_does_not(name):
    """The category tells shape, of which the codes say nothing, and nothing of scale either."""
    world = worlds.missing("shape", "scale", n=ROWS)
    without, beside = (
        Probe(world.codes, world.factors, factor_names=world.names, categories=categories)
        for categories in (None, world.factors[:, :1])
    )
    score = quick(name)(beside)
    if name == "cluster-accuracy":
        assert score.value == 1.0
        return
    alone = quick(name)(without)
    assert (score.value, score.parts) != (alone.value, alone.parts)
    assert quick(name, categorical=False)(beside).value == alone.value
