"""The explorer as one file, as far as no browser is needed: what is in it, and what is refused."""

import base64
import hashlib
import json
import re

import numpy as np
import pytest
from torch import nn

from unweave.base.errors import InputError
from unweave.run.names import save_name
from unweave.run.run import Run
from unweave.show.export import export, web


@pytest.fixture(scope="module")
def text(trained):
    return web.page(trained)


def held(text, name):
    return re.search(rf'<script type="[\w/]+" id="{name}">([^<]*)</script>', text).group(1)


def test_it_needs_nothing_from_anywhere(text):
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
    assert "https://" not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text).group(1)
    assert policy.startswith("default-src 'none'; img-src data:;")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 3
    for script in scripts:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy


def test_it_holds_every_weight_of_the_decoder_and_nothing_of_the_encoder(text, trained):
    weights = np.frombuffer(base64.b64decode(held(text, "weights")), "<f4")
    assert weights.size == sum(weight.numel() for weight in trained.vae.decoder.parameters())
    first = next(trained.vae.decoder.parameters()).detach().numpy().ravel()
    assert np.array_equal(weights[: first.size], first)


def test_it_holds_facts_references_and_names_and_no_local_path(run):
    save_name(run.path, 3, 1, "</script><script>alert(1)</script>", star=True)
    text = web.page(run)
    assert "<script>alert" not in text
    facts = json.loads(held(text, "facts"))
    assert facts["names"]["1"]["name"] == "</script><script>alert(1)</script>"
    assert len(facts["references"]) == 12
    assert (facts["size"], facts["upload"]) == (0, False)
    assert str(run.path.parent) not in text


def test_it_is_written_whole_where_told(run, tmp_path, monkeypatch):
    monkeypatch.setattr(web, "page", lambda *_: "page")
    assert export(run, "web") == run.path / "explorer.html"
    out = tmp_path / "new" / "x.html"
    assert export(run, "web", out) == out
    assert out.read_text() == "page"
    with pytest.raises(InputError, match=r"x\.html, which is there"):
        export(run, "web", out)
    export(run, "web", out, overwrite=True)
    with pytest.raises(InputError, match=r"ends in \.html, got x"):
        export(run, "web", tmp_path / "x")


def test_layers_and_likelihoods_that_the_page_does_not_know_are_refused(run, monkeypatch):
    for layer in (nn.Conv2d(1, 1, 3), nn.ConvTranspose2d(4, 4, 3, groups=2), nn.GELU(approximate="tanh")):
        with pytest.raises(InputError, match="use --to onnx"):
            web._layer(layer, web._Weights())
    with pytest.raises(InputError, match="likelihoods"):
        web._read("odd")
    monkeypatch.setattr(run.vae, "decoder", nn.Sequential(nn.Linear(8, 8), nn.PReLU()))
    with pytest.raises(InputError, match="PReLU"):
        web.write_page(run)
    assert not (run.path / web.PAGE).exists()
    assert isinstance(run, Run)
