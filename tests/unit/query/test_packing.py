"""What goes to the cache that outlives the server comes back as it was, or not at all."""

from __future__ import annotations

from dataclasses import fields, replace

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from nowline.model import partials
from nowline.model.histogram import Bins
from nowline.model.partials import Partials
from nowline.model.points import Points
from nowline.model.query import Aggregation
from nowline.query.packing import (
    name_of,
    pack_points,
    pack_rows,
    unpack_points,
    unpack_rows,
)
from nowline.store.catalogue import Selection

ints = st.integers(-(2**63), 2**63 - 1)
SERIES = Selection(np.array([3, 5]), np.array([0, 1]), [{"host": "a"}, {"host": "b"}])


def same(one: object, two: object) -> bool:
    """Whether two sets of columns are equal to the bit."""
    pairs = [(getattr(one, f.name), getattr(two, f.name)) for f in fields(one)]  # type: ignore[arg-type]
    return all(
        a.dtype == b.dtype and a.tobytes() == b.tobytes() if isinstance(a, np.ndarray) else a == b
        for a, b in pairs
    )


@given(st.lists(st.tuples(ints, ints, st.floats()), max_size=20), ints, ints)
def test_partials_come_back_to_the_bit(
    rows: list[tuple[int, int, float]], start: int, end: int
) -> None:
    key, bucket = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
    value = np.array([row[2] for row in rows], np.float64)
    sent = Partials(key, bucket, key, value, value, value, value, bucket)
    packed = pack_rows(start, end, sent)
    assert packed is not None
    found = unpack_rows(Partials, packed)
    assert found is not None
    assert found[:2] == (start, end)
    assert same(found[2], sent)


def test_bins_and_points_come_back() -> None:
    ids = np.arange(5)
    bins = Bins(ids, ids, ids, ids)
    packed = pack_rows(0, 5, bins)
    assert packed is not None
    found = unpack_rows(Bins, packed)
    assert found is not None
    assert same(found[2], bins)
    points = Points([{"host": "ä"}], ids, ids, np.full(5, np.nan))
    for sent in ([points, None], [points, points]):
        told = unpack_points(pack_points(sent) or b"")
        assert told is not None
        assert [each is None for each in told] == [each is None for each in sent]
        assert all(same(a, b) for a, b in zip(told, sent, strict=True) if a is not None)


@given(st.binary(max_size=200))
def test_any_other_bytes_are_nothing(text: bytes) -> None:
    for packed in (text, zstandard.ZstdCompressor().compress(text)):
        assert unpack_rows(Partials, packed) is None


@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        [0, 1],
        [0, 1, "columns"],
        [0, 1, *[["<i8", b"1234567"]] * 4],
        [0, 1, *[["|O", b"12345678"]] * 4],
        [0, 1, *[["no such type", b"12345678"]] * 4],
        [0, 1, *[["<i8", b"12345678"]] * 5],
    ],
)
def test_columns_that_are_none_are_nothing(told: object) -> None:
    packed = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(told))
    assert unpack_rows(Bins, packed) is None


def test_partials_are_not_taken_for_bins() -> None:
    packed = pack_rows(0, 1, partials.empty())
    assert packed is not None
    assert unpack_rows(Bins, packed) is None


def test_very_many_rows_are_not_packed() -> None:
    ids = np.zeros(300_000, np.int64)
    value = ids.astype(np.float64)
    assert pack_rows(0, 1, Partials(ids, ids, ids, value, value, value, value, ids)) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(SERIES, series=np.array([3, 6])),
        replace(SERIES, series=np.array([3]), group=np.array([0])),
        replace(SERIES, group=np.array([1, 0])),
        replace(SERIES, group=np.array([0, 0])),
        replace(SERIES, tags=[{"host": "a"}, {"host": "c"}]),
        replace(SERIES, tags=[{"host": "a"}, {"name": "b"}]),
    ],
)
def test_another_selection_has_another_name(other: Selection) -> None:
    key = ("cpu", Aggregation.AVG, (("host", ("a", "b")),), None)
    assert name_of("cpu", key, SERIES) == name_of("cpu", key, replace(SERIES))
    assert name_of("cpu", key, other) != name_of("cpu", key, SERIES)


def test_another_key_has_another_name() -> None:
    keys = [("a", 1), ("a", 2), ("a", "1"), ("a", (1,)), ("a", None), ("a", Aggregation.MAX)]
    assert len({name_of("cpu", key, SERIES) for key in keys}) == len(keys)
