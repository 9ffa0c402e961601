from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import content
from nowline.backup import archive
from nowline.backup.archive import About
from nowline.backup.restore import Restore, Restored
from nowline.errors import NowlineError
from nowline.lock import DirectoryLock, LockedError
from nowline.store.embedded import EmbeddedStore
from small_disk import mounted
from stores import FOREVER

STAMP = "20260102T030405Z"


@pytest.fixture(autouse=True)
def _nobody_else_may_read() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
async def staged(tmp_path: Path) -> Path:
    """What a backup has in it."""
    folder = tmp_path / "staged"
    folder.mkdir()
    store = await EmbeddedStore.open(folder / archive.STORE, FOREVER)
    await store.close()
    (folder / archive.SETTINGS).write_text("# of the backup\n")
    (folder / archive.SIGNING_KEY).write_text("k" * 32)
    return folder


def packed(staged: Path, revision: str = "0002") -> Path:
    file = staged.with_name("b.tar")
    about = About("1.2.3", "2026-01-02T03:04:05.000Z", "a log", 7, revision)
    file.write_bytes(b"".join(archive.pack(staged, about, 0)))
    return file


def restored(file: Path, data_dir: Path, store: Path | None = None, *, replace: bool) -> Restored:
    place = store or data_dir / "nowline.duckdb"
    return Restore(file, data_dir, lambda _: place, STAMP, replace=replace).run()


def occupied(folder: Path) -> dict[str, tuple[int, bytes]]:
    (folder / "nowline.segments").mkdir(parents=True)
    (folder / "nowline.segments/1-raw.nlb").write_text("old rows")
    (folder / "log.sqlite").write_text("old log")
    return content(folder)


def test_a_folder_that_is_not_there_is_made(staged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert restored(packed(staged), folder, replace=False).aside == []
    assert content(folder) == content(staged)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_without_data_is_as_good(staged: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    DirectoryLock.acquire(folder).release()
    assert restored(packed(staged), folder, replace=False).aside == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar", "data", "staged"]


def test_what_is_there_is_moved_aside(staged: Path, tmp_path: Path) -> None:
    before = occupied(tmp_path / "data")
    with pytest.raises(NowlineError, match="--replace"):
        restored(packed(staged), tmp_path / "data", replace=False)
    assert content(tmp_path / "data") == before
    (aside,) = restored(packed(staged), tmp_path / "data", replace=True).aside
    assert aside == tmp_path / f"data.before-restore-{STAMP}"
    assert content(aside) == before
    assert content(tmp_path / "data") == content(staged)


def test_a_folder_that_is_a_disk_of_its_own_stays_one(staged: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "data", 32) as folder:
        before = occupied(folder)
        (aside,) = restored(packed(staged), folder, replace=True).aside
        assert aside == folder / f"before-restore-{STAMP}"
        assert content(aside) == before
        names = {aside.name, "nowline.lock", "nowline.duckdb", "nowline.segments"}
        names |= {archive.SETTINGS, archive.SIGNING_KEY}
        assert {path.name for path in folder.iterdir()} == names
        assert folder.is_mount()


def test_a_store_on_another_disk_goes_there(staged: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 32) as disk:
        for name in ("s.duckdb", "s.duckdb.wal"):
            (disk / name).write_text("old")
        store, file = disk / "s.duckdb", packed(staged)
        with pytest.raises(NowlineError, match=r"s\.duckdb"):
            restored(file, tmp_path / "data", store, replace=False)
        assert not (tmp_path / "data").exists()
        aside = restored(file, tmp_path / "data", store, replace=True).aside
        assert [path.read_text() for path in aside] == ["old", "old"]
        assert store.read_bytes() == (staged / archive.STORE).read_bytes()
        assert sorted(path.name for path in disk.iterdir()) == [
            "s.duckdb",
            f"s.duckdb.before-restore-{STAMP}",
            f"s.duckdb.wal.before-restore-{STAMP}",
            "s.segments",
        ]


def test_a_swap_that_fails_is_undone(staged: Path, tmp_path: Path) -> None:
    before = occupied(tmp_path / "data")
    place = tmp_path / "place"
    place.mkdir()
    (place / "s.duckdb").write_text("old store")
    # A rename to here is refused: a folder with something in it is in the way.
    (tmp_path / f"data.before-restore-{STAMP}" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty"):
        restored(packed(staged), tmp_path / "data", place / "s.duckdb", replace=True)
    assert content(tmp_path / "data") == before
    assert [(p.name, p.read_text()) for p in place.iterdir()] == [("s.duckdb", "old store")]
    assert not list(tmp_path.glob(".*"))


def test_a_folder_in_use_is_left_alone(staged: Path, tmp_path: Path) -> None:
    before = occupied(tmp_path / "data")
    with DirectoryLock.acquire(tmp_path / "data"), pytest.raises(LockedError):
        restored(packed(staged), tmp_path / "data", replace=True)
    assert content(tmp_path / "data") == before


def test_documents_of_a_later_version_are_refused(staged: Path, tmp_path: Path) -> None:
    with pytest.raises(NowlineError, match="schema 9999"):
        restored(packed(staged, revision="9999"), tmp_path / "data", replace=False)
    assert not (tmp_path / "data").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_store_that_cannot_be_opened_is_refused(staged: Path, tmp_path: Path) -> None:
    (staged / archive.STORE).write_text("no database")
    with pytest.raises(NowlineError, match="cannot be read"):
        restored(packed(staged), tmp_path / "data", replace=False)
    assert not list(tmp_path.glob(".*"))
