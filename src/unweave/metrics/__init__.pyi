"""What editors see of unweave.metrics: written by python -m unweave.metrics.stub, not by hand."""

from collections.abc import Iterable
from typing import Any, Literal

from unweave.base.records import Images
from unweave.base.records import Score as Score
from unweave.metrics.calibration import calibrated as calibrated
from unweave.metrics.calibration import verdict as verdict
from unweave.metrics.comparison import Comparison as Comparison
from unweave.metrics.functions import function_of as function_of
from unweave.metrics.probe import Encoded as Encoded
from unweave.metrics.probe import Probe as Probe

def beta_vae_score(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.05,
    samples: int = 64,
    train: int = 10000,
    test: int = 5000,
    standardise: bool = True,
    preset: Literal["default", "dlib", "infogan-cr"] = "default",
    one_value: bool = False,
    headline: Literal["held_out", "in_sample"] = "held_out",
    categorical: bool = True,
) -> Score:
    """beta-VAE score: can a linear classifier predict which factor the images of a pair share?

    Settings and equation: unweave.metrics.scores.beta_vae_score.BetaVAEScore.
    """

def factor_vae_score(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.05,
    preset: Literal["dlib", "cascade", "mathieu", "infogan-cr", "lecture", "workshop"] = "dlib",
    samples: int | None = None,
    votes: int | None = None,
    held_out: int | None = None,
    categorical: bool = True,
) -> Score:
    """FactorVAE score: does the latent that varies least while a factor is fixed identify the factor?

    Settings and equation: unweave.metrics.scores.factor_vae_score.FactorVAEScore.
    """

def mig(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.0,
    n: int = 10000,
    bins: int = 20,
    binning: Literal["width", "quantile"] = "width",
    categorical: bool = True,
) -> Score:
    """Mutual information gap: how much more the best latent holds about each factor than the second best.

    Settings and equation: unweave.metrics.scores.mig.MIG.
    """

def mig_sampled(
    codes: Any,
    scale: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    factor_names: Iterable[str] | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.0,
    samples: int = 1000,
    max_components: int = 10000,
    preset: Literal["default", "chen"] = "default",
) -> Score:
    """Sampled mutual information gap: the gap with I(g; z) of codes sampled from the posteriors, without bins.

    Settings and equation: unweave.metrics.scores.mig_sampled.SampledMIG.
    """

def dci(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.05,
    preset: Literal["default", "dlib", "qedr-lasso", "qedr-forest"] = "default",
    train: int = 10000,
    test: int = 5000,
    backend: Literal["random-forest", "gbt", "lasso", "tuned-forest"] = "random-forest",
    importance: Literal["impurity", "permutation"] = "impurity",
    trees: int = 50,
    min_samples_leaf: int = 10,
    rounds: int = 100,
    bins: int = 64,
    alpha: float = 0.02,
    weights: Literal["mass", "equal"] = "mass",
    threads: int = 1,
    categorical: bool = True,
) -> Score:
    """DCI: disentanglement, completeness and informativeness, from which latents a learner uses to predict each factor.

    Settings and equation: unweave.metrics.scores.dci.DCI.
    """

def dci_es(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.05,
    train: int = 10000,
    test: int = 5000,
    features: tuple[int, ...] = (32, 128, 512),
    categorical: bool = True,
) -> Score:
    """DCI-ES: how small a learner can be to use the codes (explicitness), and how many latents there are (size).

    Settings and equation: unweave.metrics.scores.dci_es.DCIES.
    """

def neuron_comparison(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.05,
    train: int = 10000,
    test: int = 5000,
    trees: int = 10,
    min_samples_leaf: int = 10,
) -> Score:
    """Neuron comparison: what each factor's own latent predicts alone (SNC), and what is lost without it (NK).

    Settings and equation: unweave.metrics.scores.neuron_comparison.NeuronComparison.
    """

def held_out_combinations(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.05,
    train: int = 10000,
    test: int = 5000,
    features: int = 128,
    categorical: bool = True,
) -> Score:
    """Held-out combinations: can a probe predict a factor for combinations of values that it never saw?

    Settings and equation: unweave.metrics.scores.held_out_combinations.HeldOutCombinations.
    """

def absorption(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.0,
    purity: float = 0.9,
    weak: float = 0.5,
    train: int = 10000,
    test: int = 5000,
) -> Score:
    """Absorption: how often a concept's own feature is inactive because a narrower feature takes its place.

    Settings and equation: unweave.metrics.scores.absorption.Absorption.
    """

def composition(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    corner: str = "",
    n: int = 1000,
    steps: int = 800,
) -> Score:
    """Composition: do images composed of factors never seen together show what was asked for?

    Settings and equation: unweave.metrics.scores.composition.Composition.
    """

def sap(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.0,
    kind: Literal["svm", "continuous"] = "svm",
    train: int = 10000,
    test: int = 5000,
    standardise: bool = False,
) -> Score:
    """SAP: how much better the best latent predicts each factor than the second best, each alone.

    Settings and equation: unweave.metrics.scores.sap.SAP.
    """

def modularity(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.0,
    n: int = 10000,
    bins: int = 20,
    binning: Literal["width", "quantile"] = "width",
    categorical: bool = True,
) -> Score:
    """Modularity: does each latent hold information about one factor only?

    Settings and equation: unweave.metrics.scores.modularity.Modularity.
    """

def explicitness(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.05,
    train: int = 10000,
    test: int = 5000,
    categorical: bool = True,
) -> Score:
    """Explicitness: can a linear classifier rank every value of a factor above the rest?

    Settings and equation: unweave.metrics.scores.explicitness.Explicitness.
    """

