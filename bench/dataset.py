"""The data that every contender gets: the same series, times and values in each one's own form.

Hosts in ten regions, each around a level of its own that rises and falls over the day, with some
noise; two decimals. A value depends on its series, its time and the seed only, so the data need
not be kept to be told again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nowline.model.batch import Batch
from nowline.model.query import DAY_MS, HOUR_MS
from nowline.model.series import MetricType, SeriesKey

METRIC = "bench.load"
# The name and labels that Prometheus takes.
PROMETHEUS_METRIC = "bench_load"
REGIONS = 10
MOST_SERIES = 1_000

Bytes = NDArray[np.uint8]
Hundredths = NDArray[np.int16]


def host(series: int) -> str:
    """The value of the tag `host`."""
    return f"h{series:03d}"


def region(series: int) -> str:
    """The value of the tag `region`."""
    return f"r{series % REGIONS}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some steps of all series.

    Attributes:
        times: Of each step, epoch milliseconds.
        hundredths: By step and series, the value times 100; four digits.
    """

    times: NDArray[np.int64]
    hundredths: Hundredths

    def __len__(self) -> int:
        return self.hundredths.size

    def batch(self) -> Batch:
        """As the product's log has it, step by step."""
        steps, series = self.hundredths.shape
        keys = [SeriesKey.of(METRIC, {"host": host(n), "region": region(n)}) for n in range(series)]
        return Batch(
            [key.encode() for key in keys],
            [MetricType.GAUGE] * series,
            np.tile(np.arange(series, dtype=np.uint32), steps),
            np.repeat(self.times, series),
            self.hundredths.reshape(-1) / 100,
            received_ms=int(self.times[-1]),
        )

    def parts(self, steps: int) -> Iterator[Chunk]:
        """The same, so many steps at once."""
        for first in range(0, len(self.times), steps):
            steps_of_it = slice(first, first + steps)
            yield Chunk(self.times[steps_of_it], self.hundredths[steps_of_it])

    def lines(self) -> bytes:
        """As line protocol with times in milliseconds."""
        before = _table("bench.load,host={host},region={region} value=", self.hundredths.shape[1])
        return self._records(before, b" ", self.times, b"\n")

    def ndjson(self) -> bytes:
        """As the product's own rows, one a line."""
        return self._rows(b"}\n")

    def json(self) -> bytes:
        """As a body for the product's JSON ingest."""
        return b'{"metrics":[' + self._rows(b"},")[:-1] + b"]}"

    def remote_writes(self, series_a_request: int) -> Iterator[bytes]:
        """As bodies for Prometheus's remote write, each with all steps of some series."""
        for first in range(0, self.hundredths.shape[1], series_a_request):
            yield _as_snappy(self._time_series(first, first + series_a_request))

    def _rows(self, after: bytes) -> bytes:
        tags = '"tags":{{"host":"{host}","region":"{region}"}}'
        before = _table(f'{{{{"name":"bench.load",{tags},"value":', self.hundredths.shape[1])
        return self._records(before, b',"time":', self.times, after)

    def _records(
        self, before: Bytes, between: bytes, times: NDArray[np.int64], after: bytes
    ) -> bytes:
        """A text a row, all of one length: before, value, between, time, after."""
        steps, series = self.hundredths.shape
        value = _digits(self.hundredths.reshape(-1), 4)
        point = np.full((len(value), 1), ord("."), np.uint8)
        time = np.repeat(_digits(times, len(str(times[0]))), series, axis=0)
        columns = [np.tile(before, (steps, 1)), value[:, :2], point, value[:, 2:]]
        columns += [_repeated(between, len(value)), time, _repeated(after, len(value))]
        return np.hstack(columns).tobytes()

    def _time_series(self, first: int, end: int) -> bytes:
        """Protocol buffers: a `TimeSeries` (field 1) a series, of labels (1) and samples (2)."""
        values = self.hundredths[:, first:end].T / 100
        samples = np.empty((*values.shape, 18), np.uint8)
        samples[..., :3] = (0x12, 16, 0x09)
        samples[..., 3:11] = values[..., None].view(np.uint8)
        samples[..., 11] = 0x10
        samples[..., 12:] = np.array([list(_varint(int(time))) for time in self.times], np.uint8)
        name = _label("__name__", PROMETHEUS_METRIC)
        labels = [
            name + _label("host", host(n)) + _label("region", region(n))
            for n in range(first, first + len(values))
        ]
        flat = samples.reshape(len(values), -1)
        head = [b"\x0a" + _varint(len(each) + flat.shape[1]) + each for each in labels]
        return b"".join(h + row.tobytes() for h, row in zip(head, flat, strict=True))


