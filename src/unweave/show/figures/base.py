"""What a picture is drawn from (Subject), what draws it (View) and what comes out (Picture)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from unweave.base import checks, settings
from unweave.base import html as notebook
from unweave.base.errors import InputError
from unweave.base.files import write_atomic
from unweave.base.records import Codes, Images, Score
from unweave.base.registry import figures
from unweave.show.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEAD = 0.1  # nats; below this a latent carries less than a seventh of a bit
GIF_LIMIT = 3_000_000  # bytes
# Every which frame and how many colours: from the best picture to the smallest file.
GIF_TRIES = ((1, 256), (1, 64), (2, 64), (2, 16), (4, 8))
LARGEST = 128  # pixels; larger images are averaged down, since many stand side by side


@dataclass(frozen=True)
class Classes:
    """Codes (n, d) with the class of each row (n,), which `names` names; `images` gives those of some rows.

    A class that no row belongs to has no magnitude: it is left out, and the others are numbered anew.

    >>> Classes(np.array([[1.0, 0.0], [-3.0, 2.0]]), np.array([2, 2]), ("a", "b", "c"), lambda rows: None).magnitudes()
    array([[2., 1.]])
    """

    codes: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    images: Callable[[np.ndarray], Images]

    def __post_init__(self) -> None:
        present, labels = np.unique(self.labels, return_inverse=True)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "names", tuple(self.names[int(k)] for k in present))

    def magnitudes(self) -> np.ndarray:
        """Mean |z_d| over the rows of each class, (classes, d)."""
        return np.stack([np.abs(self.codes[self.labels == k]).mean(0) for k in range(len(self.names))])

    def typical(self, k: int) -> int:
        """The row of class `k` whose code is nearest to the mean code of the class."""
        rows = np.flatnonzero(self.labels == k)
        own = self.codes[rows]
        return int(rows[((own - own.mean(0)) ** 2).sum(1).argmin()])


@runtime_checkable
class Subject(Protocol):
    """What figures and reports look at: a trained model with its data set, its log and its scores."""

    @property
    def name(self) -> str:
        """Short and unique, such as the name of the run's folder."""
        ...

    @property
    def title(self) -> str:
        """For people: "factor-vae on dsprites, seed 0"."""
        ...

    @property
    def kl_per_latent(self) -> np.ndarray:
        """Mean rate of each latent, (d,) nats per image."""
        ...

    @property
    def log(self) -> Sequence[Mapping[str, Any]]:
        """One table per logged step: "step", "loss", each term, "kl_per_latent"; other keys may appear."""
        ...

    @property
    def units(self) -> Mapping[str, str]:
        """The unit of each term in the log."""
        ...

    @property
    def scores(self) -> Mapping[str, Score]:
        """Scores by the metric's name."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """All settings as nested plain values: "method", "data", "training" (steps, batch, seed) and more."""
        ...

    @property
    def made_with(self) -> Mapping[str, Any]:
        """Versions, commit, "minutes", "images_seen" and the like, as nested plain values."""
        ...

    @property
    def reproduce(self) -> str:
        """The command line that makes the run again."""
        ...

    def reference_images(self, n: int) -> Images:
        """Give the same `n` images each time (fewer if there are fewer), (n, C, H, W) in [0, 1]."""
        ...

    def random_images(self, n: int) -> Images:
        """Draw `n` images from the data set, (n, C, H, W) in [0, 1]."""
        ...

    def encode(self, images: Images) -> Codes:
        """Give the posterior means, (n, d)."""
        ...

    def categories(self, images: Images) -> Tensor | None:
        """Give the categories of images, numbers (n, L), or None where the model tells none."""
        ...

    def decode(self, codes: Codes, categories: Tensor | None = None) -> Images:
        """Turn codes (n, d), and categories where the model has some, into images (n, C, H, W) in [0, 1]."""
        ...

    @property
    def category_sizes(self) -> tuple[int, ...]:
        """Size of each categorical latent that the model tells, () where it tells none."""
        ...

    def classes(self, factor: str | None = None) -> Classes | None:
        """Codes by class: labels, or the values of `factor` (the first one if there are neither name nor labels).

        None where the data set has no classes; a factor that it does not have raises InputError.
        """
        ...

    def factor_code_information(self) -> tuple[np.ndarray, Sequence[str]] | None:
        """Share (0 to 1) of each factor's entropy that each code tells, (K, d), and the factors' names.

        None where the data set has no known factors.
        """
        ...


@dataclass(frozen=True)
class Picture:
    """A drawn figure that can be shown, saved and, where `animation` gives frames (h, w, 3), played.

    Notebooks show it by themselves. `alt` says in words what is to be seen, `theme` in which colours it is drawn.
    """

    figure: Figure
    alt: str
    animation: Callable[[], list[np.ndarray]] | None = None
    theme: str = field(default_factory=style.theme)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels at scale 1."""
        width, height = self.figure.get_size_inches() * style.DPI
        return round(float(width)), round(float(height))

    def png(self, scale: float = 2.0) -> bytes:
        """Draw a bitmap with `scale` times the pixels of `size`."""
        checks.positive(scale=scale)
        return self._matplotlib("png", scale)

    def svg(self) -> bytes:
        """Draw vectors; letters are outlines, so no font is needed to show it."""
        return self._matplotlib("svg")

    def pdf(self) -> bytes:
        """Draw vectors for print, with their fonts embedded."""
        return self._matplotlib("pdf")

    def gif(self, limit: int = GIF_LIMIT) -> bytes:
        """Give the moving form, under `limit` bytes by fewer colours and then fewer frames where needed.

        A figure that does not move raises InputError.
        """
        if self.animation is None:
            raise InputError("a moving picture needs a figure that moves (traversal), got one that does not")
        with style.themed(self.theme):
            frames = self.animation()
            paper = [round(255 * part) for part in style.rgb(style.PAPER)]
        tries = (encode_gif(frames[::every], colours, 70 * every, paper) for every, colours in GIF_TRIES)
        smallest = b""
        for smallest in tries:
            if len(smallest) < limit:
                break
        return smallest

    def save(self, path: str | Path) -> Path:
        """Write to `path`, whose ending chooses the form: .png, .svg, .pdf, and .gif for what moves.

        The file appears whole or not at all. An unknown ending or a folder that cannot be written raises
        InputError.
        """
        target = Path(path)
        forms: dict[str, Callable[[], bytes]] = {".png": self.png, ".svg": self.svg, ".pdf": self.pdf}
        if self.animation is not None:
            forms[".gif"] = self.gif
        if target.suffix.lower() not in forms:
            raise InputError(f"out must end in {' or '.join(forms)} for this figure, got {target.name}")
        return write_file(target, forms[target.suffix.lower()]())

    def _repr_png_(self) -> bytes:
        return self.png()

    def _repr_html_(self) -> str:
        return notebook.image(self.png(), *self.size, self.alt)

    def _matplotlib(self, form: str, scale: float = 1.0) -> bytes:
        # Without dates the same picture has the same bytes.
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": None}
        out = io.BytesIO()
        with style.themed(self.theme), style.applied():
            self.figure.savefig(out, format=form, dpi=style.DPI * scale, metadata=undated[form])
        return out.getvalue()


