"""Columns as bytes: what was written comes back, and what was damaged never does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nowline.store import encoding
from nowline.store.encoding import CorruptColumnError

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
SMALL = st.integers(-5, 5)
DECIMALS = st.builds(lambda whole, digits: whole / 10**digits, INT64, st.integers(0, 9))
FLOATS = st.floats(allow_nan=False)


def steps(base: int, by: list[int]) -> list[int]:
    return [base, *(base + sum(by[: i + 1]) for i in range(len(by)))]


@given(
    st.one_of(
        st.lists(INT64, min_size=1),
        st.lists(SMALL, min_size=1),
        st.builds(steps, st.integers(-(1 << 40), 1 << 40), st.lists(st.sampled_from([7, 7, 1000]))),
    ),
    st.booleans(),
)
@example([-(1 << 63), (1 << 63) - 1, -(1 << 63)], True)
@example([1 << 62, -(1 << 62)], False)
@example([0], True)
def test_integers_come_back(values: list[int], is_stepped: bool) -> None:
    column = np.array(values, np.int64)
    found = encoding.decode_ints(encoding.encode_ints(column, steps=is_stepped), len(values))
    assert found.dtype == np.int64
    assert found.tolist() == values


@given(st.lists(st.tuples(INT64, st.integers(1, 300)), min_size=1, max_size=20))
def test_runs_come_back(runs: list[tuple[int, int]]) -> None:
    column = np.repeat(*(np.array(each, np.int64) for each in zip(*runs, strict=True)))
    values, rows = encoding.decode_runs(encoding.encode_runs(column), len(column))
    assert np.repeat(values, rows).tolist() == column.tolist()
    assert (values[1:] != values[:-1]).all()


@given(
    st.one_of(
        st.lists(FLOATS, min_size=1),
        st.lists(DECIMALS, min_size=1),
        st.integers(0, 9).flatmap(
            lambda digits: st.lists(
                st.integers(-(10**6), 10**6).map(lambda whole: whole / 10**digits), min_size=1
            )
        ),
    )
)
@example([5e-324, 1.0])
@example([1.7976931348623157e308, -1.7976931348623157e308])
@example([float("inf"), float("-inf"), 0.1])
@example([float(1 << 53), float((1 << 53) + 2), 0.5])
def test_doubles_come_back_exactly(values: list[float]) -> None:
    column = np.array(values, np.float64)
    found = encoding.decode_floats(encoding.encode_floats(column), len(values))
    assert found.dtype == np.float64
    # Equal, not only close; the sign of a zero is not kept.
    assert found.tolist() == values


@given(
    st.lists(st.one_of(SMALL, INT64), min_size=1),
    st.lists(st.one_of(SMALL.map(float), FLOATS), min_size=1),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_some_rows_are_those_of_all(
    ints: list[int], floats: list[float], bounds: tuple[int, int]
) -> None:
    wanted = slice(*bounds)
    for is_stepped in (False, True):
        data = encoding.encode_ints(np.array(ints, np.int64), steps=is_stepped)
        assert encoding.decode_ints(data, len(ints), wanted).tolist() == ints[wanted]
    data = encoding.encode_floats(np.array(floats))
    assert encoding.decode_floats(data, len(floats), wanted).tolist() == floats[wanted]


def test_what_is_no_number_comes_back_too() -> None:
    column = np.array([float("nan"), 1.5])
    found = encoding.decode_floats(encoding.encode_floats(column), 2)
    assert np.array_equal(found, column, equal_nan=True)


@given(
    st.lists(st.tuples(st.one_of(FLOATS, DECIMALS), st.integers(0, 10**6)), min_size=1),
)
def test_slack_changes_a_value_by_no_more_than_that(pairs: list[tuple[float, int]]) -> None:
    values = np.array([value for value, _ in pairs])
    slack = np.array([count for _, count in pairs]) * 2.0**-53
    found = encoding.decode_floats(encoding.encode_floats(values, slack), len(values))
    is_same = found == values
    off = np.abs(np.where(is_same, 0.0, found) - np.where(is_same, 0.0, values))
    assert (off <= np.abs(np.where(is_same, 1.0, values)) * slack).all()


def test_a_sum_of_decimals_is_told_as_a_decimal() -> None:
    values = np.add.reduce(np.random.default_rng(1).integers(0, 99, (20, 1_000)) / 100)
    slack = np.full(1_000, 20 * 2.0**-53)
    exact, loose = encoding.encode_floats(values), encoding.encode_floats(values, slack)
    assert len(loose) < len(exact) / 3
    assert np.allclose(encoding.decode_floats(loose, 1_000), values, rtol=1e-12)


COLUMNS = [
    encoding.encode_ints(np.array([7, 7, 7])),
    encoding.encode_ints(np.array([1, 500, 3])),
    encoding.encode_ints(np.array([1, 2, 900]), steps=True),
    encoding.encode_ints(np.array([10, 20, 30]), steps=True),
    encoding.encode_floats(np.array([0.5, 0.25, 3.0])),
    encoding.encode_floats(np.array([1 / 3, 2 / 3, 1e300])),
]


@pytest.mark.parametrize("data", COLUMNS)
def test_a_byte_that_flips_is_told(data: bytes) -> None:
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            for decode in (encoding.decode_ints, encoding.decode_floats):
                with pytest.raises(CorruptColumnError):
                    decode(bytes(damaged), 3)


@pytest.mark.parametrize("data", COLUMNS)
def test_a_column_that_is_cut_or_of_another_length_is_told(data: bytes) -> None:
    for size in range(len(data)):
        with pytest.raises(CorruptColumnError):
            encoding.decode_floats(data[:size], 3)
        with pytest.raises(CorruptColumnError):
            encoding.decode_ints(memoryview(data)[size + 1 :], 3)


@given(st.data())
def test_runs_with_a_byte_that_flips_are_told_or_read_right(data: st.DataObject) -> None:
    column = np.repeat([3, 4, 9], data.draw(st.lists(st.integers(1, 5), min_size=3, max_size=3)))
    whole = encoding.encode_runs(column)
    damaged = bytearray(whole)
    damaged[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptColumnError):
        encoding.decode_runs(bytes(damaged), len(column))
    with pytest.raises(CorruptColumnError):
        encoding.decode_runs(whole[: data.draw(st.integers(0, len(whole) - 1))], len(column))
    with pytest.raises(CorruptColumnError):
        encoding.decode_runs(whole, len(column) + 1)


def test_a_column_that_says_it_is_longer_than_its_block_takes_no_memory() -> None:
    huge = encoding.encode_ints(np.arange(1 << 20) % 251)
    assert len(huge) < 100_000
    with pytest.raises(CorruptColumnError):
        encoding.decode_ints(huge, 3)


def test_hundredths_in_a_small_range_take_less_than_two_bytes() -> None:
    values = np.random.default_rng(1).integers(2_000, 3_000, 8_192) / 100
    assert len(encoding.encode_floats(values)) < 2 * 8_192


def test_regular_times_and_constants_take_next_to_nothing() -> None:
    assert len(encoding.encode_ints(np.arange(8_192) * 10_000, steps=True)) < 40
    assert len(encoding.encode_floats(np.full(8_192, 0.1))) < 40