def irs(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.0,
    n: int = 10000,
    quantile: float = 0.99,
    bins: int = 20,
    preset: Literal["default", "dlib", "suter"] = "default",
    rebin: bool = False,
) -> Score:
    """IRS: does a latent stay constant when only other factors change?

    Settings and equation: unweave.metrics.scores.irs.IRS.
    """

def infomec(
    codes: Any,
    factors: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    factor_names: Iterable[str] | None = None,
    factor_bins: int | None = None,
    seed: int = 0,
    exclude_factors: tuple[str, ...] = (),
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.0,
    n: int = 10000,
    neighbours: int = 10,
    min_range: float = 0.05,
    iterations: int = 100,
    categorical: bool = True,
) -> Score:
    """InfoMEC: modularity, compactness and explicitness from nearest-neighbour information and linear prediction.

    Settings and equation: unweave.metrics.scores.infomec.InfoMEC.
    """

def gaussian_total_correlation(
    codes: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    seed: int = 0,
    n: int = 10000,
    min_kl: float = 0.1,
) -> Score:
    """Gaussian total correlation: the dependence of the latents in nats, as if they were jointly normal.

    Settings and equation: unweave.metrics.scores.gaussian_total_correlation.GaussianTotalCorrelation.
    """

def wasserstein_correlation(
    codes: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    seed: int = 0,
    n: int = 10000,
    min_kl: float = 0.1,
) -> Score:
    """Gaussian Wasserstein correlation: the distance of the codes' normal fit from one with independent latents.

    Settings and equation: unweave.metrics.scores.wasserstein_correlation.WassersteinCorrelation.
    """

def code_mutual_information(
    codes: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    seed: int = 0,
    n: int = 10000,
    min_kl: float = 0.1,
    bins: int = 20,
    binning: Literal["width", "quantile"] = "width",
    categorical: bool = True,
) -> Score:
    """Code mutual information: the mean mutual information of pairs of latents, in nats.

    Settings and equation: unweave.metrics.scores.code_mutual_information.CodeMutualInformation.
    """

def cluster_accuracy(
    categories: Any,
    labels: Any,
    *,
    seed: int = 0,
    factor: str | None = None,
    categorical: int = 0,
) -> Score:
    """Cluster accuracy: how well unsupervised categories match the true ones under the best one-to-one assignment.

    Settings and equation: unweave.metrics.scores.cluster_accuracy.ClusterAccuracy.
    """

def hoyer(
    codes: Any,
    *,
    kl_per_latent: Any = None,
    categories: Any = None,
    seed: int = 0,
    prune: bool = True,
    min_kl: float = 0.1,
    min_std: float = 0.05,
) -> Score:
    """Hoyer sparsity: how few latents each image uses.

    Settings and equation: unweave.metrics.scores.hoyer.Hoyer.
    """

def overlap(
    codes: Any,
    scale: Any,
    *,
    seed: int = 0,
    max_points: int = 20000,
    samples: int = 1000,
) -> Score:
    """Overlap: how much the posteriors of different images overlap, which beta controls.

    Settings and equation: unweave.metrics.scores.overlap.Overlap.
    """

def prior_match(
    codes: Any,
    scale: Any,
    prior: Any = None,
    *,
    seed: int = 0,
    max_points: int = 20000,
    samples: int = 1000,
    n: int = 5000,
    blocks: int = 10,
) -> Score:
    """Prior match: the divergence of the aggregate posterior from the prior, which alpha controls.

    Settings and equation: unweave.metrics.scores.prior_match.PriorMatch.
    """

def elbo_decomposition(
    codes: Any,
    scale: Any,
    prior: Any = None,
    *,
    seed: int = 0,
    max_points: int = 20000,
    samples: int = 1000,
) -> Score:
    """ELBO decomposition: the rate as information, total correlation and distance from the prior.

    Settings and equation: unweave.metrics.scores.elbo_decomposition.ElboDecomposition.
    """

def iwae(
    model: Any,
    images: Images,
    *,
    seed: int = 0,
    n: int = 64,
    k: int = 1000,
) -> Score:
    """Importance-weighted bound: a lower bound on the log-likelihood of images, tighter with more samples.

    Settings and equation: unweave.metrics.scores.iwae.IWAE.
    """

def udr(
    codes: Iterable[Any],
    *,
    kl_per_latent: Iterable[Any] | None = None,
    seed: int = 0,
    method: Literal["lasso", "spearman"] = "lasso",
    n: int = 1000,
    alpha: float = 0.1,
    min_kl: float = 0.01,
) -> Score:
    """UDR: do models trained with other seeds find the same latents? Needs no factors.

    Settings and equation: unweave.metrics.scores.udr.UDR.
    """

def model_centrality(
    codes: Iterable[Any],
    *,
    kl_per_latent: Iterable[Any] | None = None,
    seed: int = 0,
    n: int = 10000,
    bins: int = 10,
    samples: int = 64,
    votes: int = 800,
    min_kl: float = 0.1,
) -> Score:
    """Model centrality: how well do a model's latents predict those of the other models? Needs no factors.

    Settings and equation: unweave.metrics.scores.model_centrality.ModelCentrality.
    """

def feature_agreement(
    codes: Iterable[Any],
    *,
    kl_per_latent: Iterable[Any] | None = None,
    seed: int = 0,
    n: int = 20000,
    k: int = 64,
    same: float = 0.7,
    min_kl: float = 0.01,
) -> Score:
    """Feature agreement: do models from other seeds find the same features, or the same subspace? Needs no factors.

    Settings and equation: unweave.metrics.scores.feature_agreement.FeatureAgreement.
    """
