"""What is right and wrong with codes, in plain sentences with the numbers behind each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from unweave.metrics.arrays import Reals, Whole, live_latents, standardised
from unweave.metrics.information import entropy, mutual_information, quantise
from unweave.metrics.label_free import correlation
from unweave.metrics.probe import Probe
from unweave.models.distributions.isotropic import IsotropicPrior, kl_of_moments

RULES = 3  # grows whenever the same codes would get other findings
MIN_KL, MIN_STD = 0.1, 0.05  # a latent below is dead, as in the scores
TOGETHER = 0.3  # correlation from which two latents are called tied
SAME = 0.95  # correlation of ranks from which they are called the same
BOUND = 0.2  # share of a latent's entropy that another carries, from which they are bound, though not tied
ICA_ROWS, ICA_STEPS = 10_000, 100
PEAKED = 0.3  # mean |excess kurtosis| that some rotation must reach for its absence to be a hint
GAIN = 1.5  # by how much that rotation must beat the latents as they are
MATCH = 0.15  # by how much mean or standard deviation of codes may miss the prior's
BINS = 20
CARRIES = 0.1  # share of a factor's entropy from which a latent carries it
RIVAL = 0.5  # a second latent shares a factor if it carries this much of what the first does
LEVELS = 6  # into how many levels a factor is cut to be predicted
TRAIN, TEST, NEIGHBOURS = 6_000, 1_500, 15
EXPLAINED = 0.2  # variance that all live latents explain of a factor that is in the codes at all
ALONE = 0.6  # share of that which the best latent explains by itself where codes are not rotated


@dataclass(frozen=True)
class Finding:
    """One thing found: `topic`, a `sentence` for people, whether it is `good` (None: neither), and its `numbers`."""

    topic: str
    sentence: str
    good: bool | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def as_json(self) -> dict[str, Any]:
        """All fields as plain values."""
        return asdict(self)


def doctor(probe: Probe) -> list[Finding]:
    """Which latents live, which are tied, whether they match the prior; which factor each carries, if known.

    Without true factors: mean KL of each latent in nats (standard deviation where no KL is known), correlations,
    total correlation of a Gaussian with the codes' covariance -log det(R) / 2 in nats, duplicates (correlation of
    ranks), latents bound without a correlation (I(z_i; z_j) / H, 20 bins of equally many rows), mean and standard
    deviation of codes against the prior's (where the probe has a model with a prior, and scales), for the prior N(0, I)
    with the rate that the difference costs, sum KL(N(m_j, s_j^2) || N(0, 1)), and as a hint at a
    rotation the mean |excess kurtosis| of the latents beside the largest that a rotation of the whitened codes reaches
    (independent component analysis): mixtures of independent causes are closer to a normal than the causes are. This
    hint cannot see rotations of normal causes. With them: I(g_k; z_j) / H(g_k)
    with 20 bins, and the share of variance of each factor, cut into at most 6 levels, that 15 nearest neighbours
    explain on held-out rows, given the best latent and given all live ones. A factor is missing if neither explains
    it; codes look rotated if together they explain what no latent explains alone.

    The thresholds are round numbers, given with each sentence's numbers.

    >>> grid = np.stack(np.meshgrid(range(10), range(10)), axis=-1).reshape(-1, 2)
    >>> for finding in doctor(Probe(grid * 1.0, grid, factor_names=["x", "y"]))[:1]:
    ...     print(finding.sentence)
    All 2 latents are live: none has a standard deviation below 0.05.
    """
    live = live_latents(probe.codes, probe.kl_per_latent, MIN_KL, MIN_STD)
    found = [_life(probe, live)]
    if not live.any():
        return found
    alive = np.flatnonzero(live)
    found += [*_ties(probe.codes, alive), *_doubles(probe, alive), *_prior(probe, alive)]
    if probe.factors is not None:
        return [*found, *_factors(probe, alive)]
    return [*found, *_hint(probe, alive)]


def _life(probe: Probe, live: npt.NDArray[np.bool_]) -> Finding:
    rates, spread = probe.kl_per_latent, probe.codes.std(axis=0)
    what = "standard deviation" if rates is None else "mean KL"
    limit = f"{MIN_STD}" if rates is None else f"{MIN_KL} nats"
    numbers = {
        "live": np.flatnonzero(live).tolist(),
        "dead": np.flatnonzero(~live).tolist(),
        what.replace(" ", "_"): _rounded(spread if rates is None else rates),
    }
    if live.all():
        who = "The only latent is" if len(live) == 1 else f"All {len(live)} latents are"
        verb = f"its {what} is not" if len(live) == 1 else f"none has a {what}"
        sentence = f"{who} live: {verb} below {limit}."
    elif not live.any():
        sentence = f"All {len(live)} latents are dead: none has a {what} of {limit}, so the codes hold no information."
    else:
        count = int(live.sum())
        sentence = (
            f"{count} of {len(live)} latents {_verb(count, 'is', 'are')} live: {_list(numbers['live'])}. "
            f"Dead, with a {what} below {limit}: {_list(numbers['dead'])}."
        )
    return Finding("live latents", sentence, bool(live.any()), numbers)


def _ties(codes: Reals, live: Whole) -> Iterator[Finding]:
    """Correlations of live latents, and the total correlation they imply."""
    if len(live) < 2:
        return
    table: Reals = np.asarray(np.corrcoef(standardised(codes[:, live]), rowvar=False))
    pairs = [(abs(table[a, b]), int(live[a]), int(live[b])) for a in range(len(live)) for b in range(a)]
    tied = sorted((pair for pair in pairs if pair[0] >= TOGETHER), reverse=True)
    strongest = max(pairs)
    shift = float(-0.5 * np.linalg.slogdet(table)[1])
    numbers = {
        "largest_correlation": round(strongest[0], 3),
        "gaussian_total_correlation": round(shift, 3) if math.isfinite(shift) else None,
        "tied": [[b, a, round(r, 3)] for r, a, b in tied],
    }
    much = f"{shift:.2f} nats of Gaussian total correlation" if math.isfinite(shift) else "one follows from the others"
    if not tied:
        sentence = f"No two live latents are correlated: the largest correlation is {strongest[0]:.2f} ({much})."
    else:
        listed = "; ".join(f"{b} and {a} ({r:.2f})" for r, a, b in tied[:5])
        more = f" and {len(tied) - 5} more pairs" if len(tied) > 5 else ""
        sentence = f"Correlated latents: {listed}{more}; {much}."
    yield Finding("ties between latents", sentence, not tied, numbers)


def _doubles(probe: Probe, live: Whole) -> Iterator[Finding]:
    """Latents that carry the same, and latents that hang together though they do not go up and down together."""
    if len(live) < 2:
        return
    codes = probe.codes[probe.rows_at_most(ICA_ROWS, "doctor/doubles")][:, live]
    varies = np.flatnonzero(np.ptp(codes, axis=0) > 0)
    codes, live = codes[:, varies], live[varies]
    cells = quantise(codes, BINS, "quantile")
    ranks: Reals = np.stack([np.unique(column, return_inverse=True)[1] for column in codes.T], axis=1).astype(
        np.float64
    )
    alike, straight = np.abs(correlation(ranks)), np.abs(correlation(codes))
    shares = mutual_information(cells, cells) / np.maximum(entropy(cells), 1e-12)[:, None]
    pairs = [(a, b) for b in range(len(live)) for a in range(b)]
    same = [(int(live[a]), int(live[b]), round(float(alike[a, b]), 3)) for a, b in pairs if alike[a, b] >= SAME]
    bound = [
        (int(live[a]), int(live[b]), round(float(shares[a, b]), 3))
        for a, b in pairs
        if min(shares[a, b], shares[b, a]) >= BOUND and max(straight[a, b], alike[a, b]) < TOGETHER
    ]
    if same:
        listed = _list(f"{a} and {b} ({r:.2f})" for a, b, r in same[:5])
        yield Finding(
            "duplicates",
            f"Duplicate latents, by rank correlation: {listed}.",
            False,
            {"same": [list(each) for each in same]},
        )
    if bound:
        listed = _list(f"{b} and {a} ({r:.0%})".replace("%", " %") for a, b, r in bound[:5])
        yield Finding(
            "hidden ties",
            f"Dependent though uncorrelated latents, by share of entropy: {listed}.",
            False,
            {"bound": [list(each) for each in bound]},
        )


def _hint(probe: Probe, live: Whole) -> Iterator[Finding]:
    """Whether some rotation of the whitened codes is clearly less normal than the latents are, (d, d) turned."""
    if len(live) < 2 or len(probe) < 100 * len(live):
        return
    codes = standardised(probe.codes[probe.rows_at_most(ICA_ROWS, "doctor/rotation")][:, live])
    scale, axes = np.linalg.eigh(codes.T @ codes / len(codes))
    if scale.min() < 1e-6:
        return  # one follows from the others, which was reported
    white = codes @ axes / np.sqrt(scale)
    as_they_are, turned = _peaks(codes), _peaks(independent(white, probe.rng("doctor/rotation/start")))
    numbers = {"as_they_are": round(as_they_are, 3), "turned": round(turned, 3)}
    far = f"mean excess kurtosis {as_they_are:.2f}, after the best rotation {turned:.2f}"
    if turned < PEAKED:
        sentence = f"Without factors it is unclear whether codes are rotated: they look normal in any rotation ({far})."
        yield Finding("rotation", sentence, None, numbers)
    elif turned > GAIN * as_they_are:
        sentence = f"Codes may be rotated: another rotation is far less normal, as independent factors are ({far})."
        yield Finding("rotation", sentence, False, numbers)
    else:
        sentence = f"No sign of a rotation: none makes the codes much less normal ({far})."
        yield Finding("rotation", sentence, True, numbers)


def _peaks(codes: Reals) -> float:
    """Mean over columns of |excess kurtosis|."""
    scaled = codes - codes.mean(axis=0)
    return float(np.abs((scaled**4).mean(axis=0) / (scaled**2).mean(axis=0) ** 2 - 3).mean())


def independent(white: Reals, rng: np.random.Generator) -> Reals:
    """White codes (n, d) turned so that their columns are as far from normal as can be: FastICA with cubes.

    Source: Hyvarinen and Oja 1997, https://doi.org/10.1162/neco.1997.9.7.1483, all columns at once.
    """
    turn: Reals = np.linalg.qr(rng.normal(size=(white.shape[1],) * 2))[0]
    for _ in range(ICA_STEPS):
        cubes = white.T @ (white @ turn) ** 3 / len(white) - 3 * turn
        left, _, right = np.linalg.svd(cubes)
        done = bool(np.abs(np.abs(((left @ right) * turn).sum(axis=0)) - 1).max() < 1e-6)
        turn = left @ right
        if done:
            break
    return white @ turn


def _prior(probe: Probe, live: Whole) -> Iterator[Finding]:
    """Mean and standard deviation of sampled codes against those of draws from the prior."""
    prior = getattr(probe.model, "prior", None)
    if prior is None or probe.scale is None:
        return
    with torch.no_grad():
        drawn = prior.sample(20_000, torch.Generator().manual_seed(0)).double().cpu().numpy()[:, live]
    codes, scale = probe.codes[:, live], probe.scale[:, live]
    mean, std = codes.mean(axis=0), np.sqrt(codes.var(axis=0) + (scale**2).mean(axis=0))
    unit = drawn.std(axis=0)
    off = np.maximum(np.abs(mean - drawn.mean(axis=0)) / unit, np.abs(std / unit - 1))
    worst = int(off.argmax())
    numbers = {"mean": _rounded(mean), "std": _rounded(std), "prior_std": _rounded(unit), "latents": live.tolist()}
    wrong = int((off > MATCH).sum())
    where = (
        f"latent {live[worst]} has mean {mean[worst]:.2f} and standard deviation {std[worst]:.2f}, the prior "
        f"{drawn.mean(axis=0)[worst]:.2f} and {unit[worst]:.2f}"
    )
    if wrong:
        verb = _verb(wrong, "misses", "miss")
        sentence = f"{wrong} of {len(live)} live latents {verb} the prior by more than {MATCH:.0%}; worst: {where}."
        if isinstance(prior, IsotropicPrior) and probe.kl_per_latent is not None:
            wasted = kl_of_moments(torch.as_tensor(mean), torch.as_tensor(std)).sum().item()
            rate = float(probe.kl_per_latent[live].sum())
            numbers |= {"wasted_nats": round(wasted, 3), "rate": round(rate, 3)}
            spent = f"This costs {wasted:.1f} of their {rate:.1f} nats of rate without information about images"
            sentence += f" {spent}; --standardise-every avoids it."
    else:
        sentence = f"Codes match the prior in mean and standard deviation within {MATCH:.0%}; worst: {where}."
    yield Finding("match with the prior", sentence.replace("%", " %"), not wrong, numbers)


@dataclass(frozen=True)
class Links:
    """What live latents carry of the factors: `shares` (K, d) of entropy, `best` and `together` (K,) of variance."""

    names: Sequence[str]
    live: Whole
    shares: Reals
    best: Reals
    together: Reals

    @property
    def present(self) -> npt.NDArray[np.bool_]:
        """Factors that are in the codes, whether in one latent or in many, (K,)."""
        return (self.together >= EXPLAINED) | (self.shares.max(axis=1) >= CARRIES)

    @property
    def carried(self) -> npt.NDArray[np.bool_]:
        """Which live latent carries which factor, (K, d)."""
        return self.shares >= np.maximum(CARRIES, RIVAL * self.shares.max(axis=1, keepdims=True))

    @staticmethod
    def order(among: npt.NDArray[np.bool_], by: Reals) -> list[int]:
        """Places that are true in `among`, those with the largest `by` first."""
        return [place for place in np.argsort(-by, kind="stable").tolist() if among[place]]

    def label(self, k: int, j: int) -> str:
        """A factor's name with the share of its entropy in the j-th live latent."""
        return f"{self.names[k]} ({self.shares[k, j]:.0%})".replace("%", " %")


