"""Files of sorted columns: what is read from them, and what is said of damaged ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nowline.store.blockfile import (
    BINS,
    PARTIALS,
    RAW,
    Columns,
    DamagedFileError,
    Reader,
    Shape,
    Writer,
    concatenate,
)

ALL = (0, 1 << 62)


def raw(rows_of: Mapping[int, int], start: int = 0) -> Columns:
    """So many rows of each series, ten milliseconds apart."""
    series = np.repeat(list(rows_of), list(rows_of.values())).astype(np.int64)
    time = np.concatenate([np.arange(rows) * 10 + start for rows in rows_of.values()])
    return {"series": series, "time": time, "value": series + time / 100}


def write(path: Path, shape: Shape, block_rows: int, *parts: Columns) -> int:
    writer = Writer(path, shape, block_rows)
    for part in parts:
        writer.add(part)
    assert writer.rows == sum(len(part["series"]) for part in parts)
    assert writer.oldest == min(int(part["time"].min()) for part in parts)
    return writer.finish()


def everything(reader: Reader, shape: Shape) -> dict[str, list[Any]]:
    blocks = [reader.block(number) for number in reader.blocks(ALL, -(1 << 62), 1 << 62)]
    return {name: values.tolist() for name, values in concatenate(blocks, shape).items()}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    early, late = raw({0: 5, 3: 20, 70_000: 1}), raw({3: 2}, start=1_000_000)
    size = write(tmp_path / "a", RAW, 8, early, late)
    assert size == (tmp_path / "a").stat().st_size
    reader = Reader(tmp_path / "a", RAW)
    both = concatenate([early, late], RAW)
    assert everything(reader, RAW) == {name: both[name].tolist() for name in RAW.names}
    assert reader.span == (0, 1_000_010)
    series, rows = reader.series(0)
    assert (series.tolist(), rows.tolist()) == ([0], [5])


@given(
    st.dictionaries(st.integers(0, 50), st.integers(1, 30), min_size=1),
    st.integers(1, 20),
)
def test_a_block_ends_between_series_unless_one_is_longer(
    tmp_path_factory: pytest.TempPathFactory, rows_of: dict[int, int], block_rows: int
) -> None:
    path = tmp_path_factory.mktemp("blocks") / "a"
    rows_of = dict(sorted(rows_of.items()))
    write(path, RAW, block_rows, raw(rows_of))
    reader = Reader(path, RAW)
    blocks = reader.blocks(ALL, 0, 1 << 62)
    assert all(1 <= reader.rows_of(number) <= block_rows for number in blocks)
    for series, rows in rows_of.items():
        own = reader.blocks((series, series), 0, 1 << 62)
        # A series that fits one block may begin in what is left of a long one before it.
        assert len(own) <= -(-rows // block_rows) + 1
        assert sum(int((reader.block(b)["series"] == series).sum()) for b in own) == rows
        if rows <= block_rows and max(rows_of.values()) <= block_rows:
            assert len(own) == 1


def test_the_index_leaves_out_blocks_of_other_series_and_times(tmp_path: Path) -> None:
    parts = [raw({1: 4, 5: 4, 9: 4}, start) for start in (0, 1_000)]
    write(tmp_path / "a", RAW, 4, *parts)
    reader = Reader(tmp_path / "a", RAW)
    assert reader.blocks(ALL, 0, 2_000) == [0, 1, 2, 3, 4, 5]
    assert reader.blocks((5, 5), 0, 2_000) == [1, 4]
    assert reader.blocks((2, 4), 0, 2_000) == []
    assert reader.blocks(ALL, 31, 1_000) == []
    assert reader.blocks((1, 5), 30, 1_001) == [0, 1, 3, 4]
    assert reader.is_within(0, 0, 31)
    assert not reader.is_within(0, 0, 30)
    assert not reader.is_within(0, 1, 31)
    assert [reader.first_series(number) for number in (0, 1, 2)] == [1, 5, 9]


def partial_rows(rows: int, total: float = 0.0) -> Columns:
    value = np.arange(rows) * 0.37
    return {
        "series": np.arange(rows),
        "time": np.full(rows, 60_000),
        "count": np.ones(rows, np.int64),
        "low": value,
        "high": value,
        "last": value,
        "total": value + total,
        "after": np.arange(rows),
    }


@given(
    st.sets(st.tuples(st.integers(3, 6), st.integers(0, 3)), min_size=1),
    st.booleans(),
    st.integers(1, 20),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
@example({(3, 0), (3, 1), (4, 0), (4, 1)}, False, 4, (1, 3))
def test_what_the_number_of_rows_tells_of_a_block_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    cells: set[tuple[int, int]],
    is_full: bool,
    block_rows: int,
    bounds: tuple[int, int],
) -> None:
    if is_full:
        cells = set(product(*(set(each) for each in zip(*cells, strict=True))))
    series, step = np.array(sorted(cells)).T
    part = {**partial_rows(len(series)), "series": series, "time": 120_000 + step * 60_000}
    path = tmp_path_factory.mktemp("full") / "a"
    write(path, PARTIALS, block_rows, part)
    plain, told = Reader(path, PARTIALS), Reader(path, PARTIALS, 60_000)
    assert everything(told, PARTIALS) == everything(plain, PARTIALS)
    for block in plain.blocks(ALL, 0, 1 << 62):
        for found, written in zip(told.series(block), plain.series(block), strict=True):
            assert found.tolist() == written.tolist()
        for number in range(int(series[0]) - 1, int(series[-1]) + 2):
            is_of = plain.column(block, "series") == number
            for reader in (told, plain):
                rows = reader.rows_in(block, number)
                assert (rows.stop - rows.start) == is_of.sum()
                assert is_of[rows].all()
                times = reader.column(block, "time", rows)
                assert times.tolist() == plain.column(block, "time")[is_of].tolist()
        for name in PARTIALS.names:
            some = told.column(block, name, slice(*bounds))
            assert some.tolist() == plain.column(block, name)[slice(*bounds)].tolist()


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60),
    st.booleans(),
    st.tuples(st.integers(-1, 10), st.integers(-1, 10)).map(sorted),
    st.tuples(st.integers(-1, 11), st.integers(-1, 11)),
)
def test_the_blocks_of_some_series_and_times(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[tuple[int, int]],
    is_in_order: bool,
    series: tuple[int, int],
    span: tuple[int, int],
) -> None:
    """Whether blocks ascend by series, as those of one chunk do, or begin anew."""
    path = tmp_path_factory.mktemp("some") / "a"
    parts = [sorted(cells)] if is_in_order else [sorted(cells[:30]), sorted(cells[30:])]
    columns = [np.array(part).T for part in parts if part]
    write(path, RAW, 2, *({"series": s, "time": t, "value": np.zeros(len(s))} for s, t in columns))
    reader = Reader(path, RAW)
    every = reader.blocks(ALL, -1, 1 << 62)
    expected = []
    for block in every:
        numbers, times = reader.column(block, "series"), reader.column(block, "time")
        is_near = numbers[0] <= series[1] and numbers[-1] >= series[0]
        if is_near and times.min() < span[1] and times.max() >= span[0]:
            expected.append(block)
    assert reader.blocks((series[0], series[1]), *span) == expected


def test_a_full_block_is_told_by_its_number_of_rows(tmp_path: Path) -> None:
    full = {
        **partial_rows(6),
        "series": np.repeat([4, 5], 3),
        "time": np.tile([0, 60, 120], 2),
    }
    write(tmp_path / "a", PARTIALS, 6, full, {k: v[:5] for k, v in full.items()})
    assert [Reader(tmp_path / "a", PARTIALS, 60).rows_a_series(block) for block in (0, 1)] == [
        3,
        None,
    ]
    # Rows of equal times, as raw ones may be, would fill it without being everywhere.
    assert Reader(tmp_path / "a", PARTIALS).rows_a_series(0) is None


def test_columns_that_are_equal_are_written_once(tmp_path: Path) -> None:
    same, other = partial_rows(2_000), partial_rows(2_000, total=1 / 3)
    sizes = [write(tmp_path / n, PARTIALS, 4_096, p) for n, p in (("a", same), ("b", other))]
    assert sizes[0] < sizes[1]
    for name, part in (("a", same), ("b", other)):
        found = everything(Reader(tmp_path / name, PARTIALS), PARTIALS)
        assert found == {column: part[column].tolist() for column in PARTIALS.names}


def test_a_file_that_is_deleted_can_be_read_on(tmp_path: Path) -> None:
    write(tmp_path / "a", RAW, 8, raw({1: 20}))
    reader = Reader(tmp_path / "a", RAW)
    (tmp_path / "a").unlink()
    assert len(everything(reader, RAW)["time"]) == 20
    with pytest.raises(FileNotFoundError):
        Reader(tmp_path / "a", RAW)


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a", RAW, 8)
    writer.add(raw({1: 20}))
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    write(tmp_path / "a", RAW, 8, raw({1: 20}))
    with pytest.raises(FileExistsError):
        Writer(tmp_path / "a", RAW, 8)
    assert len(everything(Reader(tmp_path / "a", RAW), RAW)["time"]) == 20


@pytest.fixture
def small(tmp_path: Path) -> Path:
    part = {name: values[:6] for name, values in partial_rows(10, total=1e-3).items()}
    write(tmp_path / "small.nlb", PARTIALS, 4, part)
    return tmp_path / "small.nlb"


def test_a_byte_that_flips_anywhere_is_told_with_the_file_or_does_no_harm(small: Path) -> None:
    whole = small.read_bytes()
    expected = everything(Reader(small, PARTIALS), PARTIALS)
    told = 0
    for at in range(len(whole)):
        for mask in (1, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[at] ^= mask
            small.write_bytes(damaged)
            try:
                assert everything(Reader(small, PARTIALS), PARTIALS) == expected
            except DamagedFileError as error:
                told += str(small) in str(error)
    # Nothing but the four bytes that it begins with.
    assert told >= 3 * (len(whole) - 4)


def test_a_file_that_is_cut_anywhere_is_told(small: Path) -> None:
    whole = small.read_bytes()
    for size in range(len(whole)):
        small.write_bytes(whole[:size])
        with pytest.raises(DamagedFileError, match=r"small\.nlb is damaged"):
            Reader(small, PARTIALS)


def test_other_files_are_told(small: Path, tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="other columns"):
        Reader(small, BINS)
    for content in (b"", b"NLB1", b"x" * 1_000, bytes(1_000)):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(DamagedFileError, match="other is damaged"):
            Reader(tmp_path / "other", RAW)


@pytest.mark.usefixtures("told_what_is_at_hand")
def test_a_block_is_at_hand_while_all_of_it_is_in_memory(tmp_path: Path) -> None:
    write(tmp_path / "a", RAW, 8, raw({1: 20}))
    reader = Reader(tmp_path / "a", RAW)
    assert [reader.is_at_hand(block) for block in range(3)] == [True] * 3
    os.truncate(tmp_path / "a", 40)
    assert not reader.is_at_hand(2)
