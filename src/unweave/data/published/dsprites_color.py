"""dSprites in colour: each sprite in a colour of its own (Locatello et al. 2019)."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from unweave.data.published.dsprites_variants import Variant


@dataclass(frozen=True)
class DSpritesColor(Variant):
    """Each sprite in a colour of its own, its red, green and blue uniform from 1/2 to 1, on black; (3, 64, 64).

    In the original program the colour is drawn anew whenever an image is asked for; here the image's number and `seed`
    decide it, so that an image stays the same. Factors and index are those of `DSprites`, without its symmetry.
    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359.

    >>> data = DSpritesColor(hold="lazy")
    >>> colours = data.images(np.array([0, 1])).amax((2, 3))
    >>> bool((colours >= 0.5).all()), bool((colours[0] == colours[1]).any())
    (True, False)
    """

    def over(self, sprites: Tensor, numbers: np.ndarray) -> Tensor:
        return sprites * (0.5 + 0.5 * self.drawn(numbers, 3, 1, 1))
