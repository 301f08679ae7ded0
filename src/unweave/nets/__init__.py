"""Encoders and decoders by name, and the critic that judges codes."""

from unweave.nets.base import Net as Net
from unweave.nets.base import build as build
from unweave.nets.critic import mlp_critic as mlp_critic
