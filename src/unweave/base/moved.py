"""Modules that have moved: their old names still import, and warn once with the name to use instead."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# Old name -> new name; what lies below an old name lies below the new one, and the longest old name counts.
MOVED = {
    **{f"unweave.{name}": f"unweave.base.{name}" for name in (
        "errors", "checks", "seeds", "schedules", "settings", "registry", "references",
    )},
    **{f"unweave.{name}": f"unweave.models.{name}" for name in (
        "distributions", "divergences", "nets", "objectives", "vae",
    )},
    **{f"unweave.{name}": f"unweave.show.{name}" for name in ("reports", "explorer", "export", "codes")},
    **{f"unweave.data.{name}": f"unweave.data.published.{name}" for name in (
        "cars3d", "celeba", "chairs3d", "download", "dsprites", "dsprites_color", "dsprites_noisy", "dsprites_scream",
        "dsprites_variants", "fashion_mnist", "identity", "mnist", "mpi3d", "pinwheel", "shapes3d", "small_norb",
        "stored",
    )},
    **{f"unweave.data.{name}": f"unweave.data.own.{name}" for name in (
        "array", "decode", "factors_csv", "fitting", "folder", "locate", "memory", "table",
    )},
    **{f"unweave.data.{name}": f"unweave.data.readers.{name}" for name in (
        "archives", "cells", "containers", "idx", "images",
    )},
    **{f"unweave.metrics.{name}": f"unweave.metrics.scores.{name}" for name in (
        "beta_vae_score", "cluster_accuracy", "code_mutual_information", "dci", "elbo_decomposition", "explicitness",
        "factor_vae_score", "gaussian_total_correlation", "hoyer", "infomec", "irs", "iwae", "mig", "mig_sampled",
        "model_centrality", "modularity", "overlap", "prior_match", "sap", "udr", "wasserstein_correlation",
    )},
    "unweave.data.cache": "unweave.base.cache",
    "unweave.studies.claim": "unweave.base.claim",
    "unweave.notebook": "unweave.base.html",
    "unweave.views": "unweave.show.figures",
    "unweave.views.style": "unweave.base.style",
    "unweave.show.views": "unweave.show.figures",
    "unweave.types": "unweave.base.records",
    "unweave.model": "unweave.models.trained",
    "unweave.recipes": "unweave.run.recipes",
    "unweave.importing": "unweave.run.importing",
    "unweave.cli": "unweave.face.cli",
    "unweave.explorer.names": "unweave.run.names",
    "unweave.show.explorer.names": "unweave.run.names",
    "unweave.estimator": "unweave.face.estimator",
    "unweave.engine.train": "unweave.engine.training",
    "unweave.engine.lines": "unweave.base.files",
    "unweave.engine.callbacks.base": "unweave.engine.callbacks",
    "unweave.engine.callbacks.early_stopping": "unweave.engine.early_stopping",
    "unweave.engine.callbacks.progress": "unweave.engine.progress",
}  # fmt: skip


def new_name(old: str) -> str | None:
    """Where the module `old` lies now; None for one that never moved.

    >>> new_name("unweave.nets.base"), new_name("unweave.data")
    ('unweave.models.nets.base', None)
    """
    parts = old.split(".")
    for length in range(len(parts), 1, -1):
        if (head := ".".join(parts[:length])) in MOVED:
            return ".".join([MOVED[head], *parts[length:]])
    return None


class Forwarding(MetaPathFinder, Loader):
    """Imports the module of the new name where an old one is asked for; both are then the same module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for an old name, None for every other."""
        return None if new_name(fullname) is None else ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module under its new name."""
        new = str(new_name(spec.name))
        module = importlib.import_module(new)
        spec.loader_state = module.__spec__
        warnings.warn(f"{spec.name} is now {new}", DeprecationWarning, stacklevel=2)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run; the spec that belongs to the module is put back."""
        module.__spec__ = module.__spec__ and module.__spec__.loader_state


def install() -> None:
    """Let old names be found; first of all finders, lest a module is loaded twice below a package that moved."""
    if not any(isinstance(finder, Forwarding) for finder in sys.meta_path):
        sys.meta_path.insert(0, Forwarding())
