"""Subspaces: latents that belong together and have no axes of their own, found in codes without labels."""

from unweave.subspaces.dependence import Dependence as Dependence
from unweave.subspaces.find import Block as Block
from unweave.subspaces.find import Evidence as Evidence
from unweave.subspaces.find import Subspaces as Subspaces
from unweave.subspaces.find import find_subspaces as find_subspaces
from unweave.subspaces.turning import Turning as Turning
