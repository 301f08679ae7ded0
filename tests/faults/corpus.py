"""Malformed inputs, made by rule: of each kind names and bytes, every one of which must be refused in a sentence."""

import io
import json
import struct
import zipfile
import zlib

import numpy as np

HUGE = 10**400  # more than a float holds
RUNS = b"cposix\nsystem\n(S'id'\ntR."  # a pickle that would call a program
DEEP = "[" * 100_000 + "]" * 100_000


def settings(whole):
    """Files in the place of a settings.json that holds `whole`."""
    yield "empty", b""
    yield "null", b"null"
    yield "a list", b"[]"
    yield "a number", b"1"
    yield "no UTF-8", b'{"format": 1, "method": "\xff"}'
    yield "deep", b'{"format": 1, "method": ' + DEEP.encode() + b"}"
    yield "cut", json.dumps(whole).encode()[:-20]
    yield "two", json.dumps(whole).encode() * 2
    yield "a long number", b'{"format": ' + b"9" * 5000 + b"}"
    yield "bytes", bytes(range(256))
    for value in (0.5, "1", None, [1], {"a": 1}, 2, HUGE):
        yield f"format {str(value)[:9]}", json.dumps({**whole, "format": value}).encode()
    groups = ("method", "data", "net", "prior", "likelihood", "training")
    for group in groups:
        yield f"no {group}", json.dumps({k: v for k, v in whole.items() if k != group}).encode()
        for value in (None, 1, "x", [], *([{}] if group != "training" else []), [[]], HUGE):
            yield f"{group} {str(value)[:9]}", json.dumps({**whole, group: value}).encode()
        for extra in ("__class__", "no_such", "", "a\x00b"):
            yield f"{group} with {extra!r}", json.dumps({**whole, group: {**whole[group], extra: 1}}).encode()
        if group != "training":
            for name in ("os:system", "../../etc/passwd", "", "x" * 10_000, 5, None, "unweave.cli:main"):
                changed = {**whole, group: {**whole[group], "name": name}}
                yield f"{group} named {str(name)[:20]!r}", json.dumps(changed).encode()
    for name in ("steps", "batch", "latents", "seed", "log_every", "checkpoint_every"):
        for value in (-1, 1.5, "many", None, [], {}, HUGE, float("nan"), "1_x"):
            changed = {**whole, "training": {**whole["training"], name: value}}
            yield f"{name} {str(value)[:9]}", json.dumps(changed).encode()


