"""Batches of JSON objects: `{"<name>": […]}`, a bare array, or one object a line. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Raw

from nowline.errors import Code, FieldError, NowlineError
from nowline.ingest.columns import Rejected
from nowline.ingest.faults import UNDECODABLE, reason_of

T = TypeVar("T")
Row: TypeAlias = tuple[int, bytes | Raw]
"""A row as it was sent, and its 0-based place in the batch."""

_array = msgspec.json.Decoder(list[Raw])
_object = msgspec.json.Decoder(dict[str, Raw])


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
    return [(at, line) for at, line in enumerate(body.split(b"\n")) if line.strip()]


def decoded(
    rows: Sequence[Row], decode: Callable[[bytes | Raw], T]
) -> tuple[list[tuple[int, T]], list[Rejected]]:
    """The good rows, each with its place, and why the others are not.

    Args:
        rows: The rows as sent.
        decode: Makes one of them what it is; raises what `msgspec` does, or `RefusedRowError`.
    """
    good: list[tuple[int, T]] = []
    rejected: list[Rejected] = []
    for at, raw in rows:
        try:
            good.append((at, decode(raw)))
        except RefusedRowError as error:
            rejected.append(Rejected(at, str(error)))
        except UNDECODABLE as error:
            rejected.append(Rejected(at, reason_of(error)))
    return good, rejected


def _refusal(field: str, is_unknown: bool) -> NowlineError:
    message = "unknown field" if is_unknown else "is missing"
    return NowlineError(
        Code.INVALID, f"{field}: {message}", errors=(FieldError(message, field=field),)
    )