class View(Protocol):
    """A registered figure: a frozen dataclass of settings that turns a subject into a picture.

    One whose class says `several = True` is given a list of subjects instead; with `over_seeds = True` it shows runs
    that differ in their seed alone as one line or point with its spread, and a study gives it all of them.
    """

    def __call__(self, subject: Any) -> Picture:
        """Draw; a subject that lacks what the figure needs raises InputError."""
        ...


def draw(name: str, subject: Subject | Sequence[Subject], given: Mapping[str, object] | None = None) -> Picture:
    """Draw the registered figure `name` of a subject, or of several where it takes them, with settings by name.

    Besides its own settings every figure takes `theme`, "light" (the default) or "dark". An unknown figure or setting,
    several subjects for a figure of one, or a subject that lacks what the figure needs raises InputError.
    """
    kind = figures.get(name)
    own = dict(given or {})
    with style.themed(str(own.pop("theme", style.theme()))):
        view: View = settings.build(kind, own, of=name)
        subjects = list(subject) if isinstance(subject, Sequence) else [subject]
        if getattr(kind, "several", False):
            return view(subjects)
        if len(subjects) != 1:
            raise InputError(f"{name} is a figure of one run, got {len(subjects)}")
        return view(subjects[0])


def classes_of(subject: Subject, factor: str | None, figure: str) -> Classes:
    """The classes of a subject; InputError where its data set has none."""
    found = subject.classes(factor)
    if found is None:
        raise InputError(f"{figure} needs a data set with classes or known factors, {subject.name} has neither")
    return found


