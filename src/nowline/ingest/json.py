"""Metrics as JSON: `{"metrics": […]}`, a bare array, or one object a line. Pure.

Plain rows, nearly all there are, are read by the `native` scanner where it could be built. What it
leaves is decoded into typed rows at once; only when one is wrong is it decoded again row by row, to
keep the good ones and name what is wrong with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TypeVar

import msgspec
import numpy as np
from msgspec import Raw

from nowline.errors import Code, FieldError, NowlineError
from nowline.ingest import native
from nowline.ingest.columns import Columns, Rejected
from nowline.ingest.faults import UNDECODABLE, explain, reason_of
from nowline.ingest.json_labels import Kind, labels_of, labels_of_sent
from nowline.ingest.rows import check_rows, refuse
from nowline.model.moment import epoch_ms
from nowline.model.partials import Ints
from nowline.model.series import MetricType
from nowline.store.catalogue import MOST_METADATA_BYTES

_NOTHING = Raw(b"")
_MOST_NESTED = 16


class _Row(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    name: str
    value: float
    time: int | float | str | None = None
    type: MetricType | None = None
    tags: Raw = _NOTHING
    metadata: Raw = _NOTHING


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    metrics: list[_Row]


class _RawEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    metrics: list[Raw]


_rows = msgspec.json.Decoder(list[_Row])
_row = msgspec.json.Decoder(_Row)
_envelope = msgspec.json.Decoder(_Envelope)
_raw_rows = msgspec.json.Decoder(list[Raw])
_raw_envelope = msgspec.json.Decoder(_RawEnvelope)
_object = msgspec.json.Decoder(dict[str, object])


Scan = Callable[[bytes, int, bool], native.PlainRows | None]
"""Reads plain rows, given the time of rows without one and whether there is a row a line."""
NATIVE: Scan | None = native.scan_rows if native.IS_BUILT else None


def decode_json(body: bytes, now_ms: int, *, scan: Scan | None = NATIVE) -> Columns:
    """Rows of a JSON body.

    Args:
        body: The rows.
        now_ms: The time of rows without one.
        scan: How plain rows are read; it changes nothing but the time that takes.

    Raises:
        NowlineError: INVALID when the body is not JSON, or neither an array nor an object with
            `metrics` alone; as `rows.check_rows` and `rows.refuse`.
    """
    check_rows(body, b"{")
    if scan and (columns := _scanned(scan(body, now_ms, False), now_ms)) is not None:
        return columns
    is_array = body.lstrip()[:1] == b"["
    try:
        rows = _rows.decode(body) if is_array else _envelope.decode(body).metrics
    except (msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        return _one_by_one(enumerate(_raw(body, is_array=is_array)), now_ms)
    except msgspec.DecodeError as error:
        raise _unreadable(error) from error
    return _columns(rows, np.arange(len(rows)), [], now_ms)


def decode_ndjson(body: bytes, now_ms: int, *, scan: Scan | None = NATIVE) -> Columns:
    """Rows of a body with one JSON object a line, as `decode_json`; empty lines are passed over."""
    check_rows(body, b"\n")
    if scan and (columns := _scanned(scan(body, now_ms, True), now_ms)) is not None:
        return columns
    if (rows := _plain_lines(body)) is not None:
        return _columns(rows, np.arange(len(rows)), [], now_ms)
    lines = [(i, line) for i, line in enumerate(body.split(b"\n")) if line.strip()]
    try:
        rows = [_row.decode(line) for _, line in lines]
    except UNDECODABLE:
        return _one_by_one(lines, now_ms)
    return _columns(rows, [i for i, _ in lines], [], now_ms)


def _scanned(found: native.PlainRows | None, now_ms: int) -> Columns | None:
    """The rows that a scan found, and the others of their lines; None if it is done without."""
    told = None if found is None else labels_of_sent(found.sent, found.kinds)
    if found is None or told is None:
        return None
    labels, bad = told
    columns = Columns(labels, found.kind, found.time, found.value, found.index)
    if found.others:
        columns = _joined(columns, _one_by_one(found.others, now_ms))
    return _without(columns, bad) if found.others or bad else columns


def _joined(one: Columns, other: Columns) -> Columns:
    """The rows of both, in the order of their places."""
    index = np.concatenate((one.index, other.index))
    order = np.argsort(index)
    return Columns(
        one.labels + other.labels,
        np.concatenate((one.label, other.label + len(one.labels)))[order],
        np.concatenate((one.time, other.time))[order],
        np.concatenate((one.value, other.value))[order],
        index[order],
        one.rejected + other.rejected,
        one.metadata | other.metadata,
    )


def _plain_lines(body: bytes) -> list[_Row] | None:
    """The rows of a body that may as well be one array, which is faster to read; else None.

    Every line end has to be between two objects. Without a `[` there is no other array, so a
    comma in place of such a line end is always one between rows, and can join no two lines.
    """
    body = body.removesuffix(b"\n")
    if b"[" in body or body.count(b"}\n{") != body.count(b"\n"):
        return None
    try:
        rows = _rows.decode(b"[%b]" % body.replace(b"}\n{", b"},{"))
    except UNDECODABLE:
        return None
    return rows if len(rows) == body.count(b"\n") + 1 else None


def _raw(body: bytes, *, is_array: bool) -> Sequence[Raw]:
    try:
        return _raw_rows.decode(body) if is_array else _raw_envelope.decode(body).metrics
    except msgspec.ValidationError as error:
        field, message = explain(error)
        errors = (FieldError(message, field=field or "metrics"),)
        raise NowlineError(Code.INVALID, f"{field or 'body'}: {message}", errors=errors) from error
    except UNDECODABLE as error:
        raise _unreadable(error) from error


def _one_by_one(raws: Iterable[tuple[int, Raw | bytes]], now_ms: int) -> Columns:
    rows: list[_Row] = []
    index: list[int] = []
    rejected: list[Rejected] = []
    for i, raw in raws:
        try:
            rows.append(_row.decode(raw))
            index.append(i)
        except UNDECODABLE as error:
            refuse(rejected, Rejected(i, reason_of(error)))
    return _columns(rows, index, rejected, now_ms)


def _columns(
    rows: Sequence[_Row], index: Sequence[int] | Ints, rejected: list[Rejected], now_ms: int
) -> Columns:
    kinds, label = _kinds(rows)
    labels, bad = labels_of(kinds)
    columns = Columns(
        labels,
        label,
        _times(rows, now_ms),
        np.fromiter(map(attrgetter("value"), rows), np.float64, len(rows)),
        np.asarray(index, np.int64),
        rejected,
    )
    _read_metadata(columns, rows)
    return _without(columns, bad)


_Key = TypeVar("_Key", bytes, Kind)


def _kinds(rows: Sequence[_Row]) -> tuple[list[Kind], Ints]:
    """The distinct names, types and tags as sent, and which of them each row has."""
    names, types = list(map(attrgetter("name"), rows)), list(map(attrgetter("type"), rows))
    tags = list(map(bytes, map(attrgetter("tags"), rows)))
    if len(set(names)) == 1 and types.count(types[0]) == len(types):
        distinct, label = _numbered(tags)
        return [(names[0], types[0], each) for each in distinct], label
    return _numbered(list(zip(names, types, tags, strict=True)))


def _numbered(texts: list[_Key]) -> tuple[list[_Key], Ints]:
    """The distinct ones in the order in which they come, and which of them each one is."""
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    label = np.fromiter(map(numbers.__getitem__, texts), np.int64, len(texts))
    return list(numbers), label


_UNREADABLE_TIME = -1
# Beyond this a number of milliseconds is no time, and may not even fit a column.
_FAR = 1 << 53


def _times(rows: Sequence[_Row], now_ms: int) -> Ints:
    """Epoch milliseconds of each row, now where it has none, -1 where it is no time."""
    times = list(map(attrgetter("time"), rows))
    column = np.array(times if times and type(times[0]) is int else [0.5])
    # Of whole numbers, each within 64 bits, and nothing else.
    if column.dtype == np.int64 and column.max() < _FAR and column.min() > -_FAR:
        return column
    return np.fromiter((_time(time, now_ms) for time in times), np.int64, len(times))


def _time(moment: float | str | None, now_ms: int) -> int:
    if moment is None:
        return now_ms
    at = epoch_ms(moment)
    return _UNREADABLE_TIME if at is None else at


def _read_metadata(columns: Columns, rows: Sequence[_Row]) -> None:
    """Of rows that describe the same metric the later ones add to the earlier ones."""
    if all(row.metadata is _NOTHING for row in rows):
        return
    known: dict[tuple[str, bytes], str | None] = {}
    merged: dict[str, dict[str, object]] = {}
    for at, row in enumerate(rows):
        raw = bytes(row.metadata)
        if raw in {b"", b"null"}:
            continue
        if (row.name, raw) not in known:
            known[row.name, raw] = _merge_metadata(merged.setdefault(row.name, {}), raw)
        fault = known[row.name, raw]
        if fault:
            refuse(columns.rejected, Rejected(int(columns.index[at]), fault))
            columns.label[at] = -1
    columns.metadata.update(
        {name: msgspec.json.encode(described) for name, described in merged.items() if described}
    )


def _merge_metadata(into: dict[str, object], raw: bytes) -> str | None:
    """Add what the raw object says; what is wrong with it, None if nothing is."""
    if len(raw) > MOST_METADATA_BYTES:
        return f"metadata: is {len(raw)} bytes long; the limit is {MOST_METADATA_BYTES}"
    try:
        described = _object.decode(raw)
    except UNDECODABLE as error:
        return reason_of(error, "metadata")
    if _nests(described, _MOST_NESTED):
        return f"metadata: is nested more than {_MOST_NESTED} deep"
    into.update(described)
    return None


def _nests(value: object, most: int) -> bool:
    """Whether objects and arrays are nested more than `most` deep."""
    if isinstance(value, dict):
        return most == 0 or any(_nests(each, most - 1) for each in value.values())
    if isinstance(value, list):
        return most == 0 or any(_nests(each, most - 1) for each in value)
    return False


def _without(columns: Columns, bad: dict[int, str]) -> Columns:
    """The columns without the rows whose label, metadata or time cannot be read.

    What is rejected is in the order of the rows then.
    """
    wrong = (columns.time == _UNREADABLE_TIME) | (columns.label < 0)
    if bad:
        wrong |= np.isin(columns.label, list(bad))
    for at in np.flatnonzero(wrong).tolist():
        label = int(columns.label[at])
        if label >= 0:
            reason = bad.get(label, "time: must be RFC 3339 with a zone, or epoch milliseconds")
            refuse(columns.rejected, Rejected(int(columns.index[at]), reason))
    columns.rejected.sort(key=attrgetter("index"))
    if not wrong.any():
        return columns
    keep = ~wrong
    return Columns(
        columns.labels,
        columns.label[keep],
        columns.time[keep],
        columns.value[keep],
        columns.index[keep],
        columns.rejected,
        columns.metadata,
    )


def _unreadable(error: Exception) -> NowlineError:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
    return NowlineError(Code.INVALID, f"The body cannot be read as JSON: {reason}.")
