"""A damaged log file: what can be read of it is in a new one, and the old one is kept."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from nowline.bus.base import DeadLetter, Record
from nowline.bus.logfile import LogFile
from nowline.bus.salvage import open_file

PAGE = 4096
ALL = 1 << 30
RECORDS = 400


def blob(position: int) -> bytes:
    return b"%d " % position + bytes(1_000 + position)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log that was closed in order: records 101 to 400, and a dead letter."""
    made = tmp_path / "log.sqlite"
    with closing(LogFile(made, "the log")) as file:
        file.append(1, [blob(at) for at in range(1, RECORDS + 1)])
        file.bury(DeadLetter(7, "store", "why", 1, None, 5), b"seven")
        file.save({"store": 100})
    return made


def damage(path: Path, page: int, *, to: bytes = b"\xff") -> None:
    """Overwrite a page of a file, counted from 0."""
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(to * PAGE)


def pages_of(path: Path, table: str) -> list[int]:
    """The pages with rows of a table, counted from 0."""
    with closing(sqlite3.connect(path)) as db:
        sql = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'"
        try:
            return [number - 1 for (number,) in db.execute(sql, [table])]
        except sqlite3.OperationalError:
            pytest.skip("this SQLite is built without dbstat")


def aside(path: Path) -> list[Path]:
    return list(path.parent.glob("log.sqlite.damaged-*"))


def test_a_sound_file_is_opened_as_it_is(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(open_file(path)) as file:
        assert len(file.read(0, ALL)) == RECORDS - 100
    assert aside(path) == []
    assert caplog.text == ""


@pytest.mark.parametrize("chosen", [0, 20, -1])
def test_what_can_be_read_goes_on(
    path: Path, chosen: int, caplog: pytest.LogCaptureFixture
) -> None:
    damage(path, pages_of(path, "records")[chosen])
    with closing(open_file(path)) as file:
        assert (file.id, file.head(), file.commits()) == ("the log", RECORDS, {"store": 100})
        found = file.read(100, ALL)
        assert [record.offset for record in found] == list(range(101, RECORDS + 1))
        lost = [record.offset for record in found if not record.blob]
        whole = [record for record in found if record.blob]
        assert whole == [Record(each.offset, blob(each.offset)) for each in whole]
        assert 1 <= len(lost) <= 4
        assert [(each.id, file.blob_of(each.id)) for each in file.letters()] == [(7, b"seven")]
        assert file.fault() is None
        file.append(RECORDS + 1, [b"more"])
    assert f"{len(whole)} of its records could be read" in caplog.text
    assert f"{len(lost)} could not" in caplog.text
    (kept,) = aside(path)
    assert kept.stat().st_size > 0
    with closing(open_file(path)) as again:
        assert again.head() == RECORDS + 1


@pytest.mark.parametrize("content", [b"no database " * 1_000, b"SQLite format 3\0" + bytes(5_000)])
def test_a_file_that_is_none_is_kept_and_a_new_log_begins(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    with closing(open_file(path)) as file:
        assert file.id != "the log"
        assert (file.head(), file.read(0, ALL), file.letters()) == (0, [], [])
    (kept,) = aside(path)
    assert kept.read_bytes() == content
    assert "a new log begins" in caplog.text
    assert str(kept) in caplog.text


class CrashError(Exception):
    """Nothing after it is done."""


def crash_before(monkeypatch: pytest.MonkeyPatch, step: int) -> list[str]:
    """Die when a file gets another name, or names are written to the disk, for that time."""
    done: list[str] = []

    def counted(name: str) -> Callable[..., None]:
        does = getattr(os, name)

        def call(*args: object) -> None:
            if len(done) == step:
                raise CrashError
            done.append(name)
            does(*args)

        return call

    for name in ("rename", "fsync"):
        monkeypatch.setattr(os, name, counted(name))
    return done


@pytest.mark.parametrize("step", range(7))
@pytest.mark.parametrize("is_readable", [True, False])
def test_a_crash_at_any_step_of_it_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: int, is_readable: bool
) -> None:
    if is_readable:
        damage(path, pages_of(path, "records")[0])
    else:
        path.write_bytes(b"no database " * 1_000)
    damaged = path.read_bytes()
    with monkeypatch.context() as patch:
        done = crash_before(patch, step)
        with suppress(CrashError):
            open_file(path).close()
    assert len(done) == step  # Of six: after the last one there is nothing left to die in.
    with closing(open_file(path)) as file:
        assert (file.id == "the log") == is_readable
        found = file.read(100, ALL)
        assert sum(1 for record in found if record.blob) >= (RECORDS - 104) * is_readable
        assert len(file.letters()) == is_readable
    (kept,) = aside(path)
    assert kept.read_bytes() == damaged
    assert {file.name for file in path.parent.iterdir()} == {path.name, kept.name}


def test_a_draft_that_a_crash_has_left_is_not_used(path: Path) -> None:
    damage(path, pages_of(path, "records")[0])
    with closing(LogFile(path.with_name("log.sqlite.salvaging"), "half")) as half:
        half.append(1, [b"half"])
    with closing(open_file(path)) as file:
        assert (file.id, file.head()) == ("the log", RECORDS)


def test_damage_that_comes_later_is_read_around(path: Path) -> None:
    with closing(LogFile(path)) as file:
        damage(path, pages_of(path, "records")[10])
        found = file.read(100, ALL)
        assert [record.offset for record in found] == list(range(101, RECORDS + 1))
        assert 1 <= sum(not record.blob for record in found) <= 4


def test_a_crash_in_the_middle_of_an_append_leaves_what_was_acknowledged(tmp_path: Path) -> None:
    """The write-ahead log is cut off anywhere in its last transaction, or has garbage there."""
    original = tmp_path / "log.sqlite"
    file = LogFile(original, "the log")
    file.append(1, [blob(1), blob(2)])
    before = (tmp_path / "log.sqlite-wal").stat().st_size
    file.append(3, [blob(3), blob(4)])
    database, wal = original.read_bytes(), (tmp_path / "log.sqlite-wal").read_bytes()
    file.close()
    chance = random.Random(4)
    for number in range(20):
        crashed = tmp_path / str(number) / "log.sqlite"
        crashed.parent.mkdir()
        crashed.write_bytes(database)
        cut = chance.randrange(before, len(wal))
        torn = wal[:cut] + (chance.randbytes(len(wal) - cut) if number % 2 else b"")
        crashed.with_name("log.sqlite-wal").write_bytes(torn)
        with closing(open_file(crashed)) as left:
            found = [(each.offset, each.blob) for each in left.read(0, ALL)]
            assert found[:2] == [(1, blob(1)), (2, blob(2))]
            assert found[2:] in ([], [(3, blob(3)), (4, blob(4))])
            assert left.head() == len(found)


def test_a_folder_without_a_log_gets_one(tmp_path: Path) -> None:
    with closing(open_file(tmp_path / "log.sqlite")) as file:
        assert (file.head(), file.letters()) == (0, [])
