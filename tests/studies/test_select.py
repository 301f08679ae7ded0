"""Choice without labels: what agreement means, and how it is held against a real score."""

import numpy as np
import pytest

from unweave.base.errors import InputError
from unweave.metrics.probe import Probe
from unweave.studies.expansion import expand
from unweave.studies.select import Agreement, Ranked, agreement_with, select, ways


def some(n=400, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_agreement_ignores_order_sign_and_scale_but_not_what_one_model_lacks():
    codes = some()
    twin, half, other = -3 * codes[:, [2, 0, 1]] ** 3, codes[:, :2], some(seed=1)
    found = Agreement()([Probe(each) for each in (codes, twin, half, other)])
    pairs = np.array(found.tables["pairs"])
    assert pairs[0, 1] == pytest.approx(1)
    assert pairs[0, 2] == pytest.approx(2 / 3, abs=0.06)
    assert pairs[0, 3] < 0.2
    assert np.allclose(pairs, pairs.T, equal_nan=True)
    assert found.settings["best"] in (0, 1)


def test_a_dead_model_is_passed_over():
    codes = some()
    found = Agreement()([Probe(codes), Probe(codes), Probe(np.zeros_like(codes))])
    assert found.tables["per_model"][:2] == pytest.approx([1, 1])
    assert np.isnan(found.tables["per_model"][2])
    assert "model 2" in found.reason


def ranked(*pairs):
    return [Ranked(str(k), "a", k, score, real) for k, (score, real) in enumerate(pairs)]


def test_regret_and_rank_correlation():
    found = agreement_with("udr", "cell", ranked((0.9, 0.8), (0.5, 0.5), (0.1, 0.2)), "mig")
    assert (found.regret, found.spearman) == (0, pytest.approx(1))
    assert found.chance == pytest.approx(0.3)
    worst = agreement_with("udr", "cell", ranked((0.9, 0.2), (0.5, 0.5), (0.1, 0.8)), "mig")
    assert (worst.regret, worst.spearman) == (pytest.approx(0.6), pytest.approx(-1))
    lower = agreement_with("udr", "cell", ranked((0.9, 0.2), (0.5, 0.5), (0.1, 0.8)), "mig", higher_is_better=False)
    assert (lower.regret, lower.spearman) == (0, pytest.approx(1))
    assert "0.300 away" in found.words()


def test_without_labels_there_is_a_choice_but_nothing_to_compare_it_with():
    found = agreement_with("udr", "cell", ranked((0.9, None), (0.5, None)), "mig")
    assert (found.regret, found.spearman, found.metric) == (None, None, None)
    assert "no run has a real score" in found.words()


@pytest.mark.parametrize("by", ways())
def test_runs_of_a_study_are_ranked(done, by):
    study, trials = done
    found = select(study, trials, by, settings={"min_kl": 0})
    assert sorted(each.run for each in found.ranked) == sorted(trial.name for trial in trials)
    scores = [each.score for each in found.ranked]
    assert scores == sorted(scores, reverse=True)
    assert found.metric == "mig"
    assert found.regret >= 0
    over = select(study, trials, by, over="study", settings={"min_kl": 0})
    assert len(over.ranked) == 4


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"by": "luck"}, "unknown way to choose 'luck'"),
        ({"metric": "sap"}, "unknown metric of the study 'sap'"),
        ({"settings": {"alpa": 1}}, "unknown setting of udr 'alpa'; did you mean 'alpha'"),
    ],
)
def test_wrong_questions_are_refused(done, given, sentence):
    with pytest.raises(InputError, match=sentence):
        select(*done, **given)


def test_too_few_runs_are_refused(tiny, here):
    from unweave.studies.conduct import conduct

    study = tiny(seeds=[0])
    with pytest.raises(InputError, match="udr needs two finished runs or more, got 0"):
        select(study, expand(study))
    conduct(study, expand(study))
    with pytest.raises(InputError, match="over cell needs two finished seeds or more in every cell, got one of 'vae'"):
        select(study, expand(study))
