"""The explorer as one HTML file that needs no server: the decoder travels in it, as layers and float32 weights."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unweave.base.codes import MEANS, Reading
from unweave.base.errors import InputError
from unweave.base.picture import write_file
from unweave.models.distributions.likelihoods import Bernoulli, ContinuousBernoulli, Gaussian, Laplace
from unweave.models.distributions.mixed import Mixed
from unweave.models.nets.broadcast import OnGrid
from unweave.run.names import read_names
from unweave.run.run import Run
from unweave.show.explorer.exhibit import Exhibit, exhibit

PAGE = "explorer.html"  # in the run's folder, unless another is given
POINTWISE: Mapping[type[nn.Module], str] = {
    nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.SiLU: "silu",
}  # fmt: skip


class _Weights:
    """Arrays that lie one after another; each is given as (start, length)."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.length = 0

    def add(self, values: Tensor | None) -> tuple[int, int] | None:
        if values is None:
            return None
        flat = values.detach().float().cpu().contiguous().numpy().astype("<f4").ravel()
        self.parts.append(flat)
        self.length += flat.size
        return self.length - flat.size, flat.size

    def base64(self) -> str:
        return b64encode(np.concatenate(self.parts).tobytes()).decode()


def write_page(run: Run, out: str | Path | None = None, *, overwrite: bool = False, codes: Reading = MEANS) -> Path:
    """Write one HTML file [RUN/explorer.html] in which the run's latents can be moved without server or network.

    It holds the decoder, some images of the data with their codes, and the names that the user gave to latents. With
    `codes` "planes" two latents that form a plane (`Run.subspaces`) have a dial and a radius. Nets
    are made of linear layers, transposed and 1 x 1 convolutions, batch normalisation and the usual activations. On
    opening, the page compares one image with torch's and says how far it lies off. Another net or likelihood, an
    unfinished run, a name that does not end in .html, and a file that exists (without `overwrite`) raise InputError.
    """
    path = run.path / PAGE if out is None else Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"out must be a file that ends in .html, got {path.name}")
    if path.exists() and not overwrite:
        raise InputError(f"out must be a new file, got {path}, which is there; --overwrite replaces it")
    return write_file(path, page(run, codes).encode())


def page(run: Run, codes: Reading = MEANS) -> str:
    """The page's text."""
    shown = exhibit(run, codes)
    weights = _Weights()
    model = _model(shown, weights)
    first = shown.facts["samples"][0]
    facts = {
        **shown.facts,
        "names": read_names(run.path, shown.model.latents),
        "check": b64encode(shown.decoded(np.array([[*first["codes"], *first["categories"]]], np.float32))).decode(),
        "key": f"unweave {run.title} {run.weights_hash}",
        "size": 0,
        "upload": False,
    }
    static, here = files("unweave.show.explorer").joinpath("static"), files("unweave.show.export")
    style = static.joinpath("style.css").read_text("utf-8")
    sources = [here.joinpath("web_engine.js"), static.joinpath("picture.js"), static.joinpath("explorer.js")]
    scripts = [source.read_text("utf-8") for source in sources]
    icon = "data:image/svg+xml;base64," + b64encode(static.joinpath("icon.svg").read_bytes()).decode()
    text = static.joinpath("index.html").read_text("utf-8").replace("<!-- title -->", escape(run.title))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {' '.join(map(_digest, scripts))}"
    )
    held = [
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f'<link rel="icon" href="{icon}">',
        f"<style>{style}</style>",
        f'<script type="application/json" id="facts">{_json(facts)}</script>',
        f'<script type="application/json" id="model">{_json(model)}</script>',
        f'<script type="text/plain" id="weights">{weights.base64()}</script>',
        *(f"<script>{code}</script>" for code in scripts),
    ]
    # What the server's page refers to gives way to the same in place.
    text = re.sub(r'<(link|script) [^\n]*(href|src)="[^\n]*\n', "", text)
    return text.replace("</head>", "\n".join(held) + "\n</head>", 1)


