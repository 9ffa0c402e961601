"""Files are opened once, and not for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nowline.model.level import Level
from nowline.store import flushing, hot, readers
from nowline.store.base import Rows
from nowline.store.readers import Readers
from nowline.store.segments import Kind, Segment

RAW = Kind(Level.RAW)


def write(folder: Path, files: int) -> list[Segment]:
    rows = Rows(np.array([1]), np.array([5]), np.array([1.0]))
    (run,) = hot.runs_of(rows, 0)
    return [flushing.write_one(folder, RAW, 0, [run.rows]) for _ in range(files)]


def test_a_file_is_opened_once_by_however_many_threads(tmp_path: Path) -> None:
    (segment,) = write(tmp_path, 1)
    opened = Readers(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(opened.of, [segment] * 50))
    assert len(found) == 1


def test_only_those_read_last_stay_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_MOST_OPEN", 2)
    first, second, third = write(tmp_path, 3)
    opened = Readers(tmp_path)
    one, two = opened.of(first), opened.of(second)
    assert opened.of(first) is one
    opened.of(third)
    assert opened.of(first) is one
    assert opened.of(second) is not two


def test_what_was_forgotten_is_looked_for_again(tmp_path: Path) -> None:
    (segment,) = write(tmp_path, 1)
    opened = Readers(tmp_path)
    reader = opened.of(segment)
    (tmp_path / segment.name).unlink()
    assert opened.of(segment) is reader
    opened.forget([segment])
    with pytest.raises(FileNotFoundError, match=segment.name):
        opened.of(segment)
    assert reader.block(0)["value"].tolist() == [1.0]


def test_what_is_open_is_had_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_MOST_OPEN", 2)
    first, second, third = write(tmp_path, 3)
    files = Readers(tmp_path)
    assert files.opened(first) is None
    one = files.of(first)
    files.of(second)
    assert files.opened(first) is one
    files.of(third)
    # It was read later than the second one.
    assert files.opened(first) is one
    assert files.opened(second) is None
    with files._changing:
        assert files.opened(first) is None
