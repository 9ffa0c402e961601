"""Several files become one that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.model.level import Level
from nowline.model.query import DAY_MS
from nowline.store import compaction, flushing, hot, rolling
from nowline.store.base import Rows
from nowline.store.blockfile import Columns, DamagedFileError, Reader, concatenate
from nowline.store.segments import Kind, Segment
from nowline.store.tiers import Work
from reference import Row, columns

EVERYTHING = dict.fromkeys(Level, -(1 << 62))
ROWS = st.lists(
    st.builds(
        Row,
        st.sampled_from([0, 1, 2, 70_000]),
        st.integers(0, 24 * 12 - 1).map(lambda step: step * 300_007),
        st.sampled_from([-1.0, 0.0, 0.25, 7.0]),
    ),
    min_size=1,
    max_size=30,
)


def flush(folder: Path, rows: Sequence[Row]) -> tuple[Segment, ...]:
    runs = hot.runs_of(Rows(*columns(rows)), raw_from=0)
    return flushing.write(folder, runs, np.ones(70_001, bool), EVERYTHING)


def merge(folder: Path, kind: Kind, segments: Sequence[Segment]) -> Segment:
    work = Work((kind, 0), tuple(segments))
    return compaction.merge(folder, work, [Reader(folder / s.name, kind.shape) for s in segments])


def read(folder: Path, segment: Segment) -> Columns:
    reader = Reader(folder / segment.name, segment.kind.shape)
    blocks = [reader.block(n) for n in reader.blocks((0, 1 << 62), 0, 1 << 62)]
    return concatenate(blocks, segment.kind.shape)


def listed(found: Columns) -> list[tuple[float, ...]]:
    return list(zip(*(found[name].tolist() for name in sorted(found)), strict=True))


@given(st.lists(ROWS, min_size=2, max_size=4))
@settings(max_examples=20)
def test_the_merged_file_says_what_one_flush_of_all_rows_would(
    tmp_path_factory: pytest.TempPathFactory, flushes: list[list[Row]]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    written = [flush(folder, rows) for rows in flushes]
    at_once = flush(folder, [row for rows in flushes for row in rows])
    for whole in at_once:
        parts = [s for each in written for s in each if (s.kind, s.day) == (whole.kind, whole.day)]
        made = merge(folder, whole.kind, parts)
        assert (made.kind, made.day, made.rows) == (whole.kind, whole.day, whole.rows)
        assert made.oldest == whole.oldest
        assert made.size == (folder / made.name).stat().st_size
        assert listed(read(folder, made)) == listed(read(folder, whole))


def test_of_equal_times_the_row_that_was_written_last_stays_last(tmp_path: Path) -> None:
    written = [flush(tmp_path, [Row(0, 5, value)]) for value in (1.0, 3.0, 2.0)]
    raw = merge(tmp_path, Kind(Level.RAW), [each[0] for each in written])
    assert read(tmp_path, raw)["value"].tolist() == [1.0, 3.0, 2.0]
    minutes = [s for each in written for s in each if s.kind == Kind(Level.MINUTE)]
    made = read(tmp_path, merge(tmp_path, Kind(Level.MINUTE), minutes))
    assert (made["last"].tolist(), made["total"].tolist()) == ([2.0], [6.0])


def test_more_rows_than_are_merged_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "_ROWS_AT_A_TIME", 1 << 13)
    rng = np.random.default_rng(7)
    written = []
    for _ in range(3):
        size = 40_000
        series, time = rng.integers(0, 300, size), rng.integers(0, DAY_MS, size)
        runs = hot.runs_of(Rows(series, time, time.astype(np.float64)), raw_from=0)
        written.append(flushing.write(tmp_path, runs, np.zeros(300, bool), EVERYTHING))
    for kind in (Kind(Level.RAW), Kind(Level.MINUTE), Kind(Level.HOUR, binned=True)):
        parts = [s for each in written for s in each if s.kind == kind]
        made = read(tmp_path, merge(tmp_path, kind, parts))
        chunk = made["time"] // kind.chunk_ms
        order = np.lexsort((made["time"], made["series"], chunk))
        assert (order == np.arange(len(order))).all()
        both = [read(tmp_path, part) for part in parts]
        if kind.level is Level.RAW:
            expected = rolling.merged_rows(both)
        elif kind.binned:
            expected = rolling.merged_bins([in_order(each) for each in both])
        else:
            expected = rolling.merged_partials(both, kind.level.width_ms)
        assert sorted(listed(in_order(made))) == sorted(listed(expected))


def in_order(rows: Columns) -> Columns:
    order = np.lexsort((rows["time"], rows["series"]))
    return {name: values[order] for name, values in rows.items()}


def test_a_damaged_file_leaves_no_half_merged_one(tmp_path: Path) -> None:
    segments = [flush(tmp_path, [Row(0, n, 1.0)])[0] for n in range(3)]
    damaged = tmp_path / segments[1].name
    content = bytearray(damaged.read_bytes())
    content[10] ^= 1
    damaged.write_bytes(content)
    before = set(tmp_path.iterdir())
    with pytest.raises(DamagedFileError, match=segments[1].name):
        merge(tmp_path, Kind(Level.RAW), segments)
    assert set(tmp_path.iterdir()) == before
