"""Pages that tell the whole story of a run or of several."""

from unweave.show.reports.page import write as write
