"""How a door whose protocol has no place for it tells which rows it refused."""

from __future__ import annotations

from nowline.errors import Code, FieldError, NowlineError
from nowline.ingest.columns import Rejected
from nowline.ingest.service import Outcome


def refused_rows(outcome: Outcome, noun: str) -> NowlineError:
    """The refusal that names the rows that were not kept; the others were.

    Args:
        outcome: What was kept, and what was not.
        noun: What the protocol calls rows.
    """
    rejected = outcome.rejected
    detail = (
        f"{len(rejected)} {noun} were refused, {outcome.accepted} kept;"
        f" the first one refused is number {rejected[0].index}: {rejected[0].error}."
    )
    return NowlineError(Code.INVALID, detail, errors=tuple(map(field_error, rejected)))


def field_error(row: Rejected) -> FieldError:
    """A refused row as an error with its place and its field."""
    field, _, message = row.error.partition(": ")
    return FieldError(message, index=row.index, field=field)
