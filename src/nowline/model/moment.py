"""Times as they come in (CONTRACT: RFC 3339, or a number of epoch milliseconds)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What fits a 64-bit count of milliseconds with room for arithmetic; far outside any real time.
_LIMIT_MS = 1 << 53


def epoch_ms(moment: str | float) -> int | None:
    """Epoch milliseconds of an RFC 3339 text with a zone, or of a number; None if it is neither."""
    if isinstance(moment, str):
        return _from_text(moment)
    if not -_LIMIT_MS < moment < _LIMIT_MS:
        return None
    return int(moment)


def _from_text(text: str) -> int | None:
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return None
    if moment.tzinfo is None:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)
