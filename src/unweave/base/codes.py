"""How codes are read, by name: as the posterior means, or with planes of latents told as radius and direction."""

from typing import Literal, TypeAlias, get_args

Reading: TypeAlias = Literal["means", "planes"]
Kind: TypeAlias = Literal["means", "planes", "sampled", "index"]  # what a score looked at: also draws, and categories
MEANS: Reading = "means"
PLANES: Reading = "planes"


def title_of(metric: str, codes: str) -> str:
    """What a score is called beside others: codes that are not the posterior means are named.

    >>> title_of("mig", "means"), title_of("mig", "planes")
    ('mig', 'mig (planes)')
    """
    return metric if codes == MEANS else f"{metric} ({codes})"


def of_title(title: str) -> tuple[str, Reading]:
    """The metric and the reading of a title; a title without one is of the means.

    >>> of_title("mig (planes)"), of_title("mig")
    (('mig', 'planes'), ('mig', 'means'))
    """
    for reading in get_args(Reading):
        if title.endswith(ending := f" ({reading})"):
            return title.removesuffix(ending), reading
    return title, MEANS
