"""How often the 95 % interval of each score holds what it is an interval of: the table of results/coverage.md.

    python -m benchmarks.coverage [--only mig,irs] [--rows 1000 2000 10000] [--draws 200] [--seconds 60]
                                  [--keep FILE] [--write results/coverage.md]

One model is one way from factors to codes (`KINDS`), fixed; a draw is fresh rows of it, factors at random, scored by
itself with a seed of its own. What an interval is an interval of is the mean of the score over such draws: what as many
other rows of this model would get. It is estimated by the mean over all draws of a cell, so that the bias of a score at
a number of rows is in both. A cell is the share of draws whose interval holds that mean, and beside it the interval's
width over that of an exact one (1.96 standard deviations of the draws on either side).

Every registered metric is tried, with every preset it has; parts with an interval of their own have a row too. A cell
takes `--draws` draws, fewer where these would take longer than `--seconds` of one processor, and `FEWEST` at least.
`--keep` remembers finished cells in a file, and the table is then made of all that is in it.
"""

import argparse
import json
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from torch import nn

from unweave.base import registry
from unweave.base.records import Latents, Score
from unweave.base.settings import build
from unweave.contracts.worlds import NAMES, SIZES, grid
from unweave.metrics.base import Metric
from unweave.metrics.probe import Probe
from unweave.metrics.scores.iwae import Shown
from unweave.models.distributions.isotropic import IsotropicPrior
from unweave.models.distributions.likelihoods import Gaussian
from unweave.models.vae import VAE

BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
FEWEST = 40  # draws of a cell
FIRST_SEED = 1_000
PIXELS = 8
TURN = np.eye(5) + 0.6 * np.random.default_rng(5).normal(size=(5, 5))


class Encoder(nn.Module):
    """Pixels to codes by a matrix, with one standard deviation."""

    def __init__(self, to_codes: torch.Tensor) -> None:
        super().__init__()
        self.to_codes = to_codes

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        mean = x.flatten(1) @ self.to_codes
        return {"mean": mean, "log_variance": torch.full_like(mean, 2 * math.log(0.3))}


class Decoder(nn.Module):
    """Codes to one row of pixels."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (z @ self.weight.T)[:, None, None, :]


WEIGHT = torch.randn(PIXELS, 5, generator=torch.Generator().manual_seed(0))


def linear_vae() -> VAE:
    encoder = Encoder(torch.linalg.pinv(WEIGHT).T)
    return VAE(encoder, Decoder(WEIGHT), IsotropicPrior(5), Gaussian(scale=0.5, squash=False), Latents(5), None).eval()


MODEL = linear_vae()


def clean(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A latent a factor, with a tenth of a standard deviation of noise."""
    return truth + 0.1 * rng.normal(size=truth.shape)


