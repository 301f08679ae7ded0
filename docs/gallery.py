"""Draw the pictures of docs/figures.md: python docs/gallery.py [FOLDER], with small runs that are trained there.

Takes about ten minutes on two cores. Runs that lie in FOLDER already are taken as they are; without a folder a
temporary one is used.
"""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

import unweave
from unweave.base.files import write_atomic
from unweave.run.run import Run, Runs

HERE = Path(__file__).resolve().parent / "images" / "figures"
COLOURS = 64  # of a picture's palette: small files, and lines are as sharp
WATCHED = {"score_every": 100, "score_images": 1500, "score_metrics": ("beta-vae-score", "factor-vae-score")}
POSED = {
    "data": "dsprites", "data.size": 32, "likelihood.distortion_weight": 4.0, "latents": 8,
    "net": "posed", "net.channels": (16, 32, 64), "net.width": 48,
    "steps": 1500, "lr": 0.001, "lr_warmup": 200, "lr_final": 0.05, "blur": 6.0,
    "blur_steps": 300,
}  # fmt: skip
SHORT = {"data": "dsprites", "data.size": 32, "steps": 400, "likelihood.distortion_weight": 4.0, **WATCHED}


def trained(folder: Path, name: str, method: str, **settings: object) -> Run:
    """The run of this name, trained if it is not there."""
    out = folder / name
    return Run(out) if (out / "done.json").is_file() else unweave.train(method, out=out, **settings)


def keep(run: Run | Runs, figure: str, name: str | None = None, colours: int = COLOURS, **settings: object) -> None:
    """Draw a figure and keep it as a bitmap of few colours."""
    shown = Image.open(BytesIO(run.draw(figure, **settings).png(1.5))).convert("RGB")
    data = BytesIO()
    shown.quantize(colours, dither=Image.Dither.NONE).save(data, "PNG", optimize=True)
    place = HERE / f"{name or figure}.png"
    write_atomic(place, lambda file: file.write(data.getvalue()))
    print(place.name, f"{len(data.getvalue()) / 1000:.0f} kB")


def main(folder: Path) -> None:
    """Train what is not there and draw every figure."""
    factor = trained(folder, "factor-vae", "factor-vae", recipe="factor-vae-dsprites-laptop")
    cascade = trained(folder, "cascade-vae", "cascade-vae", recipe="cascade-vae-dsprites-laptop")
    plane = Runs(
        trained(
            folder,
            f"beta-{beta:g}-alpha-{alpha:g}",
            "decomposition-vae",
            recipe="decomposition-vae-pinwheel-published",
            beta=beta,
            alpha=alpha,
        )
        for beta in (0.1, 1.0, 10.0)
        for alpha in (0.0, 1.0)
    )
    short = Runs(
        trained(folder, f"{method}-{value:g}-{seed}", method, **{name: value}, seed=seed, **SHORT)
        for method, name, values in (("beta-vae", "beta", (1.0, 8.0)), ("factor-vae", "gamma", (5.0, 20.0)))
        for value in values
        for seed in range(3)
    )
    keep(factor, "traversal", "traversal-dark", theme="dark")
    for figure in ("traversal", "reconstructions", "samples", "interpolation", "curves", "marginals"):
        keep(factor, figure)
    posed = trained(folder, "posed", "vae", **POSED)
    keep(posed, "canonical", images=10)
    keep(factor, "nearest", neighbours=2)
    keep(factor, "mutual-information")
    keep(factor, "latent-pairs", factor="orientation")
    keep(factor, "planes", colours=256)
    keep(factor, "class-magnitudes", factor="scale")
    keep(factor, "active-dimensions", factor="scale", blocks=2)
    keep(cascade, "traversal", "traversal-categories", span="zero", latents=4)
    keep(plane, "aggregate-posterior")
    keep(plane, "rate-distortion")
    keep(short, "progress")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
