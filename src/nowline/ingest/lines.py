"""InfluxDB line protocol: one point a line, each field of it a metric. Pure.

The field `f` of the measurement `m` is the metric `m.f`, and its field `value` the metric `m`.
Plain lines, nearly all there are, are read together (by the `native` scanner where it could be
built, else by `line_scan`), the others one by one (`line_grammar`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from nowline.errors import invalid
from nowline.ingest import line_scan, native
from nowline.ingest.columns import Columns, Label, Labels, Rejected
from nowline.ingest.line_grammar import (
    MOST_LINE_BYTES,
    LineError,
    end_of_open_string,
    label_of,
    read_line,
)
from nowline.ingest.line_scan import FAR_MS, Scan
from nowline.ingest.rows import LabelRoom, check_count, check_rows, refuse
from nowline.model.partials import Floats, Ints

# How many digits a time has beyond the milliseconds; fewer than none for seconds.
_DIGITS = {"ns": 6, "n": 6, "us": 3, "u": 3, "ms": 0, "s": -3}
PRECISIONS = tuple(_DIGITS)
# What is read together: small enough for the processor's cache.
_PIECE = 1 << 20
# How many strings of one point may have line ends in them.
_MOST_OPEN = 16


@dataclass(frozen=True, slots=True)
class Way:
    """A way to read plain lines together.

    Attributes:
        scan: Reads whole lines, given what labels are taken from, the time of lines without one
            and how many digits times have beyond the milliseconds; None if they can only be read
            one by one.
        alone_below: Bodies of fewer bytes are sooner read line by line.
    """

    scan: Callable[[bytes, LabelRoom, int, int], Scan | None]
    alone_below: int


WITH_NUMPY = Way(line_scan.scan, alone_below=2 << 10)
NATIVE = Way(native.scan_lines, alone_below=0)
_BEST = NATIVE if native.IS_BUILT else WITH_NUMPY


def decode_lines(body: bytes, now_ms: int, precision: str = "ns", *, way: Way = _BEST) -> Columns:
    """Rows of a body of line protocol; bad lines are rejected by their place.

    Args:
        body: The lines; empty ones and comments are passed over.
        now_ms: The time of lines without one.
        precision: What times are counted in, one of `PRECISIONS`.
        way: How plain lines are read; it changes nothing but the time that takes.

    Raises:
        NowlineError: INVALID for another precision, or as `rows.refuse`; TOO_LARGE for more
            lines or values than `rows.MOST_ROWS`, or as `rows.LabelRoom`.
    """
    check_rows(body, b"\n")
    rows = _Rows(now_ms, _digits_of(precision), LabelRoom(len(body)))
    body = _with_plain_ends(body)
    at = 0
    while at < len(body):
        end = _line_end(body, at + _PIECE)
        is_alone = len(body) < way.alone_below or end - at > _PIECE + MOST_LINE_BYTES
        if is_alone or not rows.scan(body[at:end], way):
            end = rows.read_each(body, at, end)
        at = end
    return rows.columns()


def _digits_of(precision: str) -> int:
    if precision not in _DIGITS:
        raise invalid("precision", f"`{precision}` is not one of {', '.join(PRECISIONS)}")
    return _DIGITS[precision]


class _Part(msgspec.Struct, frozen=True, gc=False):
    """Some rows by column; `label` counts in the list of all labels."""

    label: Ints
    time: Ints
    index: Ints
    value: Floats


@dataclass(slots=True)
class _Rows:
    """The rows of the lines read so far.

    Attributes:
        now_ms: The time of lines without one.
        digits: How many digits a time has beyond the milliseconds.
        room: What the labels are taken from.
        lines: How many lines were read.
        count: How many rows they have.
        places: The place of each label, by series and field key as they were sent.
    """

    now_ms: int
    digits: int
    room: LabelRoom
    lines: int = 0
    count: int = 0
    places: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    parts: list[_Part] = field(default_factory=list)
    alone: list[tuple[int, int, float, int]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def scan(self, piece: bytes, way: Way) -> bool:
        """Take in a piece of whole lines; False if it can only be read line by line."""
        found = way.scan(piece, self.room, self.now_ms, self.digits)
        if found is None:
            return False
        self._count(len(found.line))
        label, line = found.label, found.line
        if self.lines:
            label, line = label + len(self.labels), line + self.lines
        # Of most bodies the labels are a list that is shared with other bodies.
        self.labels = [*self.labels, *found.labels] if self.labels else found.labels
        self.parts.append(_Part(label, found.time, line, found.value))
        for number, text in found.others:
            self._reject(self._read(text, self.lines + number), self.lines + number)
        self.lines += found.lines
        return True

    def read_each(self, body: bytes, at: int, end: int) -> int:
        """Read the lines that begin before `end` one by one; where the next one begins."""
        while at < end:
            at = self._read_first(body, at)
        return at

    def columns(self) -> Columns:
        """All rows, in the order of their lines."""
        parts = [*self.parts, self._alone()] if self.alone or not self.parts else self.parts
        rows = _joined(parts, in_order=not self.alone) if len(parts) > 1 else parts[0]
        rejected = sorted(self.rejected, key=lambda row: row.index)
        return Columns(self.labels, rows.label, rows.time, rows.value, rows.index, rejected)

    def _alone(self) -> _Part:
        label, time, value, index = zip(*self.alone, strict=True) if self.alone else ([],) * 4
        labels, times, indices = (np.array(each, np.int64) for each in (label, time, index))
        return _Part(labels, times, indices, np.array(value, np.float64))

    def _read_first(self, body: bytes, at: int) -> int:
        """Read the line that begins there, and those after it that a string goes on to."""
        end = _line_end(body, at)
        error = self._read(body[at:end].removesuffix(b"\n"), self.lines)
        longer = _end_with_strings(body, at) if error else end
        if longer > end and self._read(body[at:longer].removesuffix(b"\n"), self.lines) is None:
            error, end = None, longer
        self._reject(error, self.lines)
        self.lines += max(body.count(b"\n", at, end), 1)
        return end

    def _count(self, rows: int) -> None:
        self.count += rows
        check_count(self.count)

    def _reject(self, error: str | None, number: int) -> None:
        if error is not None:
            refuse(self.rejected, Rejected(number, error))

    def _read(self, text: bytes, number: int) -> str | None:
        """Take in a line; what is wrong with it, None if nothing is."""
        text = text.strip(b" \t")
        if not text or text.startswith(b"#"):
            return None
        try:
            line = read_line(text)
            self._count(len(line.fields))
            places = [self._place(line.series, key) for key, _ in line.fields]
        except LineError as error:
            return str(error)
        time = self.now_ms if line.time is None else self._to_ms(line.time)
        values = (value for _, value in line.fields)
        self.alone += [(at, time, value, number) for at, value in zip(places, values, strict=True)]
        return None

    def _place(self, series: bytes, key: bytes) -> int:
        """The place of a label.

        Raises:
            LineError: It can be none.
        """
        place = self.places.get((series, key))
        if place is None:
            self.room.take(len(series) + len(key))
            self.labels = [*self.labels] if isinstance(self.labels, Labels) else self.labels
            self.labels.append(label_of(series, key))
            place = self.places[series, key] = len(self.labels) - 1
        return place

    def _to_ms(self, time: int) -> int:
        exact = time * 1000 if self.digits < 0 else time // 10**self.digits
        return max(-FAR_MS, min(exact, FAR_MS))


def _joined(parts: list[_Part], *, in_order: bool) -> _Part:
    index = np.concatenate([part.index for part in parts])
    order = slice(None) if in_order else np.argsort(index, kind="stable")
    return _Part(
        np.concatenate([part.label for part in parts])[order],
        np.concatenate([part.time for part in parts])[order],
        index[order],
        np.concatenate([part.value for part in parts])[order],
    )


def _with_plain_ends(body: bytes) -> bytes:
    """The body without carriage returns at line ends: in strings too, which say nothing here."""
    return body.replace(b"\r\n", b"\n").removesuffix(b"\r") if b"\r" in body else body


def _line_end(body: bytes, at: int) -> int:
    """Where the line ends that this place is in, its line end included."""
    return (body.find(b"\n", at) + 1) or len(body)


def _end_with_strings(body: bytes, at: int) -> int:
    """Where the point ends that begins there, if line ends in strings do not end it."""
    end = _line_end(body, at)
    for _ in range(_MOST_OPEN):
        closed = end_of_open_string(body, at, end)
        if closed is None:
            break
        at, end = closed, _line_end(body, closed)
    return end
