"""Days of a zone. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo


def midnight(moment_ms: int, zone: ZoneInfo) -> int:
    """When the day of that moment began there, epoch milliseconds."""
    day = datetime.fromtimestamp(moment_ms / 1000, zone).replace(
        hour=0, minute=0, second=0, microsecond=0, fold=0
    )
    return int(day.timestamp() * 1000)
