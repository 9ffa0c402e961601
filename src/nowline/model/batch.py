"""A batch of rows as columns, and the one byte form in which it rides the bus."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.model import narrow
from nowline.model.narrow import Narrow
from nowline.model.series import MetricType
from nowline.model.series_lists import PackedLists, SeriesList

_FORMAT = b"NB2"
# As batches were written before; a log may still have some.
_OLD_FORMAT = b"NB1"
# What happened, with its length and checksum before it, then the batch.
_WITH_ACTIVITY = b"NA1"
_ACTIVITY = struct.Struct(">3sII")


class CorruptBatchError(ValueError):
    """The bytes are not a batch, or not the bytes that were written."""


class Encoded(bytes):
    """A batch's bytes that know the batch: the log's readers in this process do not decode them.

    Attributes:
        batch: What they are the bytes of.
    """

    batch: Batch


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of many series in columns; carries the keys of its series, so it stands alone.

    Attributes:
        keys: Distinct canonical series keys (`SeriesKey.encode`).
        types: The metric type of each key, parallel to `keys`.
        series: For each row, the index of its key; uint32.
        time: For each row, epoch milliseconds; int64.
        value: For each row, the measured value, finite; float64.
        received_ms: When the server took the rows in, epoch milliseconds.
        metadata: By metric name, the JSON object that describes the metric.
        activity: What happened that the rows count (`Happened.encode`), if anything.
    """

    keys: list[bytes]
    types: list[MetricType]
    series: NDArray[np.uint32]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    received_ms: int
    metadata: dict[str, bytes] = field(default_factory=dict)
    activity: bytes = b""

    def __len__(self) -> int:
        return len(self.time)

    def encode(self) -> Encoded:
        """The batch as checksummed bytes: format, CRC-32, MessagePack of the columns."""
        wire = _Wire(
            _packed.of(self.keys, self.types),
            narrow.of_ints(self.series),
            narrow.of_ints(self.time),
            narrow.of_floats(self.value),
            self.received_ms,
            self.metadata,
        )
        payload = _encoder.encode(wire)
        rows = _FORMAT + zlib.crc32(payload).to_bytes(4, "big") + payload
        if self.activity:
            length, checksum = len(self.activity), zlib.crc32(self.activity)
            rows = _ACTIVITY.pack(_WITH_ACTIVITY, length, checksum) + self.activity + rows
        encoded = Encoded(rows)
        encoded.batch = self
        return encoded

    @classmethod
    def decode(cls, raw: bytes) -> Batch:
        """The batch that `encode` wrote.

        Raises:
            CorruptBatchError: The bytes were cut short or changed.
        """
        if isinstance(raw, Encoded):
            return raw.batch
        activity = activity_of(raw)
        raw = without_activity(raw)
        payload = memoryview(raw)[7:]
        if zlib.crc32(payload).to_bytes(4, "big") != raw[3:7]:
            raise CorruptBatchError("a batch in the log fails its checksum")
        try:
            return cls._of_payload(raw[:3], payload, activity)
        except (msgspec.DecodeError, ValueError) as error:
            raise CorruptBatchError("a batch in the log is not what its checksum says") from error

    @classmethod
    def _of_payload(cls, form: bytes, payload: memoryview, activity: bytes) -> Batch:
        if form == _OLD_FORMAT:
            return cls._of_old(_old_decoder.decode(payload), activity)
        if form != _FORMAT:
            raise ValueError(f"the format {form!r} is not known")
        wire = _decoder.decode(payload)
        keys, types = wire.series_list.unpacked()
        return cls(
            keys,
            types,
            narrow.ints(wire.series).astype(np.uint32),
            narrow.ints(wire.time),
            narrow.floats(wire.value),
            wire.received_ms,
            wire.metadata,
            activity,
        )

    @classmethod
    def _of_old(cls, wire: _OldWire, activity: bytes) -> Batch:
        return cls(
            wire.keys,
            wire.types,
            np.frombuffer(wire.series, "<u4"),
            np.frombuffer(wire.time, "<i8"),
            np.frombuffer(wire.value, "<f8"),
            wire.received_ms,
            wire.metadata,
            activity,
        )


def activity_of(raw: bytes) -> bytes:
    """What happened that an encoded batch tells of; empty if nothing.

    Raises:
        CorruptBatchError: The bytes were cut short or changed.
    """
    if not raw.startswith(_WITH_ACTIVITY):
        return b""
    try:
        _, length, checksum = _ACTIVITY.unpack_from(raw)
    except struct.error as error:
        raise CorruptBatchError("a batch in the log is cut short") from error
    activity = raw[_ACTIVITY.size : _ACTIVITY.size + length]
    if zlib.crc32(activity) != checksum:
        raise CorruptBatchError("what happened in a batch in the log fails its checksum")
    return activity


def without_activity(raw: bytes) -> bytes:
    """An encoded batch without what happened, which counts once however often its rows come."""
    if not raw.startswith(_WITH_ACTIVITY):
        return raw
    return raw[_ACTIVITY.size + _ACTIVITY.unpack_from(raw)[1] :]


class _Wire(msgspec.Struct, array_like=True):
    series_list: SeriesList
    series: Narrow
    time: Narrow
    value: Narrow
    received_ms: int
    metadata: dict[str, bytes]


class _OldWire(msgspec.Struct, array_like=True):
    keys: list[bytes]
    types: list[MetricType]
    series: bytes
    time: bytes
    value: bytes
    received_ms: int
    metadata: dict[str, bytes]


_packed = PackedLists()
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)
_old_decoder = msgspec.msgpack.Decoder(_OldWire)
