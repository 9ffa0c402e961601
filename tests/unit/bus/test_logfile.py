"""The file behind the embedded log: what a failed or broken-off write leaves in it."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nowline.bus.base import Record
from nowline.bus.logfile import LogFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


@pytest.fixture
def file(path: Path) -> Iterator[LogFile]:
    with closing(LogFile(path)) as opened:
        yield opened


def test_a_new_file_is_empty_private_and_in_wal_mode(path: Path, file: LogFile) -> None:
    assert (file.head(), file.read(0, 1 << 20), file.commits()) == (0, [], {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_is_appended_is_there_for_whoever_opens_a_copy(path: Path, file: LogFile) -> None:
    file.append(1, [b"one", b"two"])
    # The copy is what a crash at this moment would leave: nothing was closed or folded in.
    crashed = path.parent / "crashed"
    crashed.mkdir()
    for part in path.parent.glob("log.sqlite*"):
        shutil.copy(part, crashed)
    (crashed / "log.sqlite-shm").unlink(missing_ok=True)
    with closing(LogFile(crashed / "log.sqlite")) as again:
        assert again.read(0, 1 << 20) == [Record(1, b"one"), Record(2, b"two")]
        assert again.id == file.id


def test_an_append_that_fails_halfway_leaves_nothing(file: LogFile) -> None:
    file.append(1, [b"one"])
    with pytest.raises(sqlite3.Error):
        file.append(1, [b"taken"])
    with pytest.raises(sqlite3.Error):
        file.append(2, [b"two", None])  # type: ignore[list-item]
    file.append(2, [b"right"])
    assert file.read(0, 1 << 20) == [Record(1, b"one"), Record(2, b"right")]


class Exhausting(bytes):
    """A blob for which there is no memory when SQLite is given it."""

    def __conform__(self, protocol: object) -> bytes:
        raise MemoryError


def test_an_append_for_which_there_is_no_memory_leaves_nothing(file: LogFile) -> None:
    with pytest.raises(MemoryError):
        file.append(1, [b"one", Exhausting(b"two")])
    assert file.settle() == 0
    file.append(1, [b"right"])
    assert file.read(0, 1 << 20) == [Record(1, b"right")]


def test_a_roll_back_that_fails_too_is_made_up_for(file: LogFile) -> None:
    def refuse(action: int, first: str | None, *_: object) -> int:
        is_end = action == sqlite3.SQLITE_TRANSACTION and first in {"COMMIT", "ROLLBACK"}
        return sqlite3.SQLITE_DENY if is_end else sqlite3.SQLITE_OK

    file._db.set_authorizer(refuse)
    with pytest.raises(sqlite3.Error):
        file.append(1, [b"one"])
    file._db.set_authorizer(None)
    assert file.settle() == 0
    file.append(1, [b"right"])
    assert file.read(0, 1 << 20) == [Record(1, b"right")]


def test_a_save_that_fails_halfway_leaves_nothing(file: LogFile) -> None:
    file.append(1, [b"one", b"two"])
    with pytest.raises(sqlite3.Error):
        file.save({"store": None})  # type: ignore[dict-item]
    file.append(3, [b"three"])
    assert [record.offset for record in file.read(0, 1 << 20)] == [1, 2, 3]
    assert file.commits() == {}


def test_a_save_drops_only_what_every_group_is_done_with(file: LogFile) -> None:
    file.append(1, [b"1", b"2", b"3"])
    file.save({"store": 3, "slow": 1})
    assert [record.offset for record in file.read(0, 1 << 20)] == [2, 3]
    assert file.commits() == {"store": 3, "slow": 1}


def test_offsets_are_not_used_again_after_everything_was_dropped(path: Path) -> None:
    with closing(LogFile(path)) as file:
        file.append(1, [b"1", b"2"])
        file.save({"store": 2})
        assert file.read(0, 1 << 20) == []
    with closing(LogFile(path)) as again:
        assert again.head() == 2


def test_each_file_is_another_log(tmp_path: Path) -> None:
    with closing(LogFile(tmp_path / "a")) as one, closing(LogFile(tmp_path / "b")) as other:
        assert one.id != other.id
