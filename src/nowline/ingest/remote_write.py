"""Prometheus remote write 1.0: a WriteRequest becomes columns.

Most series of a request bring one sample, and their labels are those of the request before. Such
a series is cut in two at a fixed place: the labels are looked up as they stand, the samples of
all of them are read at once. Any other series is taken apart field by field.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from nowline.errors import Code, NowlineError
from nowline.ingest import prometheus_wire as wire
from nowline.ingest.columns import Columns, Label, Rejected
from nowline.ingest.rows import check_messages, check_rejected, refuse, refuse_each
from nowline.model.partials import Floats, Ints
from nowline.model.series import MetricType

# Prometheus sends 2,000 at once by default, vmagent 10,000. What is odd about a series is found out
# one by one, 7 µs each, while nobody else is served.
_MOST_SERIES = 100_000
_CUMULATIVE = ("_total", "_count", "_sum", "_bucket")
_NAME = "__name__"
_STALE_BITS = 0x7FF0_0000_0000_0002
# Some 100,000 of eight tags. Of the longest there may be it is 1,500.
_MOST_BYTES = 256 << 20
_ENTRY_BYTES = 256
_RAW_LABEL_BYTES = 64
# 40 MB at most; a longer text is nothing that a page shows.
_MOST_DESCRIBED = 10_000
_MOST_DESCRIPTION_BYTES = 4 << 10

# A sample as the last field of a series, where its time is of 2004 to 2109: the field's tag and
# length, then tag and bytes of the value, which are left out for zero, then those of the time.
_TAIL, _ZERO_TAIL = 18, 9
_BEGINS = np.frombuffer(b"\x12\x10\x09", np.uint8)
_ZERO_BEGINS = np.frombuffer(b"\x12\x07", np.uint8)
_VALUE = slice(3, 11)
_TIME_TAG, _TIME = 11, slice(12, 18)
_TIME_BITS = np.arange(6, dtype=np.int64) * 7


@dataclass(slots=True)
class _Rows:
    """The samples of the series that are taken apart."""

    label: list[int] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class RemoteWriteDecoder:
    """Makes columns of requests, and remembers the good labels it met.

    Args:
        most_bytes: How much memory they may take, about; when it is more it begins anew.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._labels: list[Label] = []
        self._places: dict[bytes | tuple[bytes, ...], int] = {}
        self._described: dict[str, bytes] = {}

    def decode(self, body: bytes) -> Columns:
        """The samples of an unpacked WriteRequest.

        A row's index is the place of its sample among all of the request. Stale markers are no
        rows. What the request says of metrics is told with their next samples.

        Raises:
            NowlineError: INVALID when the body is no WriteRequest; TOO_LARGE when it has too many
                series; as `rows.check_messages` and `rows.check_rejected`.
        """
        check_messages(body)
        try:
            request = wire.Request.FromString(body)
            self._describe(request.metadata)
        except (DecodeError, UnicodeDecodeError) as error:
            detail = "The body cannot be read as a WriteRequest of remote write 1.0."
            raise NowlineError(Code.INVALID, detail) from error
        if len(request.timeseries) > _MOST_SERIES:
            detail = f"The body has over {_MOST_SERIES:,} series. Send smaller batches."
            raise NowlineError(Code.TOO_LARGE, detail)
        try:
            columns = _checked(self._columns(list(request.timeseries)))
        finally:
            self._forget()
        self._tell_described(columns)
        return columns

    def _forget(self) -> None:
        """Let go of the labels if they take too much; the columns keep theirs."""
        if self._bytes > self._most_bytes:
            self._labels, self._places, self._bytes = [], {}, 0

    def _columns(self, series: list[bytes]) -> Columns:
        tails = _tails([each[-_TAIL:] for each in series])
        lengths = _lengths(tails)
        places = [
            self._place_of_head(each[:-length]) if length else -1
            for each, length in zip(series, lengths.tolist(), strict=True)
        ]
        label = np.array(places, np.int64)
        value = _values(tails, lengths)
        if (label < 0).any():
            return self._mixed(series, label, _times(tails), value)
        return Columns(self._labels, label, _times(tails), value, np.arange(len(series)))

    def _place_of_head(self, head: bytes) -> int:
        place = self._places.get(head)
        return self._enter_head(head) if place is None else place

    def _enter_head(self, head: bytes) -> int:
        """The place of the label that these bytes are; -1 where they are more, or none."""
        try:
            series = wire.Series.FromString(head)
        except DecodeError:
            return -1
        if series.samples or series.exemplars or series.histograms:
            return -1
        try:
            return self._enter(head, len(head), series.labels)
        except ValueError:
            return -1

    def _place_of_labels(self, raw: tuple[bytes, ...]) -> int:
        """The place of a label.

        Raises:
            ValueError: It is none; says why, led by the field.
        """
        place = self._places.get(raw)
        return self._enter(raw, sum(map(len, raw)), raw) if place is None else place

    def _enter(self, sent: bytes | tuple[bytes, ...], length: int, raw: Sequence[bytes]) -> int:
        """Keep a label by what was sent for it, which has that many bytes."""
        label = _label(raw)
        place = self._places[sent] = len(self._labels)
        self._labels.append(label)
        self._bytes += label.size + length + _ENTRY_BYTES + _RAW_LABEL_BYTES * len(raw)
        return place

    def _mixed(self, series: list[bytes], label: Ints, time: Ints, value: Floats) -> Columns:
        """Rows of series of which some have to be taken apart: those with label -1."""
        rows = _Rows()
        first: list[int] = []
        count = 0
        for raw, place in zip(series, label.tolist(), strict=True):
            first.append(count)
            count += 1 if place >= 0 else self._take_apart(raw, count, rows)
        usual = label >= 0
        return Columns(
            self._labels,
            np.concatenate((label[usual], np.array(rows.label, np.int64))),
            np.concatenate((time[usual], np.array(rows.time, np.int64))),
            np.concatenate((value[usual], np.array(rows.value, np.float64))),
            np.concatenate((np.array(first, np.int64)[usual], np.array(rows.index, np.int64))),
            rows.rejected,
        )

    def _take_apart(self, raw: bytes, first: int, rows: _Rows) -> int:
        """Add the rows of one series; returns how many samples it has."""
        try:
            series = wire.Series.FromString(raw)
            samples = [wire.Sample.FromString(sample) for sample in series.samples]
        except DecodeError as error:
            detail = "A time series cannot be read as one of remote write 1.0."
            raise NowlineError(Code.INVALID, detail) from error
        count = len(samples) + len(series.histograms)
        try:
            place = self._place_of_labels(tuple(series.labels))
        except ValueError as error:
            for at in range(count):
                refuse(rows.rejected, Rejected(first + at, str(error)))
            return count
        for at, sample in enumerate(samples):
            rows.label.append(place)
            rows.time.append(sample.timestamp)
            rows.value.append(sample.value)
            rows.index.append(first + at)
        for at in range(len(samples), count):
            refuse(rows.rejected, Rejected(first + at, _NATIVE))
        return count

    def _describe(self, metadata: Iterable[bytes]) -> None:
        """Keep what is said of metrics, of the first so many."""
        for raw in metadata:
            told = wire.Metadata.FromString(raw)
            name = told.metric_family_name
            if len(raw) > _MOST_DESCRIPTION_BYTES or not (told.unit or told.help):
                continue
            if name in self._described or len(self._described) < _MOST_DESCRIBED:
                said = {"unit": told.unit, "description": told.help}
                said = {key: value for key, value in said.items() if value}
                self._described[name] = msgspec.json.encode(said)

    def _tell_described(self, columns: Columns) -> None:
        """Put what is known of the columns' metrics beside them, once."""
        if not self._described:
            return
        told: set[str] = set()
        for name in {self._labels[at].name for at in set(columns.label.tolist())}:
            family = name if name in self._described else _family(name)
            if family in self._described:
                columns.metadata[name] = self._described[family]
                told.add(family)
        for family in told:
            del self._described[family]


