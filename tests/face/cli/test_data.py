"""unweave data: licences first, what is missing in words, downloads without a network, and sheets of pictures."""

import gzip
import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.data.test_download import Server

from unweave.data.published import download, mnist, mpi3d, small_norb
from unweave.data.published.download import Remote, fetch
from unweave.face.cli.app import main

_content = io.BytesIO()
np.savez(_content, images=np.zeros(3, np.uint8))
NPZ = _content.getvalue()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The folder of the data sets, in an empty cache of one test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNWEAVE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


@pytest.fixture
def network(monkeypatch):
    """A server that the command downloads from."""
    server = Server(NPZ)

    def without_network(remote, target, *, most):
        return fetch(remote, target, most=most, opened=server)

    monkeypatch.setattr(download, "fetch", without_network)
    return server


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("fetch mnist", "do must be one of download"),
        ("download", "data download needs the name of a data set"),
        ("show", "data show needs the name"),
        ("check mnst", "did you mean 'mnist'?"),
        ("download shapes4d", "did you mean 'shapes3d'?"),
        ("download small-norb", "--accept-licence must be given for small-norb, whose licence is: for research"),
        ("download celeba", "--accept-licence must be given for celeba, whose licence is: for research"),
        ("download cars3d", "--accept-licence must be given for cars3d, whose licence is: not stated"),
        ("download cars3d --accept-licence", "have to be fetched by hand: nips2015-analogy"),
        ("download mpi3d-toy --max-bytes many", "max-bytes must be a whole number"),
        ("check mnist", "mnist is not complete: 4 of its 4 files"),
        ("show mnist", "mnist needs the file"),
        ("show pinwheel", "got pinwheel, which has vectors"),
        ("show identity", "needs a data set of images, got identity"),
        ("show dsprites --data.hold lazy --out a.bmp", "out must end in .png or .svg or .pdf"),
        ("show dsprites --data.sice 32", "--data.sice"),
    ],
)
def test_wrong_input_gets_one_line_and_status_2(words, rule, refused):
    refused(f"data {words}", rule)


def test_licence_and_citation_come_before_anything_is_asked_for(capsys, network):
    assert main(["data", "download", "small-norb"]) == 2
    shown = capsys.readouterr().out
    assert "licence   for research" in shown
    assert "LeCun, Huang, Bottou" in shown
    assert network.asked == []


def test_a_download_is_recorded_compared_and_repaired(place, network, capsys):
    name, path = "mpi3d-toy", place / "mpi3d-toy" / "mpi3d_toy.npz"
    assert main(["data", "download", name]) == 0
    shown = capsys.readouterr().out
    sha256 = hashlib.sha256(NPZ).hexdigest()
    assert shown.index("CC BY 4.0") < shown.index("fetched")
    assert f"fetched   {path} ({len(NPZ)} bytes, SHA-256 {sha256}, first seen" in shown
    assert path.read_bytes() == NPZ

    assert main(["data", "check", name]) == 0
    assert f"there     {path} ({len(NPZ)} bytes, SHA-256 {sha256}, as first seen)" in capsys.readouterr().out
    assert main(["data", "download", name]) == 0
    assert f"there     {path}" in capsys.readouterr().out
    assert len(network.asked) == 1

    path.write_bytes(NPZ + b"more")
    assert main(["data", "check", name]) == 2
    assert f"wrong     {path}: its SHA-256 is " in capsys.readouterr().out
    assert main(["data", "download", name]) == 0
    shown = capsys.readouterr().out
    assert f"removed   {path}: its SHA-256 is " in shown
    assert "fetched" in shown
    assert path.read_bytes() == NPZ


def test_published_sizes_and_sha256_are_enforced(place, network, capsys):
    assert main(["data", "download", "mnist"]) == 2
    assert "train-images-idx3-ubyte.gz must hold 9912422 bytes" in capsys.readouterr().err
    assert main(["data", "download", "mpi3d-real", "--max-bytes", "4"]) == 2
    assert f"must hold 4 or fewer bytes, got {len(NPZ)}" in capsys.readouterr().err
    assert not [path for path in place.rglob("*") if path.is_file()]


