from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from nowline.backup import archive
from nowline.backup.archive import About, Archive
from nowline.errors import NowlineError

ABOUT = About("1.2.3", "2026-01-02T03:04:05.000Z", "a log", 7, "0002")
FILES = {
    "documents.sqlite": b"d" * 512,
    "log.sqlite": b"",
    "nowline.duckdb": b"r" * 3_000_000,
    "nowline.segments/20000-raw-0a1b.nlb": b"s" * 511,
    "nowline.segments/20001-1m-bins-0a1b.nlb": b"t" * 513,
    "nowline.toml": "# é\n".encode(),
}


@pytest.fixture
def packed(tmp_path: Path) -> bytes:
    folder = tmp_path / "staged"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return b"".join(archive.pack(folder, ABOUT, 1_700_000_000))


def opened(content: bytes) -> Archive:
    return Archive(io.BytesIO(content), "b.tar")


def unpacked(content: bytes, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    opened(content).unpack(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def made(
    *members: tuple[tarfile.TarInfo, bytes], members_told: list[object] | None = None
) -> bytes:
    """A tar of these members and a manifest that lists what it is told to."""
    target = io.BytesIO()
    told = {"format": 1, "about": json.loads(about()), "members": members_told or []}
    manifest = json.dumps(told).encode()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for info, content in (*members, (tarfile.TarInfo("manifest.json"), manifest)):
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


def about() -> bytes:
    names = ("version", "created_at", "log_id", "log_offset", "documents_revision")
    return json.dumps({name: getattr(ABOUT, name) for name in names}).encode()


def test_what_goes_in_comes_out(packed: bytes, tmp_path: Path) -> None:
    assert unpacked(packed, tmp_path / "out") == FILES
    assert opened(packed).manifest.about == ABOUT
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "out").rglob("*")}
    assert modes == {0}


def test_other_programs_can_read_it(packed: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert [member.name for member in tar] == [*sorted(FILES), "manifest.json"]
        assert len(packed) % tarfile.BLOCKSIZE == 0


def test_no_piece_is_large(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").write_bytes(b"x" * 5_000_000)
    assert max(map(len, archive.pack(tmp_path, ABOUT, 0))) <= 1 << 20


def test_every_way_to_cut_it_short_is_noticed(packed: bytes, tmp_path: Path) -> None:
    # The two empty blocks at the end are all that it can do without.
    lengths = [*range(0, len(packed) - 1024, 97_003), len(packed) - 1025]
    for number, length in enumerate(lengths):
        with pytest.raises(NowlineError, match=r"b\.tar"):
            unpacked(packed[:length], tmp_path / str(number))


def test_every_changed_byte_is_noticed(packed: bytes, tmp_path: Path) -> None:
    for number, place in enumerate(range(700, len(packed) - 4096, 123_457)):
        flipped = bytearray(packed)
        flipped[place] ^= 1
        with pytest.raises(NowlineError, match=r"b\.tar"):
            unpacked(bytes(flipped), tmp_path / str(number))


@pytest.mark.parametrize(
    "name",
    [
        "../log.sqlite",
        "/etc/passwd",
        "nowline.segments/../secret.key",
        "nowline.segments/a/b.nlb",
        "nowline.segments/.nlb",
        "nowline.lock",
        "./log.sqlite",
    ],
)
def test_a_name_that_no_backup_has_is_refused(name: str) -> None:
    with pytest.raises(NowlineError, match="no backup"):
        opened(made((tarfile.TarInfo(name), b"x")))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_only_plain_files_are_let_in(kind: bytes) -> None:
    info = tarfile.TarInfo("log.sqlite")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(NowlineError, match="no backup"):
        opened(made((info, b"")))


def test_a_file_twice_is_refused() -> None:
    twice = [(tarfile.TarInfo("log.sqlite"), b"x"), (tarfile.TarInfo("log.sqlite"), b"y")]
    with pytest.raises(NowlineError, match="twice"):
        opened(made(*twice))


def test_a_file_that_the_manifest_does_not_list_is_refused() -> None:
    with pytest.raises(NowlineError, match="lists other files"):
        opened(made((tarfile.TarInfo("log.sqlite"), b"x")))


def test_a_later_format_is_refused_whatever_else_it_says() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        info = tarfile.TarInfo("manifest.json")
        content = b'{"format": 2, "unheard": "of"}'
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    with pytest.raises(NowlineError, match="newer version"):
        opened(target.getvalue())


@pytest.mark.parametrize("content", [b"", b"no backup at all", bytes(10_240)])
def test_something_else_is_no_backup(content: bytes) -> None:
    with pytest.raises(NowlineError, match=r"no backup|not whole"):
        opened(content)
