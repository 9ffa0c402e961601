from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from nowline.bus import logcopy
from nowline.bus.logfile import LogFile


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogFile]:
    """A log in use, of ten records, of which the first four are dropped."""
    with closing(LogFile(tmp_path / "log.sqlite")) as made:
        made.append(1, [b"%d" % number for number in range(1, 11)])
        made.save({"store": 4, "windows": 6})
        yield made


@contextmanager
def copied(log: LogFile, tmp_path: Path, *offsets: int) -> Iterator[LogFile]:
    assert logcopy.copy(tmp_path / "log.sqlite", tmp_path / "copy") == log.id
    logcopy.forget(tmp_path / "copy", *offsets)
    with closing(LogFile(tmp_path / "copy")) as copy:
        yield copy


def test_a_copy_has_what_the_store_does_not(log: LogFile, tmp_path: Path) -> None:
    with copied(log, tmp_path, 7) as copy:
        assert copy.id == log.id
        assert [record.offset for record in copy.read(0, 100)] == [8, 9, 10]
        assert copy.head() == 10
        assert copy.commits() == {"store": 7, "windows": 7}


@pytest.mark.parametrize("offset", [10, 25])
def test_a_copy_goes_on_above_what_the_store_has(log: LogFile, tmp_path: Path, offset: int) -> None:
    with copied(log, tmp_path, offset) as copy:
        assert copy.read(0, 100) == []
        assert copy.head() == offset
        copy.append(copy.head() + 1, [b"new"])
        assert [record.offset for record in copy.read(offset, 100)] == [offset + 1]


@pytest.mark.parametrize("offsets", [(7, 25), (25, 7)])
def test_a_copy_has_what_either_of_two_stores_does_not(
    log: LogFile, tmp_path: Path, offsets: tuple[int, int]
) -> None:
    with copied(log, tmp_path, *offsets) as copy:
        assert [record.offset for record in copy.read(0, 100)] == [8, 9, 10]
        assert copy.commits() == {"store": 7, "windows": 7}
        assert copy.head() == 25


def test_a_log_without_a_record_ever_goes_on_above_it_too(tmp_path: Path) -> None:
    with closing(LogFile(tmp_path / "log.sqlite")) as log, copied(log, tmp_path, 3) as copy:
        assert copy.head() == 3


def test_what_is_appended_after_the_copy_is_not_in_it(log: LogFile, tmp_path: Path) -> None:
    logcopy.copy(tmp_path / "log.sqlite", tmp_path / "copy")
    log.append(11, [b"later"])
    with closing(LogFile(tmp_path / "copy")) as copy:
        assert copy.head() == 10


def test_a_log_in_use_can_be_looked_at(log: LogFile, tmp_path: Path) -> None:
    found = logcopy.summarize(tmp_path / "log.sqlite")
    assert found == logcopy.LogSummary(log.id, 10, 6, None)


def test_something_else_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").write_bytes(b"no database " * 100)
    with pytest.raises(sqlite3.Error):
        logcopy.summarize(tmp_path / "log.sqlite")
    with pytest.raises(sqlite3.Error):
        logcopy.copy(tmp_path / "log.sqlite", tmp_path / "copy")