def test_accepted_licences_let_the_download_begin(place, network, capsys, monkeypatch):
    files = (Remote("a.mat.gz", "https://example.org/a", len(NPZ), hashlib.sha256(NPZ).hexdigest()),)
    monkeypatch.setattr(small_norb.SmallNORB, "source", replace(small_norb.SOURCE, files=files))
    assert main(["data", "download", "small-norb", "--accept-licence"]) == 0
    assert "as published" in capsys.readouterr().out
    assert (place / "small-norb" / "a.mat.gz").read_bytes() == NPZ


def test_check_says_what_is_missing_where_it_belongs_and_how_it_gets_there(place, capsys):
    assert main(["data", "check", "celeba"]) == 2
    shown = capsys.readouterr().out
    assert f"missing   {place}/celeba/img_align_celeba.zip (or the folder img_align_celeba" in shown
    assert "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html" in shown
    (place / "celeba" / "img_align_celeba").mkdir(parents=True)
    (place / "celeba" / "list_attr_celeba.txt").write_text("3")
    assert main(["data", "check", "celeba"]) == 2
    shown = capsys.readouterr()
    assert f"there     {place}/celeba/img_align_celeba\n" in shown.out
    assert "wrong" in shown.out
    assert "it holds 1 bytes instead of 26721026" in shown.out
    assert "celeba is not complete: 1 of its 2 files" in shown.err


def test_check_looks_into_a_folder_of_ones_own(tmp_path, capsys):
    for file in mnist.SOURCE.files:
        (tmp_path / file.name).write_bytes(gzip.compress(b"any"))
    assert main(["data", "check", "mnist", "--data.folder", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert f"there     {tmp_path}/t10k-labels-idx1-ubyte.gz" in shown
    assert shown.endswith("mnist is complete\n")


def test_check_without_a_name_lists_all_that_are_published(place, capsys):
    (place / "mpi3d-toy").mkdir(parents=True)
    (place / "mpi3d-toy" / mpi3d.MPI3DToy.source.files[0].name).touch()
    assert main(["data", "check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    states = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[:-1]}
    assert states["mpi3d-toy"] == "there CC BY 4.0"
    assert states["small-norb"].startswith("0 of 6 files for research")
    assert "pinwheel" not in states
    assert str(place) in lines[-1]


def test_data_sets_without_files_say_so(capsys):
    assert main(["data", "check", "dsprites"]) == 0
    assert capsys.readouterr().out.startswith("dsprites needs no files: dSprites")
    assert main(["data", "download", "pinwheel"]) == 0
    assert capsys.readouterr().out.startswith("pinwheel needs no download: Pinwheel")


def test_show_draws_a_row_for_each_factor(tmp_path, capsys):
    assert main("data show dsprites --data.hold lazy --out a.png".split()) == 0
    assert flat(capsys.readouterr().out) == "a.png: 737,280 images (1, 64, 64)"
    picture = np.asarray(Image.open("a.png").convert("L"))
    assert picture.shape[1] > 10 * 64
    assert (picture == 0).mean() > 0.4
    assert main("data show dsprites-color --data.hold lazy".split()) == 0
    assert (tmp_path / "dsprites-color.png").is_file()


def test_show_draws_a_row_for_each_class(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for file, array in zip(mnist.SOURCE.files, (rng.integers(0, 256, (40, 28, 28)), np.arange(40) % 10), strict=False):
        header = np.array([2051 if array.ndim == 3 else 2049, *array.shape], ">i4").tobytes()
        (tmp_path / file.name).write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))
    assert main(["data", "show", "mnist", "--data.folder", str(tmp_path)]) == 0
    assert flat(capsys.readouterr().out) == "mnist.png: 40 images (1, 32, 32)"
    width, height = Image.open("mnist.png").size
    assert height > 2 * 10 * 64 > width
