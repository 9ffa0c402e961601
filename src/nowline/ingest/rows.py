"""Batches of JSON objects: `{"<name>": […]}`, a bare array, or one object a line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Raw

from nowline.errors import Code, FieldError, NowlineError
from nowline.ingest.columns import Rejected
from nowline.ingest.faults import UNDECODABLE, reason_of
from nowline.model.partials import Ints

T = TypeVar("T")
Row: TypeAlias = tuple[int, bytes | Raw]
"""A row as it was sent, and its 0-based place in the batch."""

MOST_ROWS = 2_000_000
"""How many rows a batch may have: each takes hundreds of bytes while it is read."""
MOST_MESSAGES = 1_000_000
"""How many messages of one kind a protobuf body may have in it."""
MOST_REJECTED = 100_000
"""How many bad rows of a batch are told one by one: each takes time, in which nobody is served."""

_LEAST_ROOM_BYTES = 16 << 20
_ROOM_FACTOR = 16

# A message in another is a field of 1 to 12 that has a length (Protocol Buffers, encoding).
_TAGS = range(1 << 3 | 2, 13 << 3, 1 << 3)

_array = msgspec.json.Decoder(list[Raw])
_object = msgspec.json.Decoder(dict[str, Raw])


MOST_ROW_BYTES = 128 << 10
"""How long an event or a task may be as it is sent; what is kept of it is less."""


class RefusedRowError(ValueError):
    """A row cannot be taken in; the text begins with the field."""


def of_json(body: bytes, name: str) -> list[Row]:
    """The rows of a JSON body with their places.

    Args:
        body: An array, or an object whose only field is an array.
        name: That field.

    Raises:
        NowlineError: INVALID: it is neither.
    """
    check_rows(body, b"{")
    try:
        if body.lstrip()[:1] == b"[":
            return list(enumerate(_array.decode(body)))
        fields = _object.decode(body)
        unknown = sorted(fields.keys() - {name})
        if unknown or name not in fields:
            raise _refusal(unknown[0] if unknown else name, bool(unknown))
        return list(enumerate(_array.decode(fields[name])))
    except msgspec.ValidationError as error:
        raise NowlineError(
            Code.INVALID,
            f"The body must be an array, or an object with the array `{name}`.",
            errors=(FieldError(str(error), field=name),),
        ) from error
    except UNDECODABLE as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise NowlineError(Code.INVALID, f"The body cannot be read as JSON: {reason}.") from error


def of_lines(body: bytes) -> list[Row]:
    """The lines of an NDJSON body with their places, but for empty ones."""
    check_rows(body, b"\n")
    return [(at, line) for at, line in enumerate(body.split(b"\n")) if line.strip()]


def check_rows(body: bytes, mark: bytes) -> None:
    """Refuse a body with more rows than a batch may have.

    Args:
        body: The batch.
        mark: The byte that every row has at least once.

    Raises:
        NowlineError: TOO_LARGE.
    """
    if len(body) > MOST_ROWS:
        check_count(body.count(mark))


def check_count(rows: int) -> None:
    """Refuse a batch with so many rows, if they are more than it may have.

    Raises:
        NowlineError: TOO_LARGE.
    """
    if rows > MOST_ROWS:
        detail = f"The body may have over {MOST_ROWS:,} rows. Send smaller batches."
        raise NowlineError(Code.TOO_LARGE, detail)


def check_messages(body: bytes) -> None:
    """Refuse a protobuf body with more messages in it than can be read in reasonable time.

    A message of two bytes takes hundreds of them once it is read. How many there are is told by
    the tags that messages in others have, which may be other bytes too: what is let through is
    bounded, and what real senders write is far below.

    Raises:
        NowlineError: TOO_LARGE.
    """
    if len(body) > MOST_MESSAGES and any(_messages(body, tag) > MOST_MESSAGES for tag in _TAGS):
        detail = f"The body may have over {MOST_MESSAGES:,} messages. Send smaller batches."
        raise NowlineError(Code.TOO_LARGE, detail)


class LabelRoom:
    """How much text the series of a batch may have in all, where rows share names and tags.

    A thousand bytes of tags that a million values of a few bytes each have in common are a
    gigabyte once they are written out for each of them.

    Args:
        size: Bytes of the batch.

    Attributes:
        left: How many bytes it may still have.
    """

    def __init__(self, size: int) -> None:
        self.left = _LEAST_ROOM_BYTES + _ROOM_FACTOR * size

    def take(self, size: int) -> None:
        """Take so many bytes for the text of one series or of several.

        Raises:
            NowlineError: TOO_LARGE: they are not there.
        """
        self.left -= size
        if self.left < 0:
            detail = "The tags are too long for so many series. Send smaller batches."
            raise NowlineError(Code.TOO_LARGE, detail)


def _messages(body: bytes, tag: int) -> int:
    """How many messages may have that tag."""
    count, high = body.count(tag), tag | 0x80
    if count + body.count(high) > MOST_MESSAGES:
        # Parsers take a tag too that is written in more bytes than it needs.
        count += body.count(bytes([high, 0])) + body.count(bytes([high, 0x80]))
    return count


def refuse(rejected: list[Rejected], row: Rejected) -> None:
    """Add a bad row to those of its batch; raises as `check_rejected`."""
    rejected.append(row)
    check_rejected(rejected)


def refuse_each(rejected: list[Rejected], indices: Ints, error: str) -> None:
    """Add bad rows, by their places, as far as they can be told one by one, and one more."""
    some = indices[: MOST_REJECTED + 1].tolist()
    rejected.extend(Rejected(index, error) for index in some)


def check_rejected(rejected: Sequence[Rejected]) -> None:
    """Refuse a batch with more bad rows than can be told one by one.

    Raises:
        NowlineError: INVALID: there are so many that nothing of the batch is taken in.
    """
    if len(rejected) > MOST_REJECTED:
        detail = f"Over {MOST_REJECTED:,} rows are wrong, so nothing of the batch was taken in."
        errors = tuple(FieldError(each.error, index=each.index) for each in rejected[:100])
        raise NowlineError(Code.INVALID, detail, errors=errors)


def decoded(
    rows: Sequence[Row], decode: Callable[[int, bytes], T]
) -> tuple[list[T], list[Rejected]]:
    """The good rows, and why the others are not.

    Args:
        rows: The rows as sent.
        decode: Makes one of them, given its place too, what it is; raises what `msgspec` does, or
            `RefusedRowError`.
    """
    good: list[T] = []
    rejected: list[Rejected] = []
    for at, raw in rows:
        try:
            good.append(decode(at, _sized(raw)))
        except RefusedRowError as error:
            refuse(rejected, Rejected(at, str(error)))
        except UNDECODABLE as error:
            refuse(rejected, Rejected(at, reason_of(error)))
    return good, rejected


def _sized(raw: bytes | Raw) -> bytes:
    # Before it is decoded and gone through: that takes as long as the row is.
    if memoryview(raw).nbytes > MOST_ROW_BYTES:
        raise RefusedRowError(f"row: is over {MOST_ROW_BYTES} bytes")
    return bytes(raw)


def _refusal(field: str, is_unknown: bool) -> NowlineError:
    message = "unknown field" if is_unknown else "is missing"
    return NowlineError(
        Code.INVALID, f"{field}: {message}", errors=(FieldError(message, field=field),)
    )
