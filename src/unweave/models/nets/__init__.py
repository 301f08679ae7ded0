"""Encoders and decoders by name, and the critic that judges codes."""

from unweave.models.nets.base import Net as Net
from unweave.models.nets.base import build as build
from unweave.models.nets.critic import mlp_critic as mlp_critic
