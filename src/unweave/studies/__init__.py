"""Studies: many runs from one file, done side by side, as tables with intervals."""

from unweave.studies.expansion import expand as expand
from unweave.studies.reading import find as find
from unweave.studies.spec import Study as Study
