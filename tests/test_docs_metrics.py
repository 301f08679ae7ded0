"""The page about metrics: it names every metric and preset, and its table is what the script makes."""

import importlib.util
import re
from pathlib import Path

import pytest

from unweave import registry
from unweave.metrics.calibration import calibrates
from unweave.metrics.factor_vae_score import PRESETS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")

spec = importlib.util.spec_from_file_location("calibration_script", ROOT / "benchmarks" / "calibration.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)


def rows(text):
    """First numbers of each row of a table, by the row's name."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.strip()]
    return lines[0], {line[0]: [float(re.match(r"-?[\d.]+", cell)[0]) for cell in line[1:]] for line in lines[2:]}


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