_NATIVE = "histogram: native histograms are not taken; send classic ones"


def _label(raw: Sequence[bytes]) -> Label:
    """The label of a series.

    Raises:
        ValueError: It is none, or one that is refused; says why, led by the field.
    """
    tags: dict[str, str] = {}
    for each in raw:
        key, value = _pair(each)
        if key in tags:
            raise ValueError(f"tags.{key[:32]}: is there twice")
        tags[key] = value
    name = tags.pop(_NAME, "")
    if not name:
        raise ValueError(f"name: there is no label {_NAME}")
    kind = MetricType.CUMULATIVE if name.endswith(_CUMULATIVE) else None
    # A label without a value is one that is not there.
    label = Label(name, kind, {key: value for key, value in tags.items() if value})
    if label.fault is not None:
        raise ValueError(label.fault)
    return label


def _pair(raw: bytes) -> tuple[str, str]:
    try:
        label = wire.Label.FromString(raw)
    except DecodeError as error:
        raise ValueError("tags: a label cannot be read") from error
    try:
        return label.name.decode(), label.value.decode()
    except UnicodeDecodeError as error:
        raise ValueError("tags: a label is not valid UTF-8") from error


def _family(name: str) -> str:
    """The family that metadata may call a metric by."""
    for suffix in _CUMULATIVE:
        name = name.removesuffix(suffix)
    return name


