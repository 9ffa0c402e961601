"""What identifies a series, what a metric's type means, and one point as a collector writes it."""

from __future__ import annotations

from enum import Enum

import msgspec


class MetricType(Enum):
    """What one value of a metric says (see CONTRACT: ingest)."""

    GAUGE = "gauge"
    COUNTER = "counter"
    CUMULATIVE = "cumulative"
    DISTRIBUTION = "distribution"


class Point(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured value, as our own collectors hand it to ingest.

    `time` is in epoch milliseconds, None for now. `type` None keeps the metric's type.
    """

    name: str
    value: float
    time: int | None = None
    type: MetricType | None = None
    tags: dict[str, str] = {}
    metadata: dict[str, str] = {}


class SeriesKey(msgspec.Struct, frozen=True, array_like=True):
    """A metric's name with its tags, sorted by key: equal series have equal keys."""

    name: str
    tags: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, name: str, tags: dict[str, str]) -> SeriesKey:
        """The key of a name and its tags in any order."""
        return cls(name, tuple(sorted(tags.items())))

    def encode(self) -> bytes:
        """The canonical bytes of this key, fit for a dictionary and for the log."""
        return _encoder.encode(self)

    @classmethod
    def decode(cls, raw: bytes) -> SeriesKey:
        """The key that `encode` wrote."""
        return _decoder.decode(raw)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SeriesKey)