def with_latent(codes: Codes, latent: int, value: float) -> Codes:
    """A copy of codes (n, d) in which one latent has this value."""
    changed = codes.clone()
    changed[:, latent] = value
    return changed


def number(value: float) -> str:
    """At most two decimals, with a true minus sign.

    >>> number(-1.0) == "\N{MINUS SIGN}1", number(0.666)
    (True, '0.67')
    """
    return f"{round(float(value), 2) + 0.0:g}".replace("-", "\N{MINUS SIGN}")


def by_rate(kl_per_latent: np.ndarray) -> np.ndarray:
    """Sort the latents' numbers by rate, highest first; equal rates keep their order.

    >>> by_rate(np.array([0.0, 2.5, 0.7])).tolist()
    [1, 2, 0]
    """
    return np.argsort(-np.asarray(kl_per_latent, dtype=float), kind="stable")


def as_rgb(images: Tensor) -> np.ndarray:
    """Turn images (n, 1 or 3, H, W) into (n, H, W, 3) in [0, 1]; sides above 128 pixels are averaged down.

    Any other number of channels raises InputError.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise InputError(f"images to draw must have shape (n, 1 or 3, H, W), got {tuple(images.shape)}")
    pixels = images.detach().float().cpu()
    height, width = pixels.shape[2:]
    if max(height, width) > LARGEST:
        factor = LARGEST / max(height, width)
        pixels = interpolate(pixels, (max(1, round(height * factor)), max(1, round(width * factor))), mode="area")
    return pixels.clamp(0, 1).expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()


def encode_gif(
    frames: Sequence[np.ndarray], colours: int, milliseconds: int, paper: Sequence[int] = (255, 255, 255)
) -> bytes:
    """Encode frames (h, w, 3) of bytes as an endless GIF with one palette, so that still parts stay still."""
    height, width = frames[0].shape[:2]
    film = Image.fromarray(np.concatenate(frames)).quantize(colours, dither=Image.Dither.NONE)
    shades = np.reshape(film.getpalette() or [], (-1, 3))
    shades[np.abs(shades - np.asarray(paper)).sum(1).argmin()] = paper  # averaging may have changed it slightly
    film.putpalette(shades.flatten().tolist())
    shown = [film.crop((0, k * height, width, (k + 1) * height)) for k in range(len(frames))]
    out = io.BytesIO()
    shown[0].save(out, "GIF", save_all=True, append_images=shown[1:], duration=milliseconds, loop=0)
    return out.getvalue()


def write_file(path: Path, data: bytes) -> Path:
    """Write whole or not at all, making missing folders; what the system refuses raises InputError."""
    try:
        write_atomic(path, lambda file: file.write(data))
    except OSError as wrong:
        raise InputError(f"out must be a file that can be written, got {path}: {wrong.strerror}") from None
    return path
