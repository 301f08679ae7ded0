"""Training: what a run is, the one loop, and the folder it lives in."""

from unweave.engine.callbacks import Callback as Callback
from unweave.engine.callbacks import StopTraining as StopTraining
from unweave.engine.spec import Spec as Spec
from unweave.engine.spec import Training as Training
from unweave.engine.training import train as train
