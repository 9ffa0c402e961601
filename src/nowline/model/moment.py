"""Times as they come in (CONTRACT: RFC 3339, or a number of epoch milliseconds)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from nowline.errors import invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What fits a 64-bit count of milliseconds with room for arithmetic; far outside any real time.
_LIMIT_MS = 1 << 53
_MOST_DIGITS = 16


def epoch_ms(moment: str | float) -> int | None:
    """Epoch milliseconds of an RFC 3339 text with a zone, or of a number; None if it is neither."""
    if isinstance(moment, str):
        return _from_text(moment)
    if not -_LIMIT_MS < moment < _LIMIT_MS:
        return None
    return int(moment)


def moment_of(field: str, text: str) -> int:
    """Epoch milliseconds of a parameter: RFC 3339, or the digits of a number.

    Raises:
        NowlineError: INVALID: it is neither.
    """
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
    at = epoch_ms(int(text) if is_number else text)
    if at is None:
        raise invalid(field, "must be RFC 3339 with a zone, or epoch milliseconds")
    return at


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that IANA name.

    Raises:
        NowlineError: INVALID when there is none.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        # What the name leads to in the system's folder of zones may be no zone, or no file.
        raise invalid("timezone", f"`{name}` is not an IANA time zone") from error


def _from_text(text: str) -> int | None:
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return None
    if moment.tzinfo is None:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)
