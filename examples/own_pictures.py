"""A folder of 500 made pictures, as a scientist might have it: to try a folder of your own with.

    python examples/own_pictures.py --out pictures

They are RGB, 48 high and 60 wide: a disc on a shaded ground, whose place, size and colour vary, with faint noise.
factors.csv tells what each was made from, and one file is cut short, as files are. Then:

    unweave train beta-vae --data folder:pictures --skip-bad --beta 2 --lr 0.001 --steps 2000 --out runs/mine
    unweave encode runs/mine --data folder:pictures --skip-bad --out codes.csv
    unweave traverse runs/mine --out mine.gif
    unweave report runs/mine

Without --skip-bad the first command stops and names the file that is cut short.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH, COUNT = 48, 60, 500
COLUMNS = ("x", "y", "radius", "hue", "class")
CLASSES = ("small", "large")
DAMAGED = 123  # the number of the picture that is cut short


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="a folder that does not exist yet")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if given.out.exists():
        parser.error(f"--out must be a new folder, got {given.out}, which exists")
    make(given.out, given.count, np.random.default_rng(given.seed))
    print(f"{given.count} pictures and factors.csv in {given.out}; {name(DAMAGED % given.count)} is cut short")


def name(number: int) -> str:
    """The file of a picture; the first half lies in one folder, the others in a second one."""
    return f"{'first' if number % 2 == 0 else 'second'}/{number:04}.png"


def make(folder: Path, count: int, rng: np.random.Generator) -> None:
    for half in ("first", "second"):
        (folder / half).mkdir(parents=True)
    rows = []
    for number in range(count):
        x, y = rng.uniform(12, WIDTH - 12), rng.uniform(12, HEIGHT - 12)
        radius, hue = rng.uniform(4, 10), rng.uniform(0, 1)
        Image.fromarray(picture(x, y, radius, hue, rng)).save(folder / name(number))
        rows.append([name(number), f"{x:.2f}", f"{y:.2f}", f"{radius:.2f}", f"{hue:.3f}", CLASSES[int(radius > 7)]])
    with (folder / "factors.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", *COLUMNS], *rows])
    damaged = folder / name(DAMAGED % count)
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])


def picture(x: float, y: float, radius: float, hue: float, rng: np.random.Generator) -> np.ndarray:
    """A disc whose colour goes from red (0) over green to blue (1), uint8 (48, 60, 3)."""
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    inside = np.clip(radius - np.hypot(across - x, down - y) + 0.5, 0, 1)[..., None]
    colour = np.array([max(0, 1 - 2 * hue), 1 - abs(2 * hue - 1), max(0, 2 * hue - 1)])
    ground = 0.15 + 0.2 * (down / HEIGHT)[..., None] * np.ones(3)
    shades = ground * (1 - inside) + (0.2 + 0.8 * colour) * inside + rng.normal(0, 0.02, (HEIGHT, WIDTH, 3))
    return np.rint(255 * np.clip(shades, 0, 1)).astype(np.uint8)


if __name__ == "__main__":
    main(sys.argv[1:])
