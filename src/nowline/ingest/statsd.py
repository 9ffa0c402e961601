"""StatsD and DogStatsD: lines of text become rows, gathered until they are taken. Pure.

`name:value|type|@rate|#tag:value,…`, where a line may bring several values (`name:1:2:3|type`)
and a datagram several lines. Types are `c`, `g`, `ms`, `h` and `d`.

Source: https://github.com/statsd/statsd/blob/master/docs/metric_types.md and
https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/, protocol 1.1 to 1.3.
"""

from __future__ import annotations

import contextlib
import math
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from nowline.ingest.columns import Columns, Label
from nowline.model.partials import Floats, Ints
from nowline.model.series import MetricType

_TYPES = {
    b"c": MetricType.COUNTER,
    b"g": MetricType.GAUGE,
    b"ms": MetricType.DISTRIBUTION,
    b"h": MetricType.DISTRIBUTION,
    b"d": MetricType.DISTRIBUTION,
}
_LEAST_RATE = 1e-4
_MOST_ROWS = 200_000
_MOST_SERIES = 100_000
# Of the meanings: some 60,000 of four tags.
_MOST_MEANING_BYTES = 128 << 20
_ENTRY_BYTES = 512
_MOST_LEVEL_BYTES = 64 << 20
# Of the labels that rows are gathered of: they wait as long as the log does.
_MOST_GATHERED_BYTES = 128 << 20
# Of a tag that is only a name, as DogStatsD has them.
_SET = "true"
_MOST_DIGITS = 12
# Against what is lost where a rate is not a whole number of tenths.
_ALMOST = 1e-6


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What a name and everything after the value say.

    `time` is epoch milliseconds, None for now.
    """

    label: Label
    rate: float
    time: int | None


@dataclass(slots=True)
class _Observations:
    """The observations of a series, and for how many each of them stands."""

    value: list[float] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)


# The place of its label, and its time if it has one of its own.
_Cell = tuple[int, int | None]


@dataclass(slots=True)
class _Gathered:
    """What came in since the last rows were taken."""

    places: dict[tuple[bytes, MetricType | None], int] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    counts: dict[_Cell, float] = field(default_factory=dict)
    levels: dict[_Cell, float] = field(default_factory=dict)
    observed: dict[int, _Observations] = field(default_factory=dict)
    rows: float = 0
    size: int = 0

    def place(self, label: Label) -> int:
        """The place of a label, which is added where it is new."""
        place = self.places.setdefault((label.key, label.type), len(self.labels))
        if place == len(self.labels):
            self.labels.append(label)
            self.size += label.size
        return place


class Statsd:
    """Gathers what datagrams say.

    A counter adds up between two takings, a gauge tells its last level, and each observation is a
    row. Where only every tenth was sent (`@0.1`), a count counts ten times and an observation is
    ten rows. The level that `+` and `-` change is kept in memory: it begins with 0.

    Args:
        most_rows: How many rows are gathered; a line that would make more is dropped, and counted.
        most_series: Of how many gauges the level is kept, and of how many series the meaning.
    """

    def __init__(self, most_rows: int = _MOST_ROWS, most_series: int = _MOST_SERIES) -> None:
        self._most_rows = most_rows
        self._most_series = most_series
        self._meanings: dict[tuple[bytes, bytes], _Meaning] = {}
        self._meaning_bytes = 0
        self._level: OrderedDict[bytes, float] = OrderedDict()
        self._level_bytes = 0
        self._gathered = _Gathered()
        self.lines = 0
        self.malformed = 0
        self.dropped = 0

    def add(self, datagram: bytes) -> None:
        """Take in the lines of a datagram."""
        for each in datagram.split(b"\n"):
            line = each.strip()
            if line:
                self.lines += 1
                self._add_line(line)

    def take(self, now_ms: int) -> Columns:
        """The rows of what was gathered; those without a time of their own are of now."""
        gathered, self._gathered = self._gathered, _Gathered()
        label, time, value = _columns(gathered, now_ms)
        # Sums of finite numbers need not be finite.
        finite = np.isfinite(value)
        self.dropped += len(value) - int(finite.sum())
        index = np.arange(len(value))[finite]
        return Columns(gathered.labels, label[finite], time[finite], value[finite], index)

    def _add_line(self, line: bytes) -> None:
        name, _, rest = line.partition(b":")
        texts, _, after = rest.partition(b"|")
        values = texts.split(b":")
        meaning = self._meaning(name, after)
        try:
            numbers = [_number(value) for value in values]
        except ValueError:
            meaning = None
        if meaning is None:
            self.malformed += 1
        elif (
            self._gathered.rows + _most_added(meaning, len(numbers)) > self._most_rows
            or self._gathered.size > _MOST_GATHERED_BYTES
        ):
            self.dropped += 1
        else:
            self._take_in(meaning, values, numbers)

    def _meaning(self, name: bytes, after: bytes) -> _Meaning | None:
        """What these say; None if they say nothing."""
        meaning = self._meanings.get((name, after))
        if meaning is None:
            with contextlib.suppress(ValueError):
                meaning = _read(name, after)
            if meaning is not None:
                self._keep(name, after, meaning)
        return meaning

    def _keep(self, name: bytes, after: bytes, meaning: _Meaning) -> None:
        """Remember a meaning; all are let go of before they take too much."""
        size = meaning.label.size + len(name) + len(after) + _ENTRY_BYTES
        if (
            len(self._meanings) >= self._most_series
            or self._meaning_bytes + size > _MOST_MEANING_BYTES
        ):
            self._meanings, self._meaning_bytes = {}, 0
        self._meanings[name, after] = meaning
        self._meaning_bytes += size

    def _take_in(self, meaning: _Meaning, values: list[bytes], numbers: list[float]) -> None:
        gathered, kind = self._gathered, meaning.label.type
        place = gathered.place(meaning.label)
        cell = place, meaning.time
        if kind is MetricType.COUNTER:
            gathered.rows += cell not in gathered.counts
            added = sum(numbers) / meaning.rate
            gathered.counts[cell] = gathered.counts.get(cell, 0.0) + added
        elif kind is MetricType.GAUGE:
            gathered.rows += cell not in gathered.levels
            gathered.levels[cell] = self._leveled(meaning.label.key, values, numbers)
        else:
            observed = gathered.observed.setdefault(place, _Observations())
            observed.value += numbers
            observed.weight += [1 / meaning.rate] * len(numbers)
            gathered.rows += len(numbers) / meaning.rate

    def _leveled(self, key: bytes, values: list[bytes], numbers: list[float]) -> float:
        """The level of a gauge after these values: one with a sign changes it."""
        self._level_bytes += 0 if key in self._level else len(key)
        level = self._level.pop(key, 0.0)
        for text, number in zip(values, numbers, strict=True):
            level = level + number if text[:1] in {b"+", b"-"} else number
        self._level[key] = level
        while len(self._level) > self._most_series or self._level_bytes > _MOST_LEVEL_BYTES:
            self._level_bytes -= len(self._level.popitem(last=False)[0])
        return level


def _most_added(meaning: _Meaning, values: int) -> float:
    """How many rows a line with so many values adds at most."""
    return values / meaning.rate if meaning.label.type is MetricType.DISTRIBUTION else 1


def _columns(gathered: _Gathered, now_ms: int) -> tuple[Ints, Ints, Floats]:
    """Label, time and value of each row."""
    cells = [*gathered.counts.items(), *gathered.levels.items()]
    label = [np.array([place for (place, _), _ in cells], np.int64)]
    value = [np.array([value for _, value in cells], np.float64)]
    for place, observed in gathered.observed.items():
        values = np.repeat(observed.value, _repeats(observed.weight))
        label.append(np.full(len(values), place))
        value.append(values)
    labels, found = np.concatenate(label), np.concatenate(value)
    time = np.full(len(found), now_ms)
    time[: len(cells)] = [now_ms if own is None else own for (_, own), _ in cells]
    return labels, time, found


def _repeats(weight: list[float]) -> Ints:
    """How many rows each observation is: together as many as they stand for."""
    ends = np.floor(np.cumsum(weight) + _ALMOST).astype(np.int64)
    return np.diff(ends, prepend=0)


def _read(name: bytes, after: bytes) -> _Meaning | None:
    """What a name and everything after the value say; None for a type that is not known.

    Raises:
        ValueError: A part of it cannot be read.
    """
    kind, *parts = after.split(b"|")
    if kind not in _TYPES:
        return None
    rate, tags, time = 1.0, dict[str, str](), None
    for part in parts:
        if part.startswith(b"@"):
            rate = _rate(part[1:])
        elif part.startswith(b"#"):
            tags = _tags(part[1:].decode())
        elif part.startswith(b"T") and _TYPES[kind] is not MetricType.DISTRIBUTION:
            time = _seconds(part[1:]) * 1000
    label = Label(name.decode(), _TYPES[kind], tags)
    return None if label.fault else _Meaning(label, rate, time)


def _number(text: bytes) -> float:
    value = float(text)
    if b"_" in text or not math.isfinite(value):
        raise ValueError("not a number as the protocol has them")
    return value


def _rate(text: bytes) -> float:
    rate = _number(text)
    if not _LEAST_RATE <= rate <= 1:
        raise ValueError("not a share")
    return rate


def _seconds(text: bytes) -> int:
    if not text.isdigit() or len(text) > _MOST_DIGITS:
        raise ValueError("not a number of seconds")
    return int(text)


def _tags(text: str) -> dict[str, str]:
    pairs = (pair.partition(":") for pair in text.split(",") if pair)
    return {key: value if colon else _SET for key, colon, value in pairs}
