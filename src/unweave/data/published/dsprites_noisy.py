"""dSprites with noise: white sprites on colour noise (Locatello et al. 2019)."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from unweave.data.published.dsprites_variants import Variant


@dataclass(frozen=True)
class DSpritesNoisy(Variant):
    """White sprites on uniform colour noise from 0 to 1 in every pixel; (3, 64, 64).

    In the original program the noise is drawn anew whenever an image is asked for; here the image's number and `seed`
    decide it, so that an image stays the same. Factors and index are those of `DSprites`, without its symmetry.
    Source: Locatello et al. 2019, https://arxiv.org/abs/1811.12359.

    >>> image = DSpritesNoisy(hold="lazy").images(np.array([0]))
    >>> bool(image.max() == 1), bool(0.45 < image.mean() < 0.55)
    (True, True)
    """

    def over(self, sprites: Tensor, numbers: np.ndarray) -> Tensor:
        return (sprites + self.drawn(numbers, 3, 64, 64)).clamp(max=1)
