"""Why rows are refused, counted by a few reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from nowline.ingest.columns import Rejected

# What a refusal says, wherever in it, comes before the field that it is about.
_BY_WORDS: Final = (
    ("is older than", "too_old"),
    ("5 minutes ahead", "too_new"),
    ("metrics already", "metrics_limit"),
    ("unknown field", "unknown_field"),
)
_BY_FIELD: Final = MappingProxyType(
    {
        **{field: field for field in ("name", "value", "type", "tags", "time", "metadata")},
        **dict.fromkeys(("timestamp", "start_time", "end_time"), "time"),
        **dict.fromkeys(("context", "error_message"), "metadata"),
        "event_type": "name",
    }
)
_OTHER: Final = "malformed"

REASONS: Final = (*dict.fromkeys([*_BY_FIELD.values(), *dict(_BY_WORDS).values(), _OTHER]),)
"""Every reason there is."""


class Refusals:
    """Counts refused rows by reason, since the start."""

    def __init__(self) -> None:
        self.by_reason = dict.fromkeys(REASONS, 0)

    def add(self, rejected: Iterable[Rejected]) -> None:
        """Count them; most of a batch are refused in the same words."""
        for error, rows in Counter(row.error for row in rejected).items():
            self.by_reason[category_of(error)] += rows


def category_of(error: str) -> str:
    """The reason of a refusal, by its text, which begins with a field."""
    for words, reason in _BY_WORDS:
        if words in error:
            return reason
    field = error.partition(":")[0].partition(".")[0]
    return _BY_FIELD.get(field, _OTHER)
