"""`unweave export`: the files it names, and one sentence where it cannot."""

import pytest

from unweave.face.cli.app import main
from unweave.show.export import load_model


def test_files_are_named_with_their_sizes(finished, tmp_path, capsys):
    place = tmp_path / "t"
    assert main(["export", str(finished), "--to", "safetensors", "--out", str(place)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{file}  {file.stat().st_size:,} bytes" for file in sorted(place.iterdir())]
    assert [file.name for file in sorted(place.iterdir())] == ["README.md", "config.json", "model.safetensors"]
    assert load_model(place).latents == 2


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("export OUT --to onnx", "is not a run"),
        ("export RUN --to gif", "gif"),
        ("export RUN", "--to"),
        ("export RUN --to safetensors --out OUT/file", "which is a file"),
        ("export RUN --to safetensors --out OUT", "out must be an empty folder"),
        ("export RUN --to safetensors --out OUT/file/under", "out must be a folder that can be written to"),
    ],
)
def test_wrong_wishes_get_one_sentence(finished, tmp_path, refused, words, rule):
    (tmp_path / "file").write_text("mine")
    refused(words.replace("RUN", str(finished)).replace("OUT", str(tmp_path)), rule)
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
