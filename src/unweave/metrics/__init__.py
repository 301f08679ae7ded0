"""Scores of codes against true factors: pure functions on arrays, and the settings classes behind them."""

from unweave.metrics.beta_vae_score import beta_vae_score as beta_vae_score
from unweave.metrics.dci import dci as dci
from unweave.metrics.factor_vae_score import factor_vae_score as factor_vae_score
from unweave.metrics.mig import mig as mig
from unweave.metrics.probe import Encoded as Encoded
from unweave.metrics.probe import Probe as Probe
from unweave.types import Score as Score
