"""The page about metrics: what its tables say of every metric holds, and the measured one is what the script makes."""

import importlib.util
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from unweave.base import registry
from unweave.base.errors import InputError
from unweave.base.settings import build
from unweave.contracts import worlds
from unweave.metrics.aggregate import PriorOnly
from unweave.metrics.base import LEFT_OUT, FactorMetric
from unweave.metrics.calibration import calibrates
from unweave.metrics.probe import Probe
from unweave.models.distributions.isotropic import IsotropicPrior

ROOT = Path(__file__).parents[1]


def loaded(path):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hooks, script = loaded("docs/site_hooks.py"), loaded("benchmarks/calibration.py")
PAGE = hooks.on_page_markdown((ROOT / "docs" / "metrics.md").read_text("utf-8"))


def rows(text):
    """First numbers of each row of a table, by the row's name."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.strip()]
    return lines[0], {line[0]: [float(re.match(r"-?[\d.]+", cell)[0]) for cell in line[1:]] for line in lines[2:]}


TABLE = PAGE.partition(script.BEGIN)[2].partition(script.END)[0]
METRICS = hooks.shipped("metrics")


@pytest.mark.parametrize(("name", "of"), hooks.shipped("metrics", "comparisons").items())
def test_every_metric_says_what_the_tables_show(name, of):
    assert all((of.measures, of.lies_in, of.interval))
    assert bool(of.presets) or bool(of.follows) or not issubclass(of, FactorMetric)
    assert "|" not in "".join((of.measures, of.lies_in, of.known, of.trap, of.interval, of.follows, of.to_match))


@pytest.mark.parametrize(("name", "of"), [(name, of) for name, of in METRICS.items() if of.presets])
def test_every_preset_names_its_text_and_can_be_chosen(name, of):
    for key, preset in of.presets.items():
        assert f"| {name} | `{key}` | {preset.text} | {preset.sets} |" in PAGE
        assert of(preset=key).preset == key
    with pytest.raises(InputError, match="preset must be"):
        of(preset="nobody")


def test_the_measured_table_is_of_metrics_that_can_be_calibrated():
    able = [name for name, of in METRICS.items() if calibrates(of())]
    assert [name for name in able if name in rows(TABLE)[1]] == list(rows(TABLE)[1])
    assert len(rows(TABLE)[1]) >= 10  # a new metric may come without a row


@pytest.mark.parametrize("name", ["factor-vae-score", "mig", "irs"])
def test_the_table_is_what_the_script_makes(name):
    heads, kept = rows(TABLE)
    made_heads, made = rows(script.table([name], 20_000, 7))
    assert heads == made_heads
    assert made[name] == pytest.approx(kept[name], abs=0.002)


def accepted():
    """Cells of the table of what is accepted, by metric and heading."""
    lines = hooks.accepts().splitlines()
    heads, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
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


NAMES = [name for name, of in METRICS.items() if "data" not in of.needs]  # others want images and a decoder


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_who_takes_continuous_factors(name):
    accepted, categories = ACCEPTED[name]["continuous factors"], np.arange(ROWS)[:, None] % 3
    probe = probed(FULL.factors + 0.5, categories=categories)
    if accepted in ("yes", "no factors"):
        assert quick(name).refuses(probe) is None
        assert accepted == "no factors" or np.isfinite(quick(name)(probe).value)
        return
    assert "is continuous" in quick(name).refuses(probe)
    assert bool(settings_in(accepted)) == (accepted != "no")
    for given in settings_in(accepted):
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
    if score.interval is None:
        assert re.search("none|from [0-9,]+ rows", ACCEPTED[name]["interval"])
        assert score.settings["no_interval"]
        return
    assert score.interval[0] <= score.value <= score.interval[1]
    assert "none" not in ACCEPTED[name]["interval"]


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
