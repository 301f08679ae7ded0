"""Archives: nothing leads out of them, nothing in them is too large."""

import io
import tarfile
import zipfile

import pytest

from unweave.base.errors import InputError
from unweave.data.readers.archives import tar_members, text_of, whole, zip_members


def every(name):
    return True


def tar_of(path, *members):
    with tarfile.open(path, "w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)) if member.isreg() else None)
    return tarfile.open(path)


def member(name, kind=tarfile.REGTYPE, size=0, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


def test_plain_files_of_a_tar_are_given_in_order(tmp_path):
    members = [member("b/two", size=3), member("b", tarfile.DIRTYPE), member("a", size=1)]
    with tar_of(tmp_path / "a.tar", *members, member("inner", tarfile.SYMTYPE, link="a")) as archive:
        assert [each.name for each in tar_members(archive, every)] == ["b/two", "a"]
        assert [each.name for each in tar_members(archive, lambda name: name.parent.name == "b")] == ["b/two"]


@pytest.mark.parametrize(
    "hostile",
    [
        member("../out"),
        member("a/../../out"),
        member("link", tarfile.SYMTYPE, link="../../out"),
        member("link", tarfile.LNKTYPE, link="/etc/passwd"),
        member("device", tarfile.CHRTYPE),
    ],
    ids=lambda each: f"{each.name} {each.linkname}",
)
def test_what_leads_out_of_a_tar_is_refused(tmp_path, hostile):
    with (
        tar_of(tmp_path / "a.tar", hostile) as archive,
        pytest.raises(InputError, match=r"a\.tar must hold nothing that leads out of it"),
    ):
        list(tar_members(archive, every))


def test_only_what_is_wanted_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr("unweave.data.readers.archives.MOST_MEMBER", 10)
    with tar_of(tmp_path / "a.tar", member("../out"), member("large", size=11), member("a.png")) as archive:
        assert [each.name for each in tar_members(archive, lambda name: name.suffix == ".png")] == ["a.png"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, size in (("../out", 1), ("large", 11), ("a.png", 1)):
            archive.writestr(name, bytes(size))
        assert [each.filename for each in zip_members(archive, lambda name: name.suffix == ".png")] == ["a.png"]


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "..\\out", "c:/out"])
def test_what_leads_out_of_a_zip_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good", b"1")
        archive.writestr("folder/", b"")
        archive.writestr(name, b"2")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        members = zip_members(archive, every)
        assert next(members).filename == "good"
        with pytest.raises(InputError, match=r"a\.zip must hold nothing that leads out of it"):
            next(members)


def test_members_that_announce_too_much_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("unweave.data.readers.archives.MOST_MEMBER", 10)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(1000))
        with pytest.raises(InputError, match="members of 10 bytes or fewer, got bomb with 1000"):
            list(zip_members(archive, every))
    with (
        tar_of(tmp_path / "a.tar", member("bomb", size=11)) as archive,
        pytest.raises(InputError, match="bomb with 11"),
    ):
        list(tar_members(archive, every))


def test_damage_is_one_sentence(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK nothing more")
    sentence = "must be a complete zip archive, got one that cannot be read"
    with pytest.raises(InputError, match=sentence) as refusal, whole(path, "zip archive"):
        zipfile.ZipFile(path)
    assert "\n" not in str(refusal.value)


def test_texts_have_a_limit(tmp_path):
    (tmp_path / "a.txt").write_text("12345")
    assert text_of(tmp_path / "a.txt") == "12345"
    with pytest.raises(InputError, match="must be a text of 4 bytes or fewer"):
        text_of(tmp_path / "a.txt", most=4)
