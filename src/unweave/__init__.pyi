from unweave import codes as codes
from unweave import data as data
from unweave import metrics as metrics
from unweave import nets as nets
from unweave import objectives as objectives
from unweave.errors import Diverged as Diverged
from unweave.errors import InputError as InputError
from unweave.estimator import Unweaver as Unweaver
from unweave.export import load_model as load_model
from unweave.run import Run as Run
from unweave.run import runs as runs
from unweave.run import train as train
from unweave.types import Score as Score

__version__: str
