"""Codes of a VAE for a classifier, beside those of PCA with the same width, in scikit-learn pipelines.

    python examples/estimator.py                          scikit-learn's digits and Fashion-MNIST: a minute or two
    python examples/estimator.py --rows 60000 --steps 20000

Both pipelines end in the same classifier; only what makes the codes differs.
"""

import argparse

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import unweave
from unweave import Unweaver


def fashion(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 1, 32, 32) in [0, 1] and their classes, the first `rows` of Fashion-MNIST."""
    data = unweave.data.load("fashion-mnist")
    return data.images(np.arange(rows)).numpy(), data.labels[:rows]


def digits(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 8, 8) in [0, 1] and their classes."""
    found = load_digits()
    return found.images[:rows] / 16, found.target[:rows]


def accuracy(coder: TransformerMixin, images: np.ndarray, classes: np.ndarray, *, flat: bool) -> float:
    """Share of unseen images whose class a logistic regression tells from codes that `coder` makes."""
    train, test, train_classes, test_classes = train_test_split(images, classes, test_size=0.25, random_state=0)
    shape = [FunctionTransformer(lambda x: x.reshape(len(x), -1))] if flat else []
    pipeline = make_pipeline(*shape, coder, StandardScaler(), LogisticRegression(max_iter=2_000))
    return pipeline.fit(train, train_classes).score(test, test_classes)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=6_000, help="images of Fashion-MNIST")
    parser.add_argument("--steps", type=int, default=2_000, help="optimiser steps")
    parser.add_argument("--latents", type=int, default=10, help="width of the codes")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(words)
    print(f"{'data':<16}{'images':>8}{'width':>7}{'PCA':>8}{'VAE':>8}")
    for name, made in {"digits": digits, "fashion-mnist": fashion}.items():
        images, classes = made(asked.rows)
        vae = Unweaver("vae", latents=asked.latents, steps=asked.steps, random_state=asked.seed)
        found = [accuracy(PCA(asked.latents), images, classes, flat=True), accuracy(vae, images, classes, flat=False)]
        print(f"{name:<16}{len(images):>8}{asked.latents:>7}" + "".join(f"{each:>8.3f}" for each in found), flush=True)


if __name__ == "__main__":
    main()
