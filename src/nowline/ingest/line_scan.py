"""The plain lines of a piece of line protocol, all together. Pure.

Plain is a line without quotes and backslashes, of three parts with one space between them, whose
fields are numbers. Spaces, commas, equals signs and line ends are found once, and where all else
is follows from their places.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from nowline.ingest.columns import Label
from nowline.ingest.line_grammar import (
    MOST_FIELDS,
    MOST_LINE_BYTES,
    NO_LABEL,
    has_open_string,
    labels_of,
)
from nowline.ingest.rows import LabelRoom
from nowline.ingest.spans import (
    AFTER,
    BEFORE,
    MOST_BYTES,
    Body,
    Bytes,
    Mask,
    Spans,
    Words,
    distinct,
    numbers,
    whole_numbers,
)
from nowline.model.partials import Floats, Ints

_NEWLINE, _SPACE, _COMMA, _EQUALS, _HASH = b"\n ,=#"
_BEFORE = b"~" * BEFORE
_AFTER = b"~" * AFTER
_MOST_TABLE = 1 << 20

FAR_MS = 1 << 53
"""Beyond any time that is taken in."""


class Scan(msgspec.Struct, frozen=True, gc=False):
    """What was found in a piece.

    Attributes:
        lines: How many lines the piece has.
        labels: The distinct labels; no row has `NO_LABEL`.
        line: For each row, its line in the piece.
        label: For each row, the index of its label.
        time: For each row, epoch milliseconds, `FAR_MS` where it is beyond that.
        value: For each row, its value.
        others: Of each line that is to be read alone, its number and text.
    """

    lines: int
    labels: list[Label]
    line: Ints
    label: Ints
    time: Ints
    value: Floats
    others: list[tuple[int, bytes]]


def scan(piece: bytes, room: LabelRoom, now_ms: int, digits: int) -> Scan | None:  # noqa: ARG001
    """Read whole lines.

    Args:
        piece: The lines; the line end after the last one may be missing.
        room: What the labels are taken from.
        now_ms: The time of lines without one, all of which are read alone here.
        digits: How many digits a time has beyond the milliseconds; fewer than none for seconds.

    Returns:
        None if a string may go on from one line to the next.

    Raises:
        NowlineError: As `LabelRoom.take`.
    """
    lines = _Lines.of(piece)
    plain = lines.plain()
    fields = _fields(lines, plain)
    time, timed = _times(lines, plain)
    plain &= timed
    value, understood = numbers(fields.value)
    labels, label = _labels(lines, fields, room)
    labelled = np.array([each is not NO_LABEL for each in labels], bool)
    plain[fields.line[~(understood & labelled[label])]] = False
    others = lines.texts(~plain)
    if may_go_on(others):
        return None
    keep = slice(None) if plain.all() else plain[fields.line]
    line = fields.line[keep]
    columns = line, label[keep], _to_ms(time[line], digits), value[keep]
    return Scan(len(lines.start), labels, *columns, others)


def may_go_on(others: list[tuple[int, bytes]]) -> bool:
    """Whether a string of one of these lines may go on to the next line."""
    return any(b'"' in text and has_open_string(text) for _, text in others)


def _to_ms(time: Words, digits: int) -> Ints:
    exact = time // np.uint64(10 ** max(digits, 0))
    times = np.minimum(exact, FAR_MS).astype(np.int64) * 10 ** max(-digits, 0)
    ms: Ints = np.minimum(times, FAR_MS)
    return ms


@dataclass(frozen=True, slots=True)
class _Lines:
    """A piece and its marks, which are spaces, line ends, commas and equals signs.

    Attributes:
        body: The piece, with room around it.
        mark: Where the marks are.
        kind: Which bytes they are; control characters count as spaces.
        start: Where each line begins.
        end: Where it ends.
        first: For each line, which mark is its first space.
        last: For each line, which mark is the space after that.
        spaces: For each line, how many spaces it has.
    """

    body: Body
    mark: Ints
    kind: Bytes
    start: Ints
    end: Ints
    first: Ints
    last: Ints
    spaces: Ints

    @classmethod
    def of(cls, piece: bytes) -> _Lines:
        """Find the marks."""
        line_end = b"" if piece.endswith(b"\n") else b"\n"
        body = Body(b"".join((_BEFORE, piece, line_end, _AFTER)))
        codes = body.codes
        mark = np.flatnonzero((codes <= _SPACE) | (codes == _COMMA) | (codes == _EQUALS))
        kind = codes.take(mark)
        space = np.flatnonzero(kind <= _SPACE)
        at = np.flatnonzero(kind.take(space) == _NEWLINE)
        end = mark.take(space.take(at))
        start = np.append(len(_BEFORE), end[:-1] + 1)
        first, last = (space.take(np.maximum(at - back, 0)) for back in (2, 1))
        return cls(body, mark, kind, start, end, first, last, np.diff(at, prepend=-1) - 1)

    def plain(self) -> Mask:
        """Which lines have three parts, each with something in it, and no quotes or such."""
        between = self.last - self.first
        shaped: Mask = (self.spaces == 2) & (between % 2 == 0) & (between > 0)
        shaped &= (between <= 2 * MOST_FIELDS) & (self.end - self.start <= MOST_LINE_BYTES)
        shaped &= (self.kind[self.first] == _SPACE) & (self.kind[self.last] == _SPACE)
        series = self.mark[self.first] - self.start
        shaped &= (series > 0) & (series <= MOST_BYTES) & (self.body.codes[self.start] != _HASH)
        shaped &= ~self._quoted()
        return shaped

    def texts(self, chosen: Mask) -> list[tuple[int, bytes]]:
        """Number and text of these lines."""
        which = np.flatnonzero(chosen)
        texts = Spans(self.body, self.start, self.end).texts(which)
        return list(zip(which.tolist(), texts, strict=True))

    def _quoted(self) -> Mask:
        """Which lines have a quote or a backslash."""
        quoted = np.zeros(len(self.start), bool)
        raw = self.body.raw
        if b'"' not in raw and b"\\" not in raw:
            return quoted
        at = np.flatnonzero((self.body.codes == ord('"')) | (self.body.codes == ord("\\")))
        quoted[np.searchsorted(self.end, at)] = True
        return quoted


@dataclass(frozen=True, slots=True)
class _Fields:
    """Fields by column: their line, key and value."""

    line: Ints
    key: Spans
    value: Spans


def _fields(lines: _Lines, plain: Mask) -> _Fields:
    """The fields of the plain lines; lines with others in between are plain no longer."""
    chosen = np.flatnonzero(plain)
    count = (lines.last - lines.first)[chosen] // 2
    line = np.repeat(chosen, count)
    within = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    equals = lines.first[line] + 1 + 2 * within
    key = Spans(lines.body, lines.mark[equals - 1] + 1, lines.mark[equals])
    value = Spans(lines.body, lines.mark[equals] + 1, lines.mark[equals + 1])
    is_last = equals + 1 == lines.last[line]
    good = is_last | (lines.kind[equals + 1] == _COMMA)
    good &= (lines.kind[equals] == _EQUALS) & (value.length > 0)
    good &= (key.length > 0) & (key.length <= MOST_BYTES)
    if good.all():
        return _Fields(line, key, value)
    plain[line[~good]] = False
    return _Fields(line[good], key.where(good), value.where(good))


def _times(lines: _Lines, plain: Mask) -> tuple[Words, Mask]:
    """For each line its time, and which lines have one."""
    time, timed = np.zeros(len(plain), np.uint64), np.zeros(len(plain), bool)
    text = Spans(lines.body, lines.mark[lines.last[plain]] + 1, lines.end[plain])
    time[plain], timed[plain] = whole_numbers(text)
    return time, timed


def _labels(lines: _Lines, fields: _Fields, room: LabelRoom) -> tuple[list[Label], Ints]:
    """The distinct labels, `NO_LABEL` for what can be none, and which of them each field has."""
    begins = np.diff(fields.line, prepend=-1) > 0
    of = fields.line[begins]
    series = Spans(lines.body, lines.start[of], lines.mark[lines.first[of]])
    series_kind, series_first = distinct(series)
    key_kind, key_first = distinct(fields.key)
    pair = series_kind[np.cumsum(begins) - 1] * len(key_first) + key_kind
    pairs, label = _numbered(pair, len(series_first) * len(key_first))
    at, key = np.divmod(pairs, max(len(key_first), 1))
    of_series, of_key = series_first[at], key_first[key]
    room.take(int(series.length[of_series].sum() + fields.key.length[of_key].sum()))
    texts = series.texts(of_series), fields.key.texts(of_key)
    return labels_of(tuple(map(tuple, texts)), lambda: texts), label


def _numbered(values: Ints, end: int) -> tuple[Ints, Ints]:
    """The distinct values, all below `end`, and which of them each one is."""
    if end > _MOST_TABLE:
        found, numbers = np.unique(values, return_inverse=True)
        return found, numbers
    seen = np.zeros(end, bool)
    seen[values] = True
    found = np.flatnonzero(seen)
    table = np.empty(end, np.int64)
    table[found] = np.arange(len(found))
    return found, table[values]
