"""Every method, metric, net, prior, likelihood, data set and figure by name, without importing one of them.

A registry is a table of strings `name -> "module:Class"`; the module is imported when the name is asked for, so
that help, lists and errors about unknown names stay fast. To add something, write its file and put its line here.
Other packages add theirs through entry points of the groups named below.
"""

import ast
import importlib
import importlib.util
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from unweave.base import checks
from unweave.base.errors import InputError

T = TypeVar("T")
OLDER = {"unweave.figures": "unweave.views"}  # entry point groups that had another name, which is still read


def first_line(module: str) -> str:
    """First line of a module's docstring, read without running it.

    >>> first_line("unweave.base.registry")
    'Every method, metric, net, prior, likelihood, data set and figure by name, without importing one of them.'
    """
    place = Path(__file__).parents[1].joinpath(*module.split(".")[1:])
    source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return (ast.get_docstring(ast.parse(source.read_text("utf-8"))) or "").split("\n")[0]


class Registry(Generic[T]):
    """Names of one kind of thing; `get` imports, nothing else does.

    >>> methods.summary("beta-vae")
    'beta-VAE: a VAE with a larger weight on the rate.'
    """

    def __init__(self, kind: str, group: str, table: dict[str, str]) -> None:
        self.kind, self.group, self.table = kind, group, table
        self._added: dict[str, type[T]] = {}

    @cached_property
    def plugins(self) -> dict[str, EntryPoint]:
        """Entry points of other packages; names that unweave itself uses stay its own."""
        groups = filter(None, (OLDER.get(self.group), self.group))
        points = (point for group in groups for point in entry_points(group=group))
        return {point.name: point for point in points if point.name not in self.table}

    def names(self) -> list[str]:
        """All names, shipped ones first, each part in its own order."""
        return [*self.table, *self.plugins, *self._added]

    def get(self, name: str) -> type[T]:
        """Import and return what `name` stands for; an unknown name raises InputError with the nearest one."""
        if name in self._added:
            return self._added[name]
        checks.known(self.kind, name, self.names())
        if name in self.plugins:
            return self.plugins[name].load()
        module, _, attribute = self.table[name].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def name_of(self, cls: type) -> str:
        """The name under which `cls` is registered."""
        for name, target in self.table.items():
            if target == f"{cls.__module__}:{cls.__qualname__}":
                return name
        for name in (*self.plugins, *self._added):
            if self.get(name) is cls:
                return name
        raise InputError(f"{cls.__name__} is not a registered {self.kind}; known: {', '.join(self.names())}")

    def add(self, name: str, cls: type[T]) -> None:
        """Register `cls` for this process only (what a file given with --plugin does)."""
        if name in self.table or name in self.plugins:
            raise InputError(f"{self.kind} '{name}' exists already; choose another name for {cls.__name__}")
        self._added[name] = cls

    def origin(self, name: str) -> str | None:
        """Which package and version brought `name`: None for unweave's own."""
        if name in self.plugins and (dist := self.plugins[name].dist) is not None:
            return f"{dist.name} {dist.version}"
        return "--plugin" if name in self._added else None

    def summary(self, name: str) -> str:
        """A line about `name`: of unweave's own the first of its module's docstring, read without running it.

        Of what others add it is the first line of the class's docstring, or that it cannot be imported, and why.
        """
        checks.known(self.kind, name, self.names())
        if name in self.table:
            return first_line(self.table[name].partition(":")[0])
        try:
            return (self.get(name).__doc__ or "").strip().split("\n")[0]
        except Exception as wrong:  # whatever another package does when it is imported, a list names the rest
            return f"cannot be imported: {type(wrong).__name__}: {wrong}"


