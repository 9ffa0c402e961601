"""The errors that a caller may see, each with the code that `api/problems.py` gives a status."""

from __future__ import annotations

from enum import Enum

import msgspec


class Code(Enum):
    """Why a request was refused; the transport decides how to say it."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    STALE = "stale"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    UNPROCESSABLE = "unprocessable"
    UPGRADE = "upgrade"
    TOO_SLOW = "too_slow"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    DISK_FULL = "disk_full"


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing wrong with the input: which row, which field, and why."""

    message: str
    index: int | None = None
    field: str | None = None


class NowlineError(Exception):
    """A refusal with a code, a sentence for the caller and, for bad input, the fields at fault.

    Args:
        code: Why it was refused.
        detail: What happened and what to do, in one sentence.
        errors: The rows and fields at fault, where the input was bad.
        retry_after_s: Seconds after which trying again makes sense.
    """

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.retry_after_s = retry_after_s


def invalid(field: str, message: str) -> NowlineError:
    """Bad input in one named field."""
    return NowlineError(
        Code.INVALID, f"{field}: {message}", errors=(FieldError(message, field=field),)
    )
