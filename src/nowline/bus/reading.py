"""Reading on in a log that cannot be read at times: its disk fails, or its Redis is away."""

from __future__ import annotations

import asyncio
import logging

from nowline.bus.base import Log, Record

AGAIN_S = 0.5
"""How long after it could not be read it is read again."""

log = logging.getLogger(__name__)


async def next_records(bus: Log, after: int, limit_bytes: int) -> list[Record]:
    """Wait for records above `after`, and read them as `Log.read` does.

    Returns:
        Nothing if they are there and cannot be read; that takes a moment, so that who asks again
        at once lets others have their turn.

    Raises:
        NowlineError: As `Log.wait`.
    """
    await bus.wait(after)
    records = await records_now(bus, after, limit_bytes)
    if not records:
        await asyncio.sleep(AGAIN_S)
    return records


async def records_now(bus: Log, after: int, limit_bytes: int) -> list[Record]:
    """What `Log.read` gives, and nothing where it fails."""
    try:
        return await bus.read(after, limit_bytes)
    except Exception as error:  # noqa: BLE001 - whatever it is, the records stay in the log
        log.warning("The log could not be read: %s", str(error) or type(error).__name__)
        return []