methods: Registry[Any] = Registry(
    "method",
    "unweave.objectives",
    {
        "vae": "unweave.models.objectives.vae:VAEObjective",
        "beta-vae": "unweave.models.objectives.beta_vae:BetaVAE",
        "annealed-vae": "unweave.models.objectives.annealed_vae:AnnealedVAE",
        "factor-vae": "unweave.models.objectives.factor_vae:FactorVAE",
        "beta-tcvae": "unweave.models.objectives.beta_tcvae:BetaTCVAE",
        "dip-vae-i": "unweave.models.objectives.dip_vae_i:DIPVAEI",
        "dip-vae-ii": "unweave.models.objectives.dip_vae_ii:DIPVAEII",
        "joint-vae": "unweave.models.objectives.joint_vae:JointVAE",
        "cascade-vae-c": "unweave.models.objectives.cascade_vae_c:CascadeVAEC",
        "cascade-vae": "unweave.models.objectives.cascade_vae:CascadeVAE",
        "aae": "unweave.models.objectives.aae:AAE",
        "decomposition-vae": "unweave.models.objectives.decomposition_vae:DecompositionVAE",
        "ada-gvae": "unweave.models.objectives.ada_gvae:AdaGVAE",
        "ada-ml-vae": "unweave.models.objectives.ada_ml_vae:AdaMLVAE",
        "group-vae": "unweave.models.objectives.group_vae:GroupVAE",
    },
)
datasets: Registry[Any] = Registry(
    "data set",
    "unweave.data",
    {
        "dsprites": "unweave.data.published.dsprites:DSprites",
        "dsprites-color": "unweave.data.published.dsprites_color:DSpritesColor",
        "dsprites-noisy": "unweave.data.published.dsprites_noisy:DSpritesNoisy",
        "dsprites-scream": "unweave.data.published.dsprites_scream:DSpritesScream",
        "identity": "unweave.data.published.identity:Identity",
        "pinwheel": "unweave.data.published.pinwheel:Pinwheel",
        "circle": "unweave.data.published.circle:Circle",
        "tree": "unweave.data.published.tree:Tree",
        "fashion-mnist": "unweave.data.published.fashion_mnist:FashionMNIST",
        "mnist": "unweave.data.published.mnist:MNIST",
        "shapes3d": "unweave.data.published.shapes3d:Shapes3D",
        "cars3d": "unweave.data.published.cars3d:Cars3D",
        "small-norb": "unweave.data.published.small_norb:SmallNORB",
        "mpi3d-toy": "unweave.data.published.mpi3d:MPI3DToy",
        "mpi3d-realistic": "unweave.data.published.mpi3d:MPI3DRealistic",
        "mpi3d-real": "unweave.data.published.mpi3d:MPI3DReal",
        "celeba": "unweave.data.published.celeba:CelebA",
        "chairs3d": "unweave.data.published.chairs3d:Chairs3D",
        "folder": "unweave.data.own.folder:Folder",
        "array": "unweave.data.own.array:Array",
        "table": "unweave.data.own.table:Table",
    },
)
nets: Registry[Any] = Registry(
    "net",
    "unweave.nets",
    {
        "conv": "unweave.models.nets.conv:Conv",
        "broadcast": "unweave.models.nets.broadcast:Broadcast",
        "posed": "unweave.models.nets.posed:Posed",
        "mlp": "unweave.models.nets.mlp:MLP",
        "dlib-conv": "unweave.models.nets.dlib_conv:DlibConv",
        "higgins-mlp": "unweave.models.nets.higgins_mlp:HigginsMLP",
        "kim2018": "unweave.models.nets.kim2018:Kim2018",
        "kim2018-rgb": "unweave.models.nets.kim2018:Kim2018RGB",
        "mathieu-dsprites": "unweave.models.nets.mathieu_dsprites:MathieuDSprites",
        "jointvae": "unweave.models.nets.jointvae:JointVAENet",
        "cascade": "unweave.models.nets.cascade:CascadeNet",
        "burgess": "unweave.models.nets.burgess:Burgess",
        "chen-conv": "unweave.models.nets.chen_conv:ChenConv",
        "pinwheel-mlp": "unweave.models.nets.pinwheel_mlp:PinwheelMLP",
        "fashion-conv": "unweave.models.nets.fashion_conv:FashionConv",
    },
)
priors: Registry[Any] = Registry(
    "prior",
    "unweave.priors",
    {
        "isotropic": "unweave.models.distributions.isotropic:Isotropic",
        "anisotropic": "unweave.models.distributions.anisotropic:Anisotropic",
        "student-t": "unweave.models.distributions.student:Student",
        "mixture": "unweave.models.distributions.mixture:Mixture",
        "sparse": "unweave.models.distributions.sparse:Sparse",
        "subspaces": "unweave.models.distributions.subspaces:Subspaces",
        "hierarchical": "unweave.models.distributions.hierarchical:Hierarchical",
    },
)
likelihoods: Registry[Any] = Registry(
    "likelihood",
    "unweave.likelihoods",
    {
        "bernoulli": "unweave.models.distributions.likelihoods:Bernoulli",
        "continuous-bernoulli": "unweave.models.distributions.likelihoods:ContinuousBernoulli",
        "gaussian": "unweave.models.distributions.likelihoods:Gaussian",
        "laplace": "unweave.models.distributions.likelihoods:Laplace",
        "mixed": "unweave.models.distributions.mixed:Mixed",
    },
)
metrics: Registry[Any] = Registry(
    "metric",
    "unweave.metrics",
    {
        "beta-vae-score": "unweave.metrics.scores.beta_vae_score:BetaVAEScore",
        "factor-vae-score": "unweave.metrics.scores.factor_vae_score:FactorVAEScore",
        "mig": "unweave.metrics.scores.mig:MIG",
        "mig-sampled": "unweave.metrics.scores.mig_sampled:SampledMIG",
        "dci": "unweave.metrics.scores.dci:DCI",
        "dci-es": "unweave.metrics.scores.dci_es:DCIES",
        "neuron-comparison": "unweave.metrics.scores.neuron_comparison:NeuronComparison",
        "held-out-combinations": "unweave.metrics.scores.held_out_combinations:HeldOutCombinations",
        "absorption": "unweave.metrics.scores.absorption:Absorption",
        "composition": "unweave.metrics.scores.composition:Composition",
        "sap": "unweave.metrics.scores.sap:SAP",
        "modularity": "unweave.metrics.scores.modularity:Modularity",
        "explicitness": "unweave.metrics.scores.explicitness:Explicitness",
        "irs": "unweave.metrics.scores.irs:IRS",
        "infomec": "unweave.metrics.scores.infomec:InfoMEC",
        "gaussian-total-correlation": "unweave.metrics.scores.gaussian_total_correlation:GaussianTotalCorrelation",
        "wasserstein-correlation": "unweave.metrics.scores.wasserstein_correlation:WassersteinCorrelation",
        "code-mutual-information": "unweave.metrics.scores.code_mutual_information:CodeMutualInformation",
        "cluster-accuracy": "unweave.metrics.scores.cluster_accuracy:ClusterAccuracy",
        "hoyer": "unweave.metrics.scores.hoyer:Hoyer",
        "overlap": "unweave.metrics.scores.overlap:Overlap",
        "prior-match": "unweave.metrics.scores.prior_match:PriorMatch",
        "elbo-decomposition": "unweave.metrics.scores.elbo_decomposition:ElboDecomposition",
        "iwae": "unweave.metrics.scores.iwae:IWAE",
    },
)
comparisons: Registry[Any] = Registry(
    "comparison",
    "unweave.comparisons",
    {
        "udr": "unweave.metrics.scores.udr:UDR",
        "model-centrality": "unweave.metrics.scores.model_centrality:ModelCentrality",
        "feature-agreement": "unweave.metrics.scores.feature_agreement:FeatureAgreement",
    },
)
figures: Registry[Any] = Registry(
    "figure",
    "unweave.figures",
    {
        "traversal": "unweave.show.figures.traversal:Traversal",
        "canonical": "unweave.show.figures.canonical:Canonical",
        "reconstructions": "unweave.show.figures.reconstructions:Reconstructions",
        "samples": "unweave.show.figures.samples:Samples",
        "composition": "unweave.show.figures.composition:Composition",
        "interpolation": "unweave.show.figures.interpolation:Interpolation",
        "nearest": "unweave.show.figures.nearest:Nearest",
        "curves": "unweave.show.figures.curves:Curves",
        "progress": "unweave.show.figures.progress:Progress",
        "rate-distortion": "unweave.show.figures.rate_distortion:RateDistortion",
        "mutual-information": "unweave.show.figures.mutual_information:MutualInformation",
        "aggregate-posterior": "unweave.show.figures.aggregate_posterior:AggregatePosterior",
        "marginals": "unweave.show.figures.marginals:Marginals",
        "latent-pairs": "unweave.show.figures.latent_pairs:LatentPairs",
        "planes": "unweave.show.figures.planes:Planes",
        "class-magnitudes": "unweave.show.figures.class_magnitudes:ClassMagnitudes",
        "active-dimensions": "unweave.show.figures.active_dimensions:ActiveDimensions",
        "hoyer-alpha": "unweave.show.figures.hoyer_alpha:HoyerAlpha",
        "columns": "unweave.show.figures.columns:Columns",
    },
)

ALL: dict[str, Registry[Any]] = {
    "methods": methods,
    "data": datasets,
    "metrics": metrics,
    "comparisons": comparisons,
    "nets": nets,
    "priors": priors,
    "likelihoods": likelihoods,
    "figures": figures,
}
PARTS = {"data": datasets, "net": nets, "prior": priors, "likelihood": likelihoods}  # of a run, besides its method


def load_file(path: str | Path) -> None:
    """Run a Python file that the user named on the command line; it calls `add` on the registries it wants.

    Only ever called with a path from the user's own hands, never with one that a run folder or a recipe names.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"--plugin must be a Python file, got {file}, which does not exist")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise InputError(f"--plugin must be a Python file, got {file}")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
