"""Write a run's model as files that travel: safetensors with its settings, ONNX, or a page that decodes."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter


def export(
    run: Annotated[str, Parameter(help="folder of the run")],
    /,
    *,
    to: Annotated[
        Literal["safetensors", "onnx", "web"],
        Parameter(
            help="safetensors: weights and settings for unweave.load_model; onnx: encoder and decoder as graphs; "
            "web: one HTML file whose sliders move the latents, without a server"
        ),
    ],
    out: Annotated[
        str | None, Parameter(help="folder to write [RUN/safetensors or RUN/onnx]; for web a file [RUN/explorer.html]")
    ] = None,
    overwrite: Annotated[
        bool, Parameter(help="write into a folder that is not empty, or over the file of web", negative=())
    ] = False,
) -> None:
    """Write a run's model as files that travel: safetensors with its settings, ONNX, or a page that decodes."""
    from unweave.run.run import Run
    from unweave.show.export import export as export_run

    place = export_run(Run(run), to, out, overwrite=overwrite)
    for file in sorted(place.iterdir()) if place.is_dir() else [place]:
        print(f"{file}  {file.stat().st_size:,} bytes")
