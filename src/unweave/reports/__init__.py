"""Pages that tell the whole story of a run or of several."""

from unweave.reports.page import write as write
