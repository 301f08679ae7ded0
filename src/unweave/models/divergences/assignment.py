"""Assigning images to categories so that the cost is least and no category becomes too popular.

For costs u (n, S) in nats and a balance b >= 0 the labels d minimise, exactly,

    sum_i u[i, d_i] + b sum_{i < j} 1[d_i = d_j] = sum_i u[i, d_i] + b sum_k n_k (n_k - 1) / 2

with n_k the images in category k: the r-th image of a category pays b (r - 1) on top of its cost. Pairs are
unordered. Source: Jeong and Song 2019, https://arxiv.org/abs/1905.09432, who solve it as a flow of least cost.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from unweave.base import checks
from unweave.base.errors import InputError

Costs = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

FLOW_FROM = 48  # images; matching is faster below
COARSER, COARSE_FROM = 4, 64  # prices come from every fourth image where there are 64 or more


def assign(costs: Costs, balance: float) -> Labels:
    """Labels (n,) of least total cost for costs (n, S), by the faster of the two exact solvers.

    Costs must be finite, with a row or more and a column or more, and `balance` 0 or more, or InputError.

    >>> costs = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [0.0, 4.0]])
    >>> assign(costs, balance=0.0).tolist(), assign(costs, balance=100.0).tolist()
    ([0, 0, 0, 0], [1, 1, 0, 0])
    """
    checks.nonnegative(balance=balance)
    if costs.ndim != 2 or 0 in costs.shape:
        raise InputError(f"costs must have shape (n, S) with n and S at least 1, got {costs.shape}")
    if not np.isfinite(costs).all():
        raise InputError(f"costs must be finite, got {int((~np.isfinite(costs)).sum())} values that are not")
    return (by_matching if len(costs) < FLOW_FROM else by_flow)(costs, balance)


def by_matching(costs: Costs, balance: float) -> Labels:
    """Labels of least total cost by a perfect matching of the n images with n places in every category.

    Place r of category k costs u[i, k] + balance r. Takes n x n S numbers and time that grows about as n^3 S.
    """
    n, size = costs.shape
    places = costs[:, :, None] + balance * np.arange(n)  # (n, S, n)
    return linear_sum_assignment(places.reshape(n, size * n))[1] // n


def by_flow(costs: Costs, balance: float) -> Labels:
    """Labels of least total cost by moving images along cheapest chains of categories until none pays.

    Starts from labels that are best for some prices of the categories, hence best among all with the same counts.
    Then, again and again, takes the chain a -> ... -> b that lowers the total cost most: one image of each category
    moves on to the next, the cheapest to move, so that a loses one and b gains one. That keeps the labels best for
    their counts, and the cost is convex in the counts, so when no chain pays they are optimal (successive shortest
    paths on the S categories instead of the n + S nodes of the flow). The prices come from the same problem with
    every fourth image and four times the balance. Time grows as the number of moves, at most n, times S^2.
    """
    return _flow(costs - costs.min(axis=1, keepdims=True), balance)[0]


def _flow(relative: Costs, balance: float) -> tuple[Labels, Costs]:
    """Optimal labels (n,) and prices (S,) at which every image, asked alone, would choose its label."""
    n, size = relative.shape
    coarse = n >= COARSE_FROM
    prices = _flow(relative[::COARSER], balance * COARSER)[1] if coarse else np.zeros(size)
    labels = (relative + prices).argmin(axis=1)
    counts = np.bincount(labels, minlength=size)
    slack = 16 * size * np.finfo(np.float64).eps * max(relative.max(), balance * n)  # rounding of a chain's sum
    moving = np.empty((size, size), np.int64)  # which image goes from k to l most cheaply
    price = np.full((size, size), np.inf)  # and what that costs
    touched = list(range(size))
    while True:
        for k in touched:
            _cheapest_moves(k, relative, labels, moving, price)
        touched, prices = _best_chain(price, counts, balance, slack)
        if not touched:
            return labels, prices
        labels[moving[touched[:-1], touched[1:]]] = touched[1:]
        counts[touched[0]] -= 1
        counts[touched[-1]] += 1


def _cheapest_moves(k: int, relative: Costs, labels: Labels, moving: Labels, price: Costs) -> None:
    """Write row k of `moving` and `price`: the cheapest image to move from category k to each other."""
    members = np.flatnonzero(labels == k)
    if not members.size:
        price[k] = np.inf
        return
    change = relative[members] - relative[members, k, None]
    best = change.argmin(axis=0)
    moving[k], price[k] = members[best], change[best, np.arange(len(best))]
    price[k, k] = np.inf


def _best_chain(price: Costs, counts: Labels, balance: float, slack: float) -> tuple[list[int], Costs]:
    """The chain of categories whose moves lower the total cost most, [] if none does, and prices (Bellman-Ford)."""
    size = len(counts)
    reach = np.where(counts > 0, -balance * (counts - 1.0), np.inf)  # what leaving a category as the first saves
    before = np.full(size, -1)
    for _ in range(size):
        through = reach[:, None] + price
        source = through.argmin(axis=0)
        least = through[source, np.arange(size)]
        better = least < reach - slack
        if not better.any():
            break
        reach, before = np.where(better, least, reach), np.where(better, source, before)
    total = reach + balance * counts
    chain = [int(total.argmin())]
    if total[chain[0]] >= -slack:
        return [], np.where(counts > 0, -reach, 0.0)
    while before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return chain[::-1], -reach
