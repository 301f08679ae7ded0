"""What every metric gives codes whose truth is known: the calibration table of docs/metrics.md.

    python benchmarks/calibration.py [--rows 20000] [--turns 7] [--write docs/metrics.md]

Codes are made from dSprites' factors (3 x 6 x 40 x 32 x 32, orientation 39 equal to 0), no images. Metrics that
learn or look at posteriors get 2,000 rows, all others `--rows`. Turned codes are scored for several random rotations:
median, then smallest to largest. With `--write` the table replaces what stands between the two marks of that file.
"""

import argparse
from pathlib import Path
from statistics import median

import numpy as np

from unweave.base import registry
from unweave.base.seeds import numpy_generator
from unweave.metrics.calibration import calibrates
from unweave.metrics.probe import Probe

BEGIN, END = "<!-- calibration: begin -->", "<!-- calibration: end -->"
DEAR_ROWS = 2_000  # where one answer takes seconds
DATA = registry.datasets.get("dsprites")(hold="lazy")


def codes_of(factors: np.ndarray, turns: int, rng: np.random.Generator) -> dict[str, list[np.ndarray]]:
    """Codes by what they are; several where chance decides."""
    values = DATA.canonical(factors).astype(float)
    truth = (values - values.mean(axis=0)) / values.std(axis=0)
    x, y = DATA.names.index("x"), DATA.names.index("y")
    merged = np.delete(truth, y, axis=1)
    merged[:, x] = (factors[:, x] * DATA.sizes[y] + factors[:, y]) / 300
    turned = [truth @ np.linalg.qr(rng.normal(size=(truth.shape[1],) * 2))[0] for _ in range(turns)]
    lost = {name: np.delete(truth, [DATA.names.index(each) for each in name.split(" and ")], axis=1) for name in LOST}
    return {
        "10 latents of noise": [rng.normal(size=(len(truth), 10))],
        "the true factors": [truth],
        **{f"without {name}": [codes] for name, codes in lost.items()},
        "x and y in one latent": [merged],
        "every factor twice": [np.concatenate([truth, truth], axis=1)],
        "noise of sd 0.1 added": [truth + rng.normal(scale=0.1, size=truth.shape)],
        "turned": turned,
    }


LOST = ("shape", "orientation", "shape and orientation")


def cell(values: list[float]) -> str:
    middle = f"{median(values):.3f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f} to {max(values):.2f})"


def table(names: list[str], rows: int, turns: int) -> str:
    columns: dict[str, dict[str, str]] = {}
    for name in names:
        metric = registry.metrics.get(name)()
        rng = numpy_generator(0, "calibration table")
        factors = DATA.sample_factors(DEAR_ROWS if metric.dear() else rows, rng)
        columns[name] = {}
        for kind, several in codes_of(factors, turns, rng).items():
            made = [
                Probe(codes, factors, factor_names=DATA.names, scale=np.full(codes.shape, 0.01)) for codes in several
            ]
            columns[name][kind] = cell([metric(probe).value for probe in made])
        print(name, columns[name], flush=True)
    kinds = list(columns[names[0]])
    head = ["| metric | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    body = [f"| {name} | " + " | ".join(columns[name][kind] for kind in kinds) + " |" for name in names]
    return "\n".join([*head, *body])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    names = [name for name in registry.metrics.names() if calibrates(registry.metrics.get(name)())]
    made = table(names, given.rows, given.turns)
    if given.write is None:
        print(made)
        return
    text = given.write.read_text("utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    if BEGIN not in text or END not in text:
        parser.error(f"{given.write} must hold the lines {BEGIN} and {END}")
    given.write.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
