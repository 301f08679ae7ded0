"""Scores of codes: pure functions on arrays, and the settings classes behind them."""

from unweave.metrics.beta_vae_score import beta_vae_score as beta_vae_score
from unweave.metrics.cluster_accuracy import cluster_accuracy as cluster_accuracy
from unweave.metrics.dci import dci as dci
from unweave.metrics.elbo_decomposition import elbo_decomposition as elbo_decomposition
from unweave.metrics.factor_vae_score import factor_vae_score as factor_vae_score
from unweave.metrics.hoyer import hoyer as hoyer
from unweave.metrics.iwae import iwae as iwae
from unweave.metrics.mig import mig as mig
from unweave.metrics.overlap import overlap as overlap
from unweave.metrics.prior_match import prior_match as prior_match
from unweave.metrics.probe import Encoded as Encoded
from unweave.metrics.probe import Probe as Probe
from unweave.types import Score as Score
