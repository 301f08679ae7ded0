"""encoder.onnx and decoder.onnx: the nets as graphs that need neither unweave nor torch."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unweave.base.errors import InputError
from unweave.base.files import write_atomic
from unweave.base.seeds import Generators
from unweave.models.trained import Model
from unweave.models.vae import VAE
from unweave.subspaces import Subspaces

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
LIMIT = 1e-5  # how far a graph's numbers may lie from torch's; above 1 in size, relative to them
ROUNDING = 1e-6  # what float32 itself may lose of large numbers
SIZES = (1, 7)  # batches that graphs are compared on, neither of the size they were traced with


class _Planes(nn.Module):
    """`Subspaces.polar` and `Subspaces.inverse` in float32."""

    def __init__(self, found: Subspaces) -> None:
        super().__init__()
        self.found = found
        self.order = np.argsort([*found.singles, *(j for block in found.blocks for j in block.latents)]).tolist()

    def forward(self, z: Tensor) -> Tensor:
        parts = [z[:, self.found.singles]] if self.found.singles else []
        for block in self.found.blocks:
            points = (z[:, list(block.latents)] - torch.tensor(block.centre)) @ torch.tensor(block.matrix)
            radius = (points**2).sum(1, keepdim=True).sqrt()
            first = torch.eye(len(block.latents))[:1]
            parts += [radius, torch.where(radius > 0, points / torch.where(radius > 0, radius, 1.0), first)]
        return torch.cat(parts, dim=1)

    def inverse(self, columns: Tensor) -> Tensor:
        at = len(self.found.singles)
        parts = [columns[:, :at]] if at else []
        for block in self.found.blocks:
            radius, direction = columns[:, at : at + 1], columns[:, at + 1 : at + 1 + len(block.latents)]
            length = (direction**2).sum(1, keepdim=True).sqrt()
            back = torch.from_numpy(np.linalg.inv(np.array(block.matrix))).float()
            parts.append(radius * direction / torch.where(length > 0, length, 1.0) @ back + torch.tensor(block.centre))
            at += 1 + len(block.latents)
        return torch.cat(parts, dim=1)[:, self.order]


class _Encode(nn.Module):
    def __init__(self, vae: VAE, planes: _Planes | None) -> None:
        super().__init__()
        self.vae, self.planes = vae, planes

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        encoding = self.vae.encode(image)
        q, probabilities = encoding.posterior, encoding.probabilities
        more = [each for each in (probabilities, self.planes and self.planes(q.mean)) if each is not None]
        return (q.mean, q.log_variance, *more)


class _Decode(nn.Module):
    def __init__(self, model: Model, vae: VAE, planes: _Planes | None) -> None:
        super().__init__()
        self.vae, self.bounded, self.planes = vae, model.bounded, planes

    def forward(self, z: Tensor, categories: Tensor | None = None) -> Tensor:
        vae = self.vae
        z = z if self.planes is None else self.planes.inverse(z)
        width = sum(vae.latents.categories)
        if categories is None and width:  # a model that gives none yet: its decoder sees zeros
            categories = torch.zeros_like(z[:, :1]).expand(-1, width)
        made = vae.likelihood.image(vae.decode(z, categories))
        made = made if vae.units is None else vae.units.back(made)
        return made.clamp(0, 1) if self.bounded else made


def write_graphs(place: Path, model: Model, about: Mapping[str, Any], found: Subspaces | None = None) -> None:
    """Write encoder.onnx and decoder.onnx, with any number of images in a batch, once they agree with torch.

    The encoder takes `image` (n, C, H, W) in the data set's units and gives `mean` and `log_variance` (n, d), and
    `categories` (n, sum S), probabilities, where it has a head for them. The decoder takes `z` (n, d), and
    `categories` (n, sum S), one-hot, where the model gives any, and gives `image`. Weights are the ones of torch in
    its usual layout. With the subspaces `found` the encoder gives `planes`, too, the columns of `Subspaces.polar`, and
    the decoder takes them in the place of `z`; `about` names them as `columns` in the metadata.

    A missing package, and numbers that differ by more than 1e-5 (relative above 1), raise InputError.
    """
    try:
        import onnx  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]
        import onnxruntime  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]
        import onnxscript  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]
    except ModuleNotFoundError as missing:
        raise InputError(f"export to onnx needs {missing.name}: pip install 'unweave[onnx]'") from None
    vae = copy.deepcopy(model.vae).to("cpu").to(memory_format=torch.contiguous_format).eval()  # pyright: ignore[reportCallIssue]
    planes = None if found is None else _Planes(found)
    encode, decode = _Encode(vae, planes).eval(), _Decode(model, vae, planes).eval()
    codes = _codes(model, max(SIZES))
    if planes is not None:
        codes = (planes(codes[0]), *codes[1:])
    with torch.no_grad():
        images = decode(*codes)
        if model.bounded:  # what the model makes is smooth, so half of them are noise
            images[::2] = torch.rand(images[::2].shape, generator=Generators(0)["noise"])
    heads = ["mean", "log_variance", "categories"][: 2 + bool(vae.latents.categories and vae.latents.head)]
    heads += [] if planes is None else ["planes"]
    written = {
        ENCODER: (encode, (images,), ["image"], heads),
        DECODER: (decode, codes, ["z" if planes is None else "planes", "categories"][: len(codes)], ["image"]),
    }
    for name, (module, inputs, given, outputs) in written.items():
        content = _graph(module, inputs, given, outputs, about)
        for size in SIZES:
            part = tuple(each[:size] for each in inputs)
            _compare(name, content, module, part, given, outputs, None if name == ENCODER else vae)
        write_atomic(place / name, lambda file, content=content: file.write(content))


def _codes(model: Model, n: int) -> tuple[Tensor, ...]:
    """Inputs of the decoder: codes of the prior, and categories in turn where the model gives any."""
    rng = Generators(0)
    with torch.no_grad():
        z = model.vae.prior.sample(n, rng["prior"]).float()
    if not model.category_sizes:
        return (z,)
    numbers = torch.stack([torch.arange(n) % size for size in model.category_sizes], dim=1)
    places = model.vae.places(numbers, n)
    assert places is not None
    return z, places


def _graph(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    given: Sequence[str],
    outputs: Sequence[str],
    about: Mapping[str, Any],
) -> bytes:
    """The graph of a module, without a trace of the machine it was made on."""
    import onnx  # pyright: ignore[reportMissingImports]

    library: Any = onnx
    batch = torch.export.Dim("batch")
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's own making, about its own exporter
            program: Any = torch.onnx.export(
                module,
                tuple(each[:2] for each in inputs),
                input_names=list(given),
                output_names=list(outputs),
                dynamic_shapes=tuple({0: batch} for _ in inputs),
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as wrong:
        first = str(wrong.__cause__ or wrong).strip().split("\n")[0]
        raise InputError(f"to onnx needs nets that torch can trace, got one that it cannot: {first}") from None
    finally:
        quiet.setLevel(level)
    proto: Any = program.model_proto
    for each in (proto, proto.graph, *proto.graph.node, *proto.graph.input, *proto.graph.output):
        _forget(each)
    for each in (*proto.graph.value_info, *proto.graph.initializer, *proto.functions):
        _forget(each)
    proto.producer_name, proto.producer_version = "unweave", str(about["unweave_version"])
    facts = {name: about[name] for name in ("title", "method", "latents", "data", "columns") if name in about}
    library.helper.set_model_props(proto, {name: json.dumps(value) for name, value in facts.items()})
    library.checker.check_model(proto)
    return proto.SerializeToString(deterministic=True)


def _forget(part: Any) -> None:
    """Drop notes for debugging, which name files of this machine."""
    part.doc_string = ""
    del part.metadata_props[:]


def _compare(
    name: str,
    content: bytes,
    module: _Encode | _Decode,
    inputs: tuple[Tensor, ...],
    given: Sequence[str],
    outputs: Sequence[str],
    decoder: VAE | None,
) -> None:
    """Run the graph and the module on the same numbers; InputError where they differ by more than allowed."""
    import onnxruntime  # pyright: ignore[reportMissingImports]

    runtime: Any = onnxruntime
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    got: list[np.ndarray] = session.run(list(outputs), {n: x.numpy() for n, x in zip(given, inputs, strict=True)})
    with torch.no_grad():
        meant = module(*inputs)
    meant = meant if isinstance(meant, tuple) else (meant,)
    units = None if decoder is None else decoder.units
    shift, scale = (0.0, 1.0) if units is None else (units.shift.numpy(), units.scale.numpy())
    for output, found, right in zip(outputs, got, (each.numpy() for each in meant), strict=True):
        if module.planes is not None and output == "planes":  # near the middle directions are noise, but codes are not
            found, right = (module.planes.inverse(torch.from_numpy(each)).numpy() for each in (found, right))
        allowed = LIMIT * np.maximum(scale, np.abs(right - shift)) + ROUNDING * np.abs(right)
        apart = np.abs(found - right)
        if found.shape != right.shape or not bool((apart <= allowed).all()):
            worst = float(apart.max()) if found.shape == right.shape else float("nan")
            raise InputError(
                f"{name} must give torch's {output} within {LIMIT:g}, got a difference of {worst:.2g}; nothing is kept"
            )
