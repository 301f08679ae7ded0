from unweave import data as data
from unweave import metrics as metrics
from unweave.base.errors import Diverged as Diverged
from unweave.base.errors import InputError as InputError
from unweave.base.records import Score as Score
from unweave.face.estimator import Unweaver as Unweaver
from unweave.models import nets as nets
from unweave.models import objectives as objectives
from unweave.run.launch import train as train
from unweave.run.run import Run as Run
from unweave.run.run import runs as runs
from unweave.show import codes as codes
from unweave.show.export import load_model as load_model

__version__: str
