"""Training: what a run is, the one loop, and the folder it lives in."""

from unweave.engine.loop import train as train
from unweave.engine.spec import Spec as Spec
from unweave.engine.spec import Training as Training