YAML = {
    "empty": "",
    "a word": "word",
    "a list": "[1, 2]",
    "a number": "17",
    "a tag": "axes: !!python/object/apply:os.system [id]",
    "a name tag": "axes: !!python/name:os.system ''",
    "an own tag": "axes: !boom {}",
    "binary": "axes: !!binary aGVsbG8=",
    "a set": "axes: !!set {method}",
    "omap": "axes: !!omap [method: [vae]]",
    "a timestamp": "axes: {method: [vae]}\nseeds: [2001-01-01]",
    "an alias": "axes: {method: &a [vae], gamma: *a}",
    "a merge": "a: &a {method: [vae]}\naxes: {<<: *a}",
    "laughs": "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\naxes: *c",
    "itself": "&a [*a]",
    "deep lists": "axes: " + "[" * 5_000,
    "deep closed lists": "axes: " + "[" * 3_000 + "]" * 3_000,
    "deep tables": "axes: " + "{a: " * 3_000 + "}" * 3_000,
    "long": "about: " + "x" * 1_000_001,
    "twice": "axes: {method: [vae]}\naxes: {method: [vae]}",
    "twice inside": "axes: {method: [vae], method: [vae]}",
    "a key that is a list": "? [a, b]\n: 1",
    "a key that is a table": "? {a: b}\n: 1",
    "a key that is a number": "1: 2",
    "no key": "? \n: 1",
    "open quotes": 'axes: "',
    "tabs": "axes:\n\t- x",
    "two documents": "axes: {method: [vae]}\n---\na: 1",
    "a control character": "axes: {method: [\x01]}",
    "a null character": "axes: \x00",
    "a directive": "%YAML 9.9\n---\naxes: {method: [vae]}",
    "a bad directive": "%TAG ! tag:x,2000:\n--- !x {}",
    "no method": "axes: {gamma: [1, 2]}",
    "no values": "axes: {method: []}",
    "an unknown method": "axes: {method: [no-such]}",
    "a method that is code": "axes: {method: ['os:system']}",
    "a method that is a table": "axes: {method: [{method: {a: b}}]}",
    "a nested list": "axes: {method: [[[vae]]]}",
    "an unknown key": "axes: {method: [vae]}\nevil: 1",
    "an unknown setting": "axes: {method: [vae]}\nsettings: {data: identity, evil: 1}",
    "an unknown data set": "axes: {method: [vae]}\nsettings: {data: no-such}",
    "a data set that is not there": "axes: {method: [vae]}\nsettings: {data: ./no-such.npz}",
    "data that are a number": "axes: {method: [vae]}\nsettings: {data: 5}",
    "a seed below": "axes: {method: [vae]}\nseeds: [-1]",
    "a seed twice": "axes: {method: [vae]}\nseeds: [1, 1]",
    "seeds backwards": "axes: {method: [vae]}\nseeds: 9..0",
    "seeds in words": "axes: {method: [vae]}\nseeds: many",
    "a seed as text": "axes: {method: [vae]}\nseeds: ['1']",
    "a seed that is true": "axes: {method: [vae]}\nseeds: [true]",
    "a seed that is half": "axes: {method: [vae]}\nseeds: [0.5]",
    "more seeds than runs": "axes: {method: [vae]}\nseeds: 0..999999999999\nsettings: {data: identity}",
    "endless digits": "axes: {method: [vae]}\nseeds: 0.." + "9" * 5_000 + "\nsettings: {data: identity}",
    "a huge seed": "axes: {method: [vae]}\nseeds: [" + "9" * 400 + "]\nsettings: {data: identity}",
    "a number beyond": "axes: {method: [vae]}\nsettings: {data: identity, lr: 1" + "0" * 400 + "}",
    "not a number": "axes: {method: [vae]}\nsettings: {data: identity, lr: .nan}",
    "infinite": "axes: {method: [vae]}\nsettings: {data: identity, lr: .inf}",
    "base 60": "axes: {method: [vae]}\nsettings: {data: identity, steps: 1:00:00x}",
    "more runs than may be": "axes: {method: [vae], lr: [" + ", ".join(f"{k}.5" for k in range(1, 400)) + "], batch: ["
    + ", ".join(map(str, range(2, 402))) + "]}\nsettings: {data: identity}",
    "a setting that the study decides": "axes: {method: [vae]}\nsettings: {data: identity, out: /etc}",
    "a name that is a path": "name: ../../x\naxes: {method: [vae]}\nsettings: {data: identity}",
    "a folder that is a path": "folder: /etc\naxes: {method: [vae]}\nsettings: {data: identity}",
    "an empty name": "name: ''\naxes: {method: [vae]}",
    "extends itself": "extends: x\naxes: {method: [vae]}",
    "extends a path": "extends: ../../../etc/passwd",
    "extends a list": "extends: [a]",
    "an unknown metric": "axes: {method: [vae]}\nsettings: {data: identity}\nmetrics: [no-such]",
    "a metric with what it has not": "axes: {method: [vae]}\nsettings: {data: identity}\nmetrics: {mig: {evil: 1}}",
    "a metric reading what is not": "axes: {method: [vae]}\nsettings: {data: identity}\nmetrics: ['mig (evil)']",
    "a metric that is empty": "axes: {method: [vae]}\nsettings: {data: identity}\nmetrics: ['']",
    "a metric that is a number": "axes: {method: [vae]}\nmetrics: [5]",
    "an unknown figure": "axes: {method: [vae]}\nsettings: {data: identity}\nfigures: [no-such]",
    "a pool of one": "axes: {method: [vae]}\nsettings: {data: identity}\npool: 1",
    "a pool of none": "axes: {method: [vae]}\nsettings: {data: identity}\npool: -5",
    "a budget in words": "axes: {method: [vae]}\nbudget: {minutes: soon}",
    "a budget below": "axes: {method: [vae]}\nbudget: {runs: 0}",
    "an unknown scale": "axes: {method: [vae]}\nscales: {galactic: {}}",
    "scales in a list": "axes: {method: [vae]}\nscales: [smoke]",
    "published without a source": "axes: {method: [vae]}\npublished: [{cell: a, metric: mig}]",
    "published infinite": "axes: {method: [vae]}\npublished: [{cell: a, metric: mig, source: s, mean: .inf}]",
    "an unknown net": "axes: {method: [vae], net: [no-such]}\nsettings: {data: identity}",
    "the same label": "axes: {method: [{label: a, method: vae}, {label: a, method: vae}]}",
    "a setting on two axes": "axes: {method: [vae], a: [{method: vae}]}",
    "about in a list": "about: [a]\naxes: {method: [vae]}",
}  # fmt: skip


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth=8, colour=0, data=b"", interlace=0):
    """A PNG that claims these sizes."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def encoded(form):
    from PIL import Image

    made = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(made, form)
    return made.getvalue()


def pictures():
    yield "empty", b""
    yield "text", b"no picture"
    yield "SVG", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    yield "a page", b"<!DOCTYPE html><img src=x>"
    yield "a postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    yield "a PDF", b"%PDF-1.7\n1 0 obj\n"
    yield "a zip", b"PK\x05\x06" + bytes(18)
    most = 2**31 - 1
    head = struct.pack("<IHHIIiiHHIIiiII", 9, 0, 0, 54, 40, most, most, 1, 24, *[0] * 6)
    yield "a bitmap that claims much", b"BM" + head
    for width, height in ((0, 0), (0, 5), (5, 0), (most, most), (65_535, 65_535), (2**31, 1), (1, most)):
        yield f"a PNG that claims {width} x {height}", png(width, height)
    yield "a bomb", png(50_000, 50_000, data=bytes(10**6))
    for depth, colour in ((3, 0), (8, 7), (1, 2), (16, 3), (0, 0)):
        yield f"a PNG of depth {depth} and colour {colour}", png(4, 4, depth, colour, bytes(100))
    yield "a PNG without pixels", png(9, 9)
    for form in ("PNG", "JPEG", "WEBP", "TIFF"):
        whole = encoded(form)
        for share in (0.02, 0.1, 0.3):
            yield f"{form} cut at {share}", whole[: max(4, int(len(whole) * share))]
        yield f"{form} without a head", whole[8:]
        yield f"{form} of noise", whole[:12] + np.random.default_rng(1).bytes(300)
    yield "a TIFF that leads round", b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00"
    yield "a TIFF that leads nowhere", b"II*\x00\xff\xff\xff\x7f"
    yield "a TIFF that claims much", tiff(2**31 - 1, 2**31 - 1)


def tiff(width, height):
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 10)]  # fmt: skip
    body = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return b"II*\x00\x08\x00\x00\x00" + body


def npy(header, body=b"", version=(1, 0)):
    """An .npy with any words for a header."""
    text = header.encode("latin-1")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version[0] == 1 else "<I", len(text)) + text + body


def archive(members, compression=zipfile.ZIP_STORED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
    return made.getvalue()


def about(descr="'<f4'", order="False", shape="(4, 3)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


HEADERS = {
    "no table": "[]",
    "code": "__import__('os').system('id')",
    "a name": "descr",
    "too deep": "(" * 200 + ")" * 200,
    "a missing key": "{'descr': '<f4', 'shape': (4, 3)}",
    "a key too many": about()[:-1] + "'evil': 1}",
    "an object type": about("'|O'"),
    "an unknown type": about("'<q9'"),
    "a type that is a number": about("5"),
    "a record": about("[('a', '<f4')]"),
    "dates": about("'<M8[s]'"),
    "texts": about("'<U4'"),
    "raw bytes": about("'|V8'"),
    "complex": about("'<c8'"),
    "no shape": about(shape="()"),
    "a shape of words": about(shape="('a',)"),
    "a negative shape": about(shape="(-4, 3)"),
    "a huge shape": about(shape="(4000000000, 4000000000)"),
    "a shape of 400 GB": about(shape="(100000000000,)"),
    "a shape beyond": about(shape=f"({HUGE},)"),
    "a shape that is none": about(shape="4"),
    "a shape with half": about(shape="(0.5, 3)"),
    "a shape that is true": about(shape="(True, 3)"),
    "a long shape": about(shape="(" + "1," * 70 + ")"),
    "an order that is none": about(order="5"),
    "an order in words": about(order="'yes'"),
    "nothing behind": about(),
    "too few numbers": about(shape="(400, 300)"),
    "no rows": about(shape="(0, 3)"),
    "no columns": about(shape="(3, 0)"),
}


def arrays():
    """As (name, suffix, bytes)."""
    for name, words in HEADERS.items():
        body = bytes(48) if name not in ("nothing behind",) else b""
        yield name, ".npy", npy(words, body)
        yield f"{name}, in an archive", ".npz", archive([("images.npy", npy(words, body))])
    yield "empty", ".npy", b""
    yield "magic alone", ".npy", b"\x93NUMPY"
    yield "version 9", ".npy", npy(about(), bytes(48), (9, 0))
    yield "a long header", ".npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{"
    yield "a header of 20,000 characters", ".npy", npy(about() + " " * 20_000, bytes(48), (2, 0))
    yield "a pickle", ".npy", RUNS
    yield "empty", ".npz", b""
    yield "no members", ".npz", archive([])
    yield "a text inside", ".npz", archive([("images.npy", b"text")])
    yield "a cut archive", ".npz", archive([("images.npy", npy(about(), bytes(48)))])[:60]
    yield "a path inside", ".npz", archive([("../../evil.npy", npy("[]"))])
    yield (
        "a bomb",
        ".npz",
        archive([("images.npy", npy(about("'|u1'", shape=f"({2**33},)"), bytes(2**22)))], zipfile.ZIP_DEFLATED),
    )
    yield "empty", ".h5", b""
    yield "a head alone", ".h5", b"\x89HDF\r\n\x1a\n" + bytes(64)
    yield "noise behind the head", ".h5", b"\x89HDF\r\n\x1a\n" + np.random.default_rng(2).bytes(600)


TABLES = {
    "empty": b"",
    "a head alone": b"a,b\n",
    "blank lines": b"\n\n\n",
    "fewer cells": b"a,b\n1,2\n3\n",
    "more cells": b"a,b\n1,2\n3,4,5\n",
    "no UTF-8": b"a,b\n\xff\xfe,1\n",
    "UTF-16": "a,b\n1,2\n".encode("utf-16"),
    "an open quote": b'a,b\n"1,2\n3,4\n',
    "the same name": b"a,a\n1,2\n3,4\n",
    "an empty name": b"a,\n1,2\n3,4\n",
    "only missing": b"a,b\n,\n,\n",
    "infinite": b"a,b\n1,inf\n2,3\n",
    "beyond": b"a,b\n1,1e999\n2,3\n",
    "a long cell": b"a,b\n1," + b"9" * 200_000 + b"\n2,3\n",
    "a page": b"<html><body>404</body></html>",
    "a zip": b"PK\x03\x04" + bytes(40),
    "one row": b"a,b\n1,2\n",
}


def safetensors(header, body=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def tensor(start=0, end=16, shape=(4,), kind="F32"):
    return {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}


def weights():
    """Files in the place of safetensors."""
    one = {"a": tensor()}
    yield "empty", b""
    yield "seven bytes", bytes(7)
    yield "no header", struct.pack("<Q", 0)
    yield "a huge length", safetensors(one, bytes(16), 2**63 - 1)
    yield "the largest length", safetensors(one, bytes(16), 2**64 - 1)
    yield "a length beyond the file", safetensors(one, bytes(16), 10**6)
    yield "a length too short", safetensors(one, bytes(16), 5)
    yield "no JSON", safetensors(b"{" * 40, bytes(16))
    yield "no UTF-8", safetensors(b'{"\xff": 1}', bytes(16))
    yield "deep", safetensors(DEEP.encode(), bytes(16))
    yield "a list", safetensors([], bytes(16))
    yield "null", safetensors(None, bytes(16))
    yield "tensors that are none", safetensors({"a": 5}, bytes(16))
    yield "metadata that is none", safetensors({"__metadata__": 5, **one}, bytes(16))
    yield "metadata of numbers", safetensors({"__metadata__": {"a": 5}, **one}, bytes(16))
    yield "a sum that is none", safetensors({"__metadata__": {"#sum": [1]}, **one}, bytes(16))
    yield "a wrong sum", safetensors({"__metadata__": {"#sum": "0" * 16}, **one}, bytes(16))
    yield "overlapping", safetensors({"a": tensor(), "b": tensor(8, 24)}, bytes(24))
    yield "a hole", safetensors({"a": tensor(), "b": tensor(32, 48)}, bytes(48))
    yield "backwards", safetensors({"a": tensor(16, 0)}, bytes(16))
    yield "negative", safetensors({"a": tensor(-16, 0)}, bytes(16))
    yield "beyond", safetensors({"a": tensor(0, 2**40, (2**38,))}, bytes(16))
    yield "more than there is", safetensors({"a": tensor(0, 64, (16,))}, bytes(16))
    yield "another size", safetensors({"a": tensor(shape=(5,))}, bytes(16))
    yield "a negative shape", safetensors({"a": tensor(shape=(-4,))}, bytes(16))
    yield "a shape that overflows", safetensors({"a": tensor(shape=(2**40, 2**40))}, bytes(16))
    yield "a shape in words", safetensors({"a": tensor(shape=("x",))}, bytes(16))
    yield "an unknown type", safetensors({"a": tensor(kind="Q7")}, bytes(16))
    yield "bytes behind", safetensors(one, bytes(99))
    yield "of another model", safetensors(one, bytes(16))
    yield "no tensors", safetensors({})
    text = json.dumps(tensor())
    yield "twice", safetensors(f'{{"a":{text},"a":{text}}}'.encode(), bytes(16))
    yield "a pickle", b"\x80\x04."
    yield "a zip", archive([("data.pkl", b"\x80\x04.")])
    yield "text", b"not weights at all, and long enough to hold a length"


def checkpoints_of_torch():
    """Files in the place of a model.pt."""
    version, order = ("archive/version", b"3\n"), ("archive/byteorder", b"little")
    yield "empty", b""
    yield "text", b"no weights"
    yield "a pickle that runs", RUNS
    yield "a newer pickle", b"\x80\x05\x95\x00\x00\x00\x00\x00\x00\x00\x00."
    yield "a recursion", b"\x80\x04" + b"]" * 50_000 + b"."
    yield "zip of nothing", archive([])
    yield "zip of a pickle that runs", archive([("archive/data.pkl", RUNS), version])
    yield "zip without a pickle", archive([version])
    for what, pickled in (
        ("a number", b"\x80\x02K\x05."),
        ("a list", b"\x80\x02]."),
        ("an empty table", b"\x80\x02}."),
    ):
        yield f"zip of {what}", archive([("archive/data.pkl", pickled), version, order])
    yield "cut zip", archive([("archive/data.pkl", b"\x80\x02}.")])[:40]
    yield "safetensors", safetensors({"a": tensor()}, bytes(16))


DERIVED = {
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "no format": b"{}",
    "a format in words": b'{"format": "1"}',
    "no keys": b'{"format": 1}',
    "keys that are none": b'{"format": 1, "scores": 5, "of": 5, "findings": 5, "subspaces": 5}',
    "noise": bytes(range(200)),
    "deep": DEEP.encode(),
    "keys of others": b'{"format": 1, "scores": {"a": 1}, "of": "x", "findings": [1], "subspaces": [1]}',
}
