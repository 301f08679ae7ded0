"""Embeddings of two small nets that were trained on scikit-learn's digits, scored as anybody's codes are.

    python examples/digits.py --out digits

It trains two classifiers that differ in their seed alone, writes the 32 numbers of each one's hidden layer for the
digits they were not trained on, and the classes as ten binary concepts. In digits/ it then runs what anybody would:

    unweave score seed-0.npy classes.csv --metrics mig,explicitness --dictionaries 5 --inputs pixels.npy
    unweave score seed-0.npy --others seed-1.npy --metrics hoyer

The first says how much of a class single neurons tell beside random directions of the pixels, the second whether the
other seed has the same neurons, or only the same space.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from unweave.face.cli.app import main as unweave


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=100, help="passes over the digits")
    parser.add_argument("--width", type=int, default=32, help="neurons of the hidden layer")
    parser.add_argument("--out", type=Path, default=Path("digits"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    pixels, classes = load_digits(return_X_y=True)
    pixels = pixels / 16
    train, test = np.arange(0, len(pixels), 2), np.arange(1, len(pixels), 2)
    for seed in range(2):
        codes, right = embedded(pixels, classes, train, test, given.width, given.steps, seed)
        np.save(given.out / f"seed-{seed}.npy", codes)
        print(f"seed {seed}: {100 * right:.1f} % of {len(test)} digits right")
    np.save(given.out / "pixels.npy", pixels[test].astype(np.float32))
    head = ",".join(f"is_{digit}" for digit in range(10))
    concepts = classes[test, None] == np.arange(10)
    np.savetxt(given.out / "classes.csv", concepts, fmt="%d", delimiter=",", header=head, comments="")
    file = [str(given.out / name) for name in ("seed-0.npy", "seed-1.npy", "classes.csv", "pixels.npy")]
    beside = ["--metrics", "mig,explicitness", "--dictionaries", "5", "--inputs", file[3]]
    return unweave(["score", file[0], file[2], *beside]) or unweave(
        ["score", file[0], "--others", file[1], "--metrics", "hoyer"]
    )


def embedded(
    pixels: np.ndarray, classes: np.ndarray, train: np.ndarray, test: np.ndarray, width: int, steps: int, seed: int
) -> tuple[np.ndarray, float]:
    """The hidden layer of a net trained with this seed, for the digits held out (n, width), and its accuracy."""
    net = MLPClassifier((width,), max_iter=steps, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(pixels[train], classes[train])
    hidden = np.maximum(pixels[test] @ net.coefs_[0] + net.intercepts_[0], 0)
    return hidden.astype(np.float32), float(net.score(pixels[test], classes[test]))


if __name__ == "__main__":
    sys.exit(main())
