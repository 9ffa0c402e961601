"""From rows in memory to files of every level."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.model.level import BINNED, ROLLED_UP, Level
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.store import flushing, hot, rolling
from nowline.store.base import Rows
from nowline.store.blockfile import Columns, Reader, concatenate
from nowline.store.segments import Kind, Segment
from reference import Row, columns

EVERYTHING = dict.fromkeys(Level, -(1 << 62))
# Series 0 is a distribution.
DISTRIBUTIONS = np.array([True, False, False, False])
ROWS = st.lists(
    st.builds(
        Row,
        st.integers(0, 3),
        st.integers(0, 40 * 24 * 6).map(lambda step: step * 10 * MINUTE_MS + 7),
        st.sampled_from([-1.0, 0.0, 0.25, 7.0]),
    ),
    min_size=1,
    max_size=40,
)


def runs(rows: list[Row], raw_from: int = 0) -> tuple[hot.Run, ...]:
    found: tuple[hot.Run, ...] = ()
    for at in range(0, len(rows), 7):
        found = hot.added(found, hot.runs_of(Rows(*columns(rows[at : at + 7])), raw_from))
    return found


def read(folder: Path, segment: Segment) -> Columns:
    reader = Reader(folder / segment.name, segment.kind.shape)
    blocks = [reader.block(n) for n in reader.blocks((0, 1 << 62), 0, 1 << 62)]
    return concatenate(blocks, segment.kind.shape)


def listed(columns: Columns, *names: str) -> list[tuple[float, ...]]:
    return sorted(zip(*(columns[name].tolist() for name in names), strict=True))


def test_nothing_makes_no_file(tmp_path: Path) -> None:
    assert flushing.write(tmp_path, [], DISTRIBUTIONS, EVERYTHING) == ()
    assert list(tmp_path.iterdir()) == []


@given(ROWS)
@settings(max_examples=40)
def test_every_level_has_all_rows_in_files_of_their_stretch(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    written = flushing.write(folder, runs(rows), DISTRIBUTIONS, EVERYTHING)
    assert {path.name for path in folder.iterdir()} == {segment.name for segment in written}
    ordered = rolling.ordered(Rows(*columns(rows)))
    found: dict[Kind, list[Columns]] = {}
    for segment in written:
        part = read(folder, segment)
        assert (folder / segment.name).stat().st_size == segment.size
        assert len(part["time"]) == segment.rows
        assert part["time"].min() == segment.oldest >= segment.start
        assert part["time"].max() < segment.end
        assert segment.start % segment.kind.stretch_ms == 0
        found.setdefault(segment.kind, []).append(part)
    whole = {kind: concatenate(parts, kind.shape) for kind, parts in found.items()}
    assert listed(whole[Kind(Level.RAW)], "series", "time", "value") == sorted(rows)
    for level in ROLLED_UP:
        expected = rolling.partials(ordered, level.width_ms)
        names = ("series", "time", "count", "low", "high", "last", "total", "after")
        assert listed(whole[Kind(level)], *names) == listed(expected, *names)
    bins = ("series", "time", "bin", "count")
    for level in ROLLED_UP:
        chosen = rolling.where(ordered, DISTRIBUTIONS[ordered["series"]])
        binned = ordered if level in BINNED else chosen
        if len(binned["series"]):
            expected = rolling.bins(binned, level.width_ms)
            assert listed(whole[Kind(level, binned=True)], *bins) == listed(expected, *bins)
        else:
            assert Kind(level, binned=True) not in whole


def test_rows_within_a_file_are_in_chunks_of_time_by_series(tmp_path: Path) -> None:
    rows = [Row(s, hour * HOUR_MS + s, 1.0) for hour in range(3) for s in (2, 0, 1)]
    raw = flushing.write(tmp_path, runs(rows), DISTRIBUTIONS, EVERYTHING)[0]
    reader = Reader(tmp_path / raw.name, raw.kind.shape)
    assert [reader.series(block)[0].tolist() for block in range(3)] == [[0, 1, 2]] * 3
    assert [reader.blocks((1, 1), h * HOUR_MS, (h + 1) * HOUR_MS) for h in range(3)] == [
        [0],
        [1],
        [2],
    ]


def test_rows_too_old_for_full_detail_count_in_roll_ups_only(tmp_path: Path) -> None:
    rows = [Row(1, day * DAY_MS, 1.0) for day in range(3)]
    written = flushing.write(tmp_path, runs(rows, raw_from=2 * DAY_MS), DISTRIBUTIONS, EVERYTHING)
    counts = dict.fromkeys(Level, 0)
    for segment in written:
        if not segment.kind.binned:
            counts[segment.kind.level] += segment.rows
    assert counts == {level: 1 if level is Level.RAW else 3 for level in Level}


def test_nothing_is_written_of_a_stretch_that_is_kept_no_longer(tmp_path: Path) -> None:
    rows = [Row(1, day * DAY_MS, 1.0) for day in range(3)]
    keep = {**EVERYTHING, Level.MINUTE: 2 * DAY_MS, Level.FIVE_MINUTES: DAY_MS + 1}
    written = flushing.write(tmp_path, runs(rows), DISTRIBUTIONS, keep)
    days = {
        level: [s.day for s in written if s.kind == Kind(level)]
        for level in (Level.RAW, Level.MINUTE, Level.FIVE_MINUTES)
    }
    assert list(days.values()) == [[0, 1, 2], [2], [1, 2]]


def limit_files_to(size: int) -> None:
    """Files of this process get no longer: a disk that is full, as far as it can tell."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


WRITE_TOO_MUCH = """
import math
import sys
from pathlib import Path
import test_flushing as tests
rows = [tests.Row(n % 4, n * 1_009, math.sin(n)) for n in range(int(sys.argv[2]))]
runs = tests.runs(rows)
tests.limit_files_to(8_000)
try:
    tests.flushing.write(Path(sys.argv[1]), runs, tests.DISTRIBUTIONS, tests.EVERYTHING)
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.parametrize(("rows", "said"), [(20_000, "File too large\n"), (100, "")])
def test_where_a_file_cannot_be_written_nothing_is_left(
    tmp_path: Path, rows: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITE_TOO_MUCH, str(tmp_path), str(rows)],
        env={"PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == said
    assert (list(tmp_path.iterdir()) == []) is bool(said)
