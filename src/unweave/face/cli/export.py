"""Export a run's model: safetensors with its settings, ONNX, or an HTML page that decodes."""

from __future__ import annotations

from typing import Annotated, Literal

from unweave.base.codes import Reading

WHAT = (
    "safetensors: weights and settings for unweave.load_model; onnx: encoder and decoder as graphs; web: one HTML file "
    "whose sliders move the latents, without a server"
)
CODES = "planes: pairs of latents that encode an angle as radius and angle, in columns (onnx) or with a dial (web)"
OUT = "folder to write [RUN/safetensors or RUN/onnx]; for web a file [RUN/explorer.html]"


def export(
    run: Annotated[str, "folder of the run"],
    /,
    *,
    to: Annotated[Literal["safetensors", "onnx", "web"], WHAT],
    out: Annotated[str | None, OUT] = None,
    codes: Annotated[Reading, CODES] = "means",
    overwrite: Annotated[bool, "write into a folder that is not empty, or replace the HTML file"] = False,
) -> None:
    """Export a run's model: safetensors with its settings, ONNX, or an HTML page that decodes."""
    from unweave.run.run import Run
    from unweave.show.export import export as export_run

    place = export_run(Run(run), to, out, overwrite=overwrite, codes=codes)
    for file in sorted(place.iterdir()) if place.is_dir() else [place]:
        print(f"{file}  {file.stat().st_size:,} bytes")