def _factors(probe: Probe, live: Whole) -> Iterator[Finding]:
    varies = np.flatnonzero(np.ptp(probe.known_factors, axis=0) > 0)
    if not varies.size:
        yield Finding("factors", "No factor varies, so there is nothing to check.")
        return
    links = _links(probe, live, varies)
    yield _carriers(links)
    yield from _sharers(links)
    yield _missing(links)
    if len(live) > 1 and len(varies) > 1:
        yield _rotation(links)


def _links(probe: Probe, live: Whole, varies: Whole) -> Links:
    """Information of every live latent about every factor that varies, alone and together."""
    rows = probe.rng("doctor").permutation(len(probe))
    factors, codes = _cut(probe)[:, varies], standardised(probe.codes[:, live])
    some = rows[:20_000]
    shares = mutual_information(quantise(codes[some], BINS), factors[some])
    cut = min(TRAIN, len(rows) * 4 // 5)
    best, together = np.zeros(len(varies)), np.zeros(len(varies))
    for k, column in enumerate(factors.T):
        levels = _levels(column)
        parts = (rows[:cut], rows[cut : cut + TEST])
        first = int(shares[k].argmax())
        best[k] = _explained(codes[:, first : first + 1], levels, *parts)
        together[k] = max(best[k], _explained(codes, levels, *parts))
    heights = np.maximum(entropy(factors[some]), 1e-12)
    names = [probe.factor_names[k] for k in varies.tolist()]
    return Links(names, live, shares / heights[:, None], best, together)


def _cut(probe: Probe) -> Whole:
    """The factors (n, K), continuous ones cut into 20 bins with equally many rows."""
    columns = [
        quantise(column[:, None].astype(np.float64), BINS, "quantile")[:, 0] if name in probe.continuous else column
        for name, column in zip(probe.factor_names, probe.known_factors.T, strict=True)
    ]
    return np.stack(columns, axis=1)


def _levels(column: Whole) -> Reals:
    """Indicator of the level of each row, (n, L), L at most 6: neighbouring values of a factor share one."""
    _, place = np.unique(column, return_inverse=True)
    count = int(place.max()) + 1
    level = place * min(count, LEVELS) // count
    return np.eye(min(count, LEVELS))[level]


def _explained(codes: Reals, levels: Reals, train: Whole, test: Whole) -> float:
    """Share of the levels' variance in `test` that the nearest neighbours in `train` explain, in [0, 1]."""
    from sklearn.neighbors import KNeighborsRegressor  # late: takes a second

    if not len(test):
        return 0.0
    model = KNeighborsRegressor(min(NEIGHBOURS, len(train))).fit(codes[train], levels[train])
    left = np.square(levels[test] - model.predict(codes[test])).sum()
    total = np.square(levels[test] - levels[train].mean(axis=0)).sum()
    return float(np.clip(1 - left / total, 0, 1)) if total > 0 else 0.0


def _carriers(links: Links) -> Finding:
    """What each live latent is about."""
    lines: list[str] = []
    for j, latent in enumerate(links.live):
        if factors := links.order(links.carried[:, j], links.shares[:, j]):
            lines.append(f"latent {latent} carries {_list(links.label(k, j) for k in factors)}")
    if idle := links.live[~links.carried.any(axis=0)].tolist():
        most = links.shares[:, ~links.carried.any(axis=0)].max()
        who = f"latent {idle[0]} carries" if len(idle) == 1 else f"latents {_list(idle)} carry"
        lines.append(f"{who} no factor alone (at most {most:.0%})".replace("%", " %"))
    sentence = f"Of each factor's entropy: {'; '.join(lines)}."
    table = {name: _rounded(row) for name, row in zip(links.names, links.shares, strict=True)}
    per_latent = links.carried.sum(axis=0)
    return Finding(
        "what each latent carries",
        sentence,
        bool((per_latent == 1).all()),
        {"latents": links.live.tolist(), "share_of_entropy": table},
    )


def _sharers(links: Links) -> Iterator[Finding]:
    """Factors that several latents carry, and latents that carry several factors."""
    for k, name in enumerate(links.names):
        latents = links.order(links.carried[k], links.shares[k])
        if len(latents) > 1:
            parts = _list(f"{links.live[j]} ({links.shares[k, j]:.0%})".replace("%", " %") for j in latents)
            yield Finding(
                "shared factor",
                f"{name} is spread over latents {parts}.",
                False,
                {"factor": name, "latents": links.live[latents].tolist(), "share": _rounded(links.shares[k, latents])},
            )
    for j, latent in enumerate(links.live):
        factors = links.order(links.carried[:, j], links.shares[:, j])
        if len(factors) > 1:
            parts = _list(links.label(k, j) for k in factors)
            names = [links.names[k] for k in factors]
            yield Finding(
                "mixed latent",
                f"latent {latent} mixes {parts}.",
                False,
                {"latent": int(latent), "factors": names, "share": _rounded(links.shares[factors, j])},
            )


def _missing(links: Links) -> Finding:
    """Factors that no latent carries, alone or with others."""
    lost: list[int] = np.flatnonzero(~links.present).tolist()
    numbers = {
        "together": dict(zip(links.names, _rounded(links.together), strict=True)),
        "best_latent": dict(zip(links.names, _rounded(links.best), strict=True)),
        "missing": [links.names[k] for k in lost],
    }
    if not lost:
        weakest = int(links.together.argmin())
        sentence = (
            f"Every factor is in the codes; hardest to predict is {links.names[weakest]}: all live latents "
            f"together explain {links.together[weakest]:.0%} of its variance."
        )
        return Finding("missing factors", sentence.replace("%", " %"), True, numbers)
    parts = _list(
        f"{links.names[k]} (the best latent holds {links.shares[k].max():.0%} of its entropy, all together "
        f"explain {links.together[k]:.0%} of its variance)"
        for k in lost
    )
    return Finding("missing factors", f"No latent carries {parts}.".replace("%", " %"), False, numbers)


def _rotation(links: Links) -> Finding:
    """Whether latents together explain what none of them explains alone."""
    here = links.together >= EXPLAINED
    ratio = np.where(here, links.best / np.maximum(links.together, 1e-12), math.nan)
    spread = [links.names[k] for k in np.flatnonzero(here & (ratio < ALONE)).tolist()]
    numbers = {
        "alone_over_together": {
            n: None if math.isnan(r) else round(float(r), 3) for n, r in zip(links.names, ratio, strict=True)
        },
        "spread": spread,
    }
    if not here.any():
        return Finding("rotation", "It is unclear whether codes are rotated: they predict no factor.", None, numbers)
    rotated = len(spread) >= 2 and 2 * len(spread) >= here.sum()
    middle = float(np.median(ratio[here & (ratio < ALONE)] if rotated else ratio[here]))
    share = f"{middle:.0%} of what all live latents explain".replace("%", " %")
    if rotated:
        parts = f"Codes look rotated: no latent alone explains {_list(spread)}; the best has {share} (median)."
        return Finding("rotation", parts, False, numbers)
    return Finding("rotation", f"Codes do not look rotated: the best latent has {share} (median).", True, numbers)


def _list(things: Iterable[object]) -> str:
    """Things with commas and an "and"; "none" where there are none.

    >>> _list([1]), _list([1, 2]), _list([1, 2, 3])
    ('1', '1 and 2', '1, 2 and 3')
    """
    words = list(map(str, things))
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "none"


def _verb(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 4) for value in values]
