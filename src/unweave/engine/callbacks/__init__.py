"""What may watch a run while it trains."""

from unweave.engine.callbacks.base import Enough as Enough
from unweave.engine.callbacks.base import Watcher as Watcher