def _tails(tails: list[bytes]) -> NDArray[np.uint8]:
    """The last bytes of each series, a row each; of a shorter one, zeros."""
    joined = b"".join(tails)
    if len(joined) != _TAIL * len(tails):
        joined = b"".join(tail if len(tail) == _TAIL else bytes(_TAIL) for tail in tails)
    return np.frombuffer(joined, np.uint8).reshape(-1, _TAIL)


def _lengths(tails: NDArray[np.uint8]) -> Ints:
    """How many bytes at the end of each series may be a sample; 0 where they are none."""
    time = tails[:, _TIME]
    has_time = (tails[:, _TIME_TAG] == 0x10) & (time[:, :-1] >= 0x80).all(axis=1)
    has_time &= (time[:, -1] < 0x80) & (time[:, -1] > 0)
    is_sample = (tails[:, : len(_BEGINS)] == _BEGINS).all(axis=1)
    is_zero = (tails[:, -_ZERO_TAIL:_TIME_TAG] == _ZERO_BEGINS).all(axis=1)
    lengths: Ints = np.where(is_sample, _TAIL, np.where(is_zero, _ZERO_TAIL, 0)) * has_time
    return lengths


def _values(tails: NDArray[np.uint8], lengths: Ints) -> Floats:
    values = np.ascontiguousarray(tails[:, _VALUE]).view("<f8").ravel()
    return np.where(lengths == _TAIL, values, 0.0)


def _times(tails: NDArray[np.uint8]) -> Ints:
    times: Ints = ((tails[:, _TIME].astype(np.int64) & 0x7F) << _TIME_BITS).sum(axis=1)
    return times


def _checked(columns: Columns) -> Columns:
    """The rows with a finite value; others are refused, except the markers of an end."""
    finite = np.isfinite(columns.value)
    if finite.all():
        return columns
    is_stale = columns.value.view(np.uint64) == _STALE_BITS
    rejected = list(columns.rejected)
    refuse_each(rejected, columns.index[~finite & ~is_stale], "value: must be a finite number")
    check_rejected(rejected)
    return Columns(
        columns.labels,
        columns.label[finite],
        columns.time[finite],
        columns.value[finite],
        columns.index[finite],
        rejected,
    )
