"""Studies: many runs from one file, done side by side, as tables with intervals."""

from unweave.studies.spec import Study as Study
from unweave.studies.spec import expand as expand
from unweave.studies.spec import find as find
