"""Wide codes: sparse and dense alike, chosen on other rows, beside permuted and random dictionaries."""

import numpy as np
import pytest
from scipy import sparse

from unweave.base.errors import InputError
from unweave.base.records import Score
from unweave.metrics import feature_agreement
from unweave.metrics.dictionaries import beside, dictionaries_of, permuted, told
from unweave.metrics.features import Features, checked, density, random_dictionary, shares, spread, varies
from unweave.metrics.information import entropy, mutual_information, quantise
from unweave.metrics.probe import Probe
from unweave.metrics.scores.feature_agreement import FeatureAgreement, correlations
from unweave.metrics.scores.mig import MIG

N, D = 3_000, 300
RNG = np.random.default_rng(0)
CONCEPTS = (RNG.random((N, 4)) < 0.02).astype(int)
DENSE = np.where(RNG.random((N, D)) < 0.02, RNG.normal(size=(N, D)), 0.0)
DENSE[:, 50:54] = CONCEPTS * RNG.uniform(1, 2, size=(N, 4))
DENSE[:, 7] = 0.0
DENSE[:, 8] = 3.0
SPARSE = sparse.csc_array(DENSE)


@pytest.mark.parametrize("labels", [CONCEPTS, np.stack([np.arange(N) % 5, np.arange(N) // 700], axis=1)])
def test_sparse_counts_equal_those_of_dense_cells(labels):
    reference = mutual_information(quantise(DENSE, 20), labels) / entropy(labels)[:, None]
    assert shares(SPARSE, labels) == pytest.approx(reference, abs=1e-12)
    assert shares(DENSE, labels) == pytest.approx(reference, abs=1e-12)


def test_statistics_of_columns():
    for codes in (SPARSE, DENSE):
        assert density(codes) == pytest.approx((DENSE != 0).mean(axis=0))
        assert spread(codes) == pytest.approx(DENSE.std(axis=0), abs=1e-12)
        assert np.flatnonzero(~varies(codes)).tolist() == [7, 8]


def test_the_carriers_are_chosen_on_rows_that_are_not_scored():
    found = [Features.of(codes, CONCEPTS, limit=16) for codes in (SPARSE, DENSE)]
    chosen = [each.chosen() for each in found]
    assert chosen[0].columns.tolist() == chosen[1].columns.tolist()
    assert {50, 51, 52, 53} < set(chosen[0].columns.tolist())
    assert not set(found[0].choosing) & set(found[0].scoring)
    assert chosen[0].probe.codes == pytest.approx(chosen[1].probe.codes)
    assert chosen[0].probe.codes.std(axis=0) == pytest.approx(np.ones(16))
    rows = found[0].rows[found[0].scoring]
    assert (chosen[0].probe.known_factors == CONCEPTS[rows]).all()
    assert MIG()(chosen[0].probe).value > 0.8


def test_choosing_among_noise_flatters_nobody():
    noise = RNG.normal(size=(N, 800))
    labels = RNG.integers(3, size=(N, 3))
    chosen = Features.of(noise, labels, limit=8).chosen()
    fresh = MIG()(Probe(RNG.normal(size=chosen.probe.codes.shape), chosen.probe.known_factors)).value
    assert MIG()(chosen.probe).value < fresh + 0.01


def test_without_factors_those_that_vary_most_are_chosen():
    chosen = Features.of(SPARSE, limit=5).chosen()
    assert set(chosen.columns) == set(np.argsort(-spread(SPARSE))[:5])
    assert chosen.facts["rows_that_chose"] == 0
    assert Features.of(SPARSE, limit=5, min_density=0.022).chosen().facts["features_live"] < D / 2


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: Features.of(SPARSE, CONCEPTS[:-1]), "factors must have as many rows as codes"),
        (lambda: Features.of(SPARSE, by="informative"), "choose must be active"),
        (lambda: Features.of(np.zeros((50, 3))).chosen(), "codes must have a feature that varies"),
        (lambda: checked(np.array([[1.0, np.nan], [0, 0]])), "codes must be finite, got 1 values"),
        (lambda: checked(sparse.csc_array([[np.inf, 1.0], [0, 0]])), "codes must be finite, got 1 values"),
    ],
)
def test_what_cannot_be_looked_at_gets_one_sentence(call, rule):
    with pytest.raises(InputError, match=rule):
        call()


def test_rows_without_a_factor_are_left_out():
    values = CONCEPTS.astype(float)
    values[:100, 0] = np.nan
    assert Features.of(SPARSE, values, limit=8).rows.min() >= 100


@pytest.mark.parametrize("codes", [SPARSE, DENSE])
def test_a_random_dictionary_is_as_sparse_and_as_wide(codes):
    live = varies(codes)
    made = random_dictionary(codes, live)
    assert sparse.issparse(made) == sparse.issparse(codes)
    assert made.shape == (N, D - 2)
    assert np.sort(density(made)) == pytest.approx(np.sort(density(codes)[live]), abs=1 / N)


def test_dictionaries_stand_beside_a_score_and_are_named_where_it_beats_none():
    features = Features.of(SPARSE, CONCEPTS, limit=16)
    probe = features.chosen().probe
    drawn = dictionaries_of(probe, features, 3)
    good = beside(MIG()(probe), MIG(), drawn)
    assert good.settings["dictionaries"]["permuted"]["value"] < 0.05
    assert told(good) == ""
    lost = beside(MIG()(permuted(probe, 9)), MIG(), drawn)
    assert told(lost).startswith("no better than a permuted dictionary (0.0")


def test_random_directions_of_inputs_that_tell_all_are_told_to_be_as_good():
    inputs = CONCEPTS + 0.01 * RNG.normal(size=CONCEPTS.shape)
    probe = Probe(inputs @ np.linalg.qr(RNG.normal(size=(4, 4)))[0], CONCEPTS)
    score = beside(MIG()(probe), MIG(), dictionaries_of(probe, None, 4, inputs))
    assert "no better than a random dictionary" in told(score)
    assert told(Score(1.0, settings=score.settings)) == ""


def test_permuting_keeps_each_marginal():
    probe = Probe(DENSE, CONCEPTS)
    other = permuted(probe, 0).codes
    assert (np.sort(other, axis=0) == np.sort(DENSE, axis=0)).all()
    assert np.abs(np.corrcoef(other[:, 50], CONCEPTS[:, 0])[0, 1]) < 0.1


def test_correlations_of_sparse_dense_and_mixed_are_numpys():
    keep = varies(DENSE)
    a, b = DENSE[:, keep][:, :40], DENSE[:, keep][:, 30:90]
    reference = np.corrcoef(a.T, b.T)[:40, 40:]
    for one in (a, sparse.csc_array(a)):
        for two in (b, sparse.csc_array(b)):
            assert correlations(one, two) == pytest.approx(reference, abs=1e-5)


def test_agreement_of_a_permuted_scaled_dictionary_is_one_and_chance_counts_nothing():
    twin = SPARSE[:, RNG.permutation(D)] * -2.0
    other = sparse.random_array((N, D), density=0.02, rng=RNG, format="csc")
    score = FeatureAgreement().of_tables([SPARSE, twin.tocsc(), other])
    pairs = np.array(score.tables["pairs"])
    assert pairs[0, 1] == pytest.approx(1.0, abs=1e-6)
    assert pairs[0, 2] < 0.02
    assert score.settings["best"] in (0, 1)


def test_a_turned_plane_is_one_subspace_and_two_other_features():
    codes = RNG.laplace(size=(N, 2))
    turned = codes @ np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    score = feature_agreement([codes, turned])
    assert score.parts["alone"] == pytest.approx(0.5, abs=0.05)
    assert score.parts["subspace"] == pytest.approx(1.0)
    assert feature_agreement([codes, RNG.normal(size=codes.shape)]).parts["subspace"] < 0.02