def mixed(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every latent of several factors, with noise."""
    return truth @ TURN + 0.3 * rng.normal(size=truth.shape)


def partial(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise in the place of shape, and half of orientation in the latent of scale."""
    codes = truth + 0.3 * rng.normal(size=truth.shape)
    codes[:, 0] = rng.normal(size=len(truth))
    codes[:, 1] += 0.5 * truth[:, 2]
    return codes


def noise(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Codes that know nothing."""
    return rng.normal(size=truth.shape)


KINDS = {"clean": clean, "mixed": mixed, "partial": partial, "noise": noise}


def pool(kind: str, n: int, seed: int) -> Probe:
    """`n` fresh rows of the model that `kind` names, with all that a metric may ask for."""
    rng = np.random.default_rng(seed)
    factors = grid(n, seed)
    sizes = np.array(SIZES)
    codes = KINDS[kind]((factors - (sizes - 1) / 2) / np.sqrt((sizes**2 - 1) / 12), rng)
    told = np.where(rng.random(n) < (0.0 if kind == "noise" else 0.8), factors[:, 0], rng.integers(3, size=n))
    images = torch.from_numpy(codes).float() @ WEIGHT.T + 0.5 * torch.from_numpy(rng.normal(size=(n, PIXELS)))
    data: Any = Shown(images.float()[:, None, None, :])
    return Probe(
        codes,
        factors,
        factor_names=NAMES,
        scale=0.3 * np.exp(0.3 * rng.normal(size=codes.shape)),
        categories=told,
        model=MODEL,
        data=data,
        numbers=np.arange(n),
        seed=seed,
    )


def cases(only: list[str]) -> Iterator[tuple[str, Metric]]:
    """Every registered metric, and each preset that is not its default, by what it is called."""
    for name in registry.metrics.names():
        of = registry.metrics.get(name)
        usual = getattr(of(), "preset", "")
        for preset in of.presets or ("",):
            called = name if preset == usual else f"{name} {preset}"
            if not only or called in only:
                yield called, build(of, {"preset": preset} if preset else {}, of=name)


def intervals(score: Score) -> dict[str, tuple[float, tuple[float, float]]]:
    """Value and interval of a score and of its parts that have one; "" is the score itself."""
    found = {} if score.interval is None or math.isnan(score.value) else {"": (score.value, score.interval)}
    for part, bounds in score.settings.get("intervals", {}).items():
        if part in score.parts and bounds is not None and not math.isnan(score.parts[part]):
            found[part] = (score.parts[part], tuple(bounds))
    for part, value in score.parts.items():
        if (bounds := score.settings.get(f"{part}_interval")) is not None:
            found[part] = (value, tuple(bounds))
    return found


def covered(metric: Metric, kind: str, n: int, draws: int, seconds: float = math.inf) -> dict[str, Any]:
    """Share of draws that hold their mean, width over the exact width, and how many draws had an interval, by part."""
    started, seen, values, own = process_time(), dict[str, list[Any]](), list[float](), 0
    while own < draws and (own < FEWEST or process_time() - started < seconds):
        score = metric(pool(kind, n, FIRST_SEED + own))
        own += 1
        values.append(score.value)
        for part, each in intervals(score).items():
            seen.setdefault(part, []).append(each)
        if own == 10 and not seen:
            break  # a score without an interval
    found: dict[str, Any] = {}
    for part, each in seen.items():
        value = np.array([v for v, _ in each])
        low, high = np.array([bounds for _, bounds in each]).T
        middle, spread = value.mean(), value.std(ddof=1)
        slack = 1e-9 * max(1.0, abs(middle))  # so that a score that never moves holds itself
        inside = (low <= middle + slack) & (middle - slack <= high)
        exact = 2 * 1.96 * spread
        found[part] = {
            "coverage": float(inside.mean()),
            "draws": len(each),
            "of": own,
            "width": float((high - low).mean() / exact) if exact > 1e-9 else None,
            "mean": float(middle),
            "sd": float(spread),
        }
    return found


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """All cells, by score, kind and rows; those in the file of `--keep` are not made again unless named."""
    kept: dict[str, Any] = json.loads(given.keep.read_text()) if given.keep and given.keep.exists() else {}
    only = [name for name in given.only.split(",") if name]
    for name, metric in cases(only):
        for n in given.rows:
            for kind in given.kinds:
                key = f"{name}|{kind}|{n}"
                if key in kept and not given.again:
                    continue
                kept[key] = covered(metric, kind, n, given.draws, given.seconds)
                shown = {
                    part or "value": (each["coverage"], each["width"] and round(each["width"], 2), each["draws"])
                    for part, each in kept[key].items()
                }
                print(key, shown or "no interval", flush=True)
                if given.keep:
                    given.keep.write_text(json.dumps(kept, indent=0))
    return kept


def lines(kept: dict[str, Any], rows: list[int]) -> Iterator[str]:
    """The table: a row a score or part, a column a kind, coverage of each number of rows and width in brackets."""
    yield "| score | draws | " + " | ".join(KINDS) + " |"
    yield "|---" * (len(KINDS) + 2) + "|"
    names = list(dict.fromkeys(key.split("|")[0] for key in kept))
    order = [name for name, _ in cases([])]
    for name in sorted(names, key=order.index):
        cells = {(kind, n): kept.get(f"{name}|{kind}|{n}") for kind in KINDS for n in rows}
        parts = list(dict.fromkeys(part for each in cells.values() for part in each or {}))
        if not parts:
            yield f"| {name} | | " + " | ".join(["no interval"] * len(KINDS)) + " |"
        for part in parts:
            told = {at: (each or {}).get(part) for at, each in cells.items()}
            counts = [min((t["draws"] for (_, m), t in told.items() if m == n and t), default=0) for n in rows]
            line = [" ".join(cell(told[kind, n]) for n in rows) for kind in KINDS]
            yield f"| {name}{part and ': ' + part} | {' '.join(map(str, counts))} | " + " | ".join(line) + " |"


def cell(told: dict[str, Any] | None) -> str:
    """Coverage, with the width over the exact one where there is one to compare with."""
    if told is None:
        return "-"
    width = "" if told["width"] is None else f" ({told['width']:.1f})"
    return f"{told['coverage']:.2f}".replace("0.", ".") + width


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="names with commas between; all if empty")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 2_000, 10_000])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--again", action="store_true", help="make cells again that are kept")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    text = "\n".join(lines(measured(given), given.rows))
    print(text)
    if given.write:
        page = given.write.read_text("utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        given.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
