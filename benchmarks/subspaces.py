"""How often a plane is found, where there is one and where there is none: the tables of results/subspaces.md.

    python -m benchmarks.subspaces [--repeats 25] [--rows 1000 3000 10000 50000] [--write results/subspaces.md]

Each cell is the share of `--repeats` draws, seeds from 100 on, in which `find_subspaces` claims at least one plane.
With `--write` the tables replace what stands between the two marks of that file.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
from tests.subspaces.planes import WITH, WITHOUT, circle, turned

from unweave.subspaces import find_subspaces

BEGIN, END = "<!-- subspaces: begin -->", "<!-- subspaces: end -->"
FIRST_SEED = 100


def ten_without(n, rng):
    """Ten latents: pairs of all kinds that two axes part, and one that is round without a circle."""
    names = ["turned uniforms", "turned Laplaces", "turned exponentials", "normals", "joint Student-t 3"]
    return np.hstack([WITHOUT[name](n, rng) for name in names])


def ten_with(n, rng):
    """The same with a plane in place of the normals."""
    codes = ten_without(n, rng)
    codes[:, 6:8] = turned(circle(n, rng, rng.uniform(size=n) < 1 / 3, 0.25), rng)
    return codes


def found(world, n, repeats):
    """Share of draws with a plane, and the seconds that a draw took."""
    started = perf_counter()
    claims = []
    for seed in range(FIRST_SEED, FIRST_SEED + repeats):
        claims.append(bool(find_subspaces(world(n, np.random.default_rng(seed)), seed=seed).blocks))
    return np.mean(claims), (perf_counter() - started) / repeats


def lines(worlds, rows, repeats):
    for name, world in worlds.items():
        told = [found(world, n, repeats) for n in rows]
        print(name, *(f"{n}: {share:.3f} in {seconds:.2f} s;" for n, (share, seconds) in zip(rows, told, strict=True)))
        yield f"| {name} | " + " | ".join(f"{share:.3f}".rstrip("0").rstrip(".") for share, _ in told) + " |"


def table(head, worlds, rows, repeats):
    heads = [f"| {head} | " + " | ".join(f"{n:,}" for n in rows) + " |", "|---" * (len(rows) + 1) + "|"]
    return "\n".join([*heads, *lines(worlds, rows, repeats)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 3000, 10_000, 50_000])
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    parts = [
        table("no plane: false alarms of rows", WITHOUT, given.rows, given.repeats),
        table("a plane: found of rows", WITH, given.rows, given.repeats),
        table(
            "ten latents of rows",
            {"no plane among 45 pairs": ten_without, "a ring and middle among 45 pairs": ten_with},
            [n for n in given.rows if n <= 10_000],
            given.repeats,
        ),
    ]
    text = "\n\n".join(parts)
    print(text)
    if given.write:
        page = given.write.read_text("utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        given.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
