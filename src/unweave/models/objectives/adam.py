"""Adam's settings: those of a method for the VAE, and those of its critic."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AdamSettings:
    """Adam's settings; `l2` is added to the gradient of weights (not biases) before the moments are taken."""

    lr: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    amsgrad: bool = False
    l2: float = 0.0