@dataclass(frozen=True)
class Dataset:
    """Series with one point a step in `[start_ms, end_ms)`, from a whole hour on.

    Attributes:
        start_ms: The first point's time.
        end_ms: When the next one would come.
        step_ms: Between two points of a series.
        series: How many there are.
        seed: Others make other data.
    """

    start_ms: int
    end_ms: int
    step_ms: int
    series: int = MOST_SERIES
    seed: int = 1

    @property
    def points(self) -> int:
        """How many there are."""
        return (self.end_ms - self.start_ms) // self.step_ms * self.series

    def chunks(self) -> Iterator[Chunk]:
        """All of it in order of time, 360 steps or a day at once."""
        span_ms = min(DAY_MS, 360 * self.step_ms)
        for start in range(self.start_ms, self.end_ms, span_ms):
            yield self.chunk(start, min(start + span_ms, self.end_ms))

    def chunk(self, start: int, end: int) -> Chunk:
        """The steps of `[start, end)`."""
        times = np.arange(start, end, self.step_ms, dtype=np.int64)
        level, swing, phase = self._shapes
        angle = 2 * np.pi * (times / DAY_MS % 1)
        wave = np.sin(angle)[:, None] * np.cos(phase) + np.cos(angle)[:, None] * np.sin(phase)
        values = level + swing * wave + self._noise(times)
        return Chunk(times, np.clip(values.round(), 1_000, 9_999).astype(np.int16))

    def _noise(self, times: NDArray[np.int64]) -> NDArray[np.float32]:
        """Half a unit, normal; made hour by hour, so that any range of steps has the same."""
        hours = np.unique(times // HOUR_MS).tolist()
        steps = -(-HOUR_MS // self.step_ms)
        made = [
            np.random.default_rng((self.seed, hour)).standard_normal(
                (steps, self.series), np.float32
            )
            for hour in hours
        ]
        first = (times - hours[0] * HOUR_MS) // self.step_ms
        noise: NDArray[np.float32] = np.concatenate(made)[first]
        return 50 * noise

    @cached_property
    def _shapes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Level, swing and phase of each series."""
        rng = np.random.default_rng(self.seed)
        size = self.series
        return (
            rng.uniform(3_000, 7_000, size),
            rng.uniform(500, 1_500, size),
            rng.uniform(0, 2 * np.pi, size),
        )


def _table(template: str, series: int) -> Bytes:
    """The template of each series, as rows of bytes."""
    rows = [template.format(host=host(n), region=region(n)).encode() for n in range(series)]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(series, -1)


def _digits(numbers: NDArray[np.integer], count: int) -> Bytes:
    powers = 10 ** np.arange(count - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def _repeated(text: bytes, count: int) -> Bytes:
    return np.tile(np.frombuffer(text, np.uint8), (count, 1))


def _label(name: str, value: str) -> bytes:
    body = b"\x0a" + _varint(len(name)) + name.encode()
    body += b"\x12" + _varint(len(value)) + value.encode()
    return b"\x0a" + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _as_snappy(body: bytes) -> bytes:
    """A block of one literal: Snappy as it may be, without the work of compressing."""
    return _varint(len(body)) + b"\xfc" + (len(body) - 1).to_bytes(4, "little") + body
