"""Settings of a run so small that a step of it takes no time."""

SMALL = {
    "data": "dsprites", "data.size": 32, "data.hold": "lazy", "net": "conv", "net.channels": (8, 8, 8),
    "net.hidden": 16, "batch": 16, "latents": 3, "steps": 20, "lr": 1e-3,
}  # fmt: skip
WITH_CRITIC = {**SMALL, "critic_layers": 2, "critic_width": 32}