def _digest(code: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def _json(values: Mapping[str, Any]) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(values, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _model(shown: Exhibit, weights: _Weights) -> dict[str, Any]:
    """What web_engine.js decodes with."""
    vae = shown.model.vae
    units = vae.units
    sizes = list(shown.model.category_sizes)
    read, softmax = _read(vae.likelihood)
    return {
        "layers": [_layer(each, weights) for each in _flat(vae.decoder)],
        "latents": shown.model.latents,
        "categories": sizes,
        "silent": sum(vae.latents.categories) - sum(sizes),  # places that the decoder has and the model never gives
        "read": read,
        "softmax": softmax,
        "units": None if units is None else {"shift": weights.add(units.shift), "scale": weights.add(units.scale)},
        "bounded": shown.model.bounded,
        "range": [shown.low, shown.high],
    }


def _flat(module: nn.Module) -> Iterator[nn.Module]:
    """The layers in order."""
    if isinstance(module, nn.Sequential):
        for each in module:
            yield from _flat(each)
    elif not isinstance(module, (nn.Identity, nn.Dropout)):
        yield module


def _layer(layer: nn.Module, weights: _Weights) -> dict[str, Any]:
    """One layer as the page knows it, or InputError."""
    if isinstance(layer, nn.Linear):
        held = {"weight": weights.add(layer.weight), "bias": weights.add(layer.bias)}
        return {"kind": "linear", **held, "outputs": layer.out_features}
    if isinstance(layer, OnGrid):
        shift = layer.coordinates(layer.places).permute(2, 0, 1)
        codes = {"weight": weights.add(layer.codes.weight), "bias": weights.add(layer.codes.bias)}
        return {"kind": "grid", **codes, "outputs": len(shift), "shift": weights.add(shift), "shape": list(shift.shape)}
    if (
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (1, 1) == layer.stride
        and layer.groups == 1
        and layer.padding == (0, 0)
    ):
        turned = weights.add(layer.weight.transpose(0, 1))  # a transposed convolution is the same, but for its weights
        same = {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0), "more": (0, 0)}
        bias = weights.add(layer.bias)
        return {"kind": "transposed", "weight": turned, "bias": bias, "outputs": layer.out_channels, **same}
    if isinstance(layer, nn.ConvTranspose2d) and layer.groups == 1 and layer.dilation == (1, 1):
        return {
            "kind": "transposed",
            "weight": weights.add(layer.weight),
            "bias": weights.add(layer.bias),
            "outputs": layer.out_channels,
            "kernel": layer.kernel_size,
            "stride": layer.stride,
            "padding": layer.padding,
            "more": layer.output_padding,
        }
    if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
        scale, shift = (layer.running_var + layer.eps).rsqrt(), torch.zeros_like(layer.running_mean)
        if layer.affine:
            scale, shift = scale * layer.weight, shift + layer.bias
        shift = shift - layer.running_mean * scale
        return {"kind": "affine", "scale": weights.add(scale), "shift": weights.add(shift)}
    if isinstance(layer, nn.Unflatten) and layer.dim == 1:
        return {"kind": "reshape", "shape": list(layer.unflattened_size)}
    if isinstance(layer, nn.LeakyReLU):
        return {"kind": "pointwise", "name": "leaky-relu", "value": layer.negative_slope}
    if isinstance(layer, nn.ELU):
        return {"kind": "pointwise", "name": "elu", "value": layer.alpha}
    if isinstance(layer, nn.GELU) and layer.approximate == "none":
        return {"kind": "pointwise", "name": "gelu", "value": 0}
    for kind, name in POINTWISE.items():
        if isinstance(layer, kind):
            return {"kind": "pointwise", "name": name, "value": 0}
    raise InputError(f"export to web supports only the layers of unweave's own nets, got {layer}; use --to onnx")


def _read(likelihood: object) -> tuple[str, list[int]]:
    """How the decoder's numbers become an image, and the sizes of the softmaxes at its end."""
    if isinstance(likelihood, Bernoulli):
        return "sigmoid", []
    if isinstance(likelihood, ContinuousBernoulli):
        return "continuous-bernoulli", []
    if isinstance(likelihood, (Gaussian, Laplace)):
        return ("sigmoid" if likelihood.squash else "none"), []
    if isinstance(likelihood, Mixed):
        return "none", list(likelihood.categories)
    raise InputError(
        f"export to web supports only unweave's own likelihoods, got {type(likelihood).__name__}; use --to onnx"
    )
