"""A batch comes out of its bytes as it went in, or not at all."""

from __future__ import annotations

import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.batch import Batch, CorruptBatchError, activity_of, without_activity
from nowline.model.narrow import Narrow
from nowline.model.series import MetricType, SeriesKey
from nowline.model.series_lists import SeriesList

finite = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(-(1 << 62), 1 << 62)
texts = st.text(max_size=12)
keys = st.builds(SeriesKey.of, texts, st.dictionaries(texts, texts, max_size=3))


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    named = draw(st.lists(keys, min_size=1, max_size=4, unique=True))
    rows = draw(st.lists(st.tuples(st.integers(0, len(named) - 1), times, finite), max_size=20))
    return Batch(
        [key.encode() for key in named],
        draw(st.lists(st.sampled_from(MetricType), min_size=len(named), max_size=len(named))),
        np.array([row[0] for row in rows], np.uint32),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        draw(times),
        draw(st.dictionaries(texts, st.binary(max_size=20), max_size=3)),
        draw(st.binary(max_size=20)),
    )


def example(activity: bytes = b"") -> Batch:
    return Batch(
        [SeriesKey.of("a", {"k": "v"}).encode()],
        [MetricType.COUNTER],
        np.zeros(3, np.uint32),
        np.arange(3, dtype=np.int64),
        np.array([0.1, -0.0, 1e308]),
        5,
        {"a": b'{"unit":"ms"}'},
        activity,
    )


EXAMPLES = [example(), example(b"somebody signed in")]


@given(batches())
def test_a_batch_comes_back_exactly(batch: Batch) -> None:
    back = Batch.decode(bytes(batch.encode()))
    assert (back.keys, back.types) == (batch.keys, batch.types)
    assert (back.received_ms, back.metadata) == (batch.received_ms, batch.metadata)
    for column in ("series", "time", "value"):
        was, now = getattr(batch, column), getattr(back, column)
        assert now.dtype == was.dtype
        assert now.tobytes() == was.tobytes()
    assert len(back) == len(batch)
    assert back.activity == activity_of(batch.encode()) == batch.activity
    rows = Batch.decode(without_activity(batch.encode()))
    assert (rows.value.tobytes(), rows.activity) == (batch.value.tobytes(), b"")


@pytest.mark.parametrize("batch", EXAMPLES)
def test_what_was_just_encoded_is_not_decoded(batch: Batch) -> None:
    assert Batch.decode(batch.encode()) is batch


@given(st.data())
def test_any_changed_byte_is_noticed(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(EXAMPLES)).encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptBatchError):
        Batch.decode(bytes(raw))


@pytest.mark.parametrize("batch", EXAMPLES)
def test_any_cut_is_noticed(batch: Batch) -> None:
    raw = batch.encode()
    for end in range(len(raw)):
        with pytest.raises(CorruptBatchError):
            Batch.decode(raw[:end])
    with pytest.raises(CorruptBatchError):
        Batch.decode(raw + b"\0")


def sealed(form: bytes, payload: bytes) -> bytes:
    return form + zlib.crc32(payload).to_bytes(4, "big") + payload


@given(st.sampled_from([b"NB1", b"NB2", b"NB3"]), st.binary(max_size=40))
def test_other_bytes_with_a_right_checksum_are_still_no_batch(form: bytes, payload: bytes) -> None:
    with pytest.raises(CorruptBatchError):
        Batch.decode(sealed(form, payload))


@pytest.mark.parametrize(
    ("series", "column"),
    [
        (SeriesList(b"", False), Narrow(b"")),
        (SeriesList(b"none of Zstandard", True), Narrow(b"")),
        (SeriesList.of([], []), Narrow(b"abc")),
        (SeriesList.of([], []), Narrow(b"abc", 3)),
    ],
)
def test_columns_that_cannot_be_read_are_no_batch(series: SeriesList, column: Narrow) -> None:
    payload = msgspec.msgpack.encode([series, column, column, column, 5, {}])
    with pytest.raises(CorruptBatchError):
        Batch.decode(sealed(b"NB2", payload))


def test_batches_as_they_were_written_before_are_read() -> None:
    batch = example()
    columns = (batch.series.tobytes(), batch.time.tobytes(), batch.value.tobytes())
    payload = msgspec.msgpack.encode((batch.keys, batch.types, *columns, 5, batch.metadata))
    back = Batch.decode(sealed(b"NB1", payload))
    assert (back.keys, back.types, back.metadata) == (batch.keys, batch.types, batch.metadata)
    assert [back.series.tobytes(), back.time.tobytes(), back.value.tobytes()] == list(columns)


def test_series_that_come_again_have_the_types_that_they_come_with() -> None:
    keys = [SeriesKey.of("a", {"host": str(n)}).encode() for n in range(100)]
    for kind in (MetricType.COUNTER, MetricType.GAUGE, MetricType.GAUGE):
        rows = np.arange(100, dtype=np.uint32)
        batch = Batch(keys, [kind] * 100, rows, np.arange(100), np.zeros(100), 5)
        back = Batch.decode(bytes(batch.encode()))
        assert (back.keys, back.types) == (keys, [kind] * 100)


def test_a_row_of_many_takes_few_bytes() -> None:
    keys = [SeriesKey.of("load", {"host": f"h{n}"}).encode() for n in range(1000)]
    rows, time = np.tile(np.arange(1000, dtype=np.uint32), 10), np.repeat(np.arange(10), 1000)
    batch = Batch(keys, [MetricType.GAUGE] * 1000, rows, time, rows / 100, 5)
    assert len(batch.encode()) < 7 * len(batch)


@given(st.dictionaries(texts, texts, max_size=4), texts)
def test_equal_series_have_equal_keys(tags: dict[str, str], name: str) -> None:
    other = dict(reversed(tags.items()))
    assert SeriesKey.of(name, tags).encode() == SeriesKey.of(name, other).encode()
    assert SeriesKey.decode(SeriesKey.of(name, tags).encode()) == SeriesKey.of(name, tags)


@given(keys, keys)
def test_other_series_have_other_keys(one: SeriesKey, other: SeriesKey) -> None:
    assert (one.encode() == other.encode()) == (one == other)
