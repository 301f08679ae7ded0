"""A run of two steps, for tests of what is done with a finished one."""

import pytest

from unweave.face.cli.app import main


@pytest.fixture(scope="module")
def tiny():
    """The words of `unweave train METHOD` for a run that takes a moment."""
    return (
        "--data dsprites --data.size 32 --data.hold lazy --net conv --net.channels 4,4,4 --net.hidden 8 --batch 4"
        " --latents 2 --steps 2 --threads 1"
    ).split()


@pytest.fixture
def refused(capsys):
    """`refused(words, rule)` runs a command that must end with status 2 and one line that says the rule."""

    def run(words, rule):
        capsys.readouterr()
        assert main(words.split() if isinstance(words, str) else words) == 2
        line = capsys.readouterr().err
        assert rule in line
        assert line.count("\n") == 1
        return line

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny):
    out = tmp_path_factory.mktemp("runs") / "v"
    assert main(["train", "vae", *tiny, "--out", str(out)]) == 0
    return out
