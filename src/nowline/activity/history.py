"""Looking back on events, page by page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from nowline.clock import Clock
from nowline.errors import invalid
from nowline.model.event import Event
from nowline.model.query import DAY_MS, MOST_AHEAD_MS
from nowline.store.activity import MOST_A_PAGE, ActivityStore, Filter, Place

LOOK_BACK_MS = 30 * DAY_MS
"""How far back events are looked for that nobody gave a start for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are asked for.

    Attributes:
        values: By field, the value as the asker knows it.
        start: From this time on, epoch milliseconds; None for the usual look-back.
        end: Before this time; None for now.
        cursor: Where the page before ended.
        limit: How many at most.
    """

    values: dict[str, str]
    start: int | None = None
    end: int | None = None
    cursor: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Events, newest first, and where the next page begins; None after the last one."""

    events: list[Event]
    next_cursor: str | None


class History:
    """Looks for events.

    Args:
        store: Has them.
        clock: Tells the time.
        mask: Makes of a text what is kept of it.
    """

    def __init__(self, store: ActivityStore, clock: Clock, mask: Callable[[str], str]) -> None:
        self._store = store
        self._clock = clock
        self._mask = mask

    async def page(self, asked: Asked) -> Page:
        """A page of events: none is told twice and none left out, whatever comes in meanwhile.

        Raises:
            NowlineError: INVALID with the field at fault.
        """
        if not 1 <= asked.limit <= MOST_A_PAGE:
            raise invalid("limit", f"must be from 1 to {MOST_A_PAGE}")
        wanted = self._filter(asked)
        # One more than asked for tells whether there is another page.
        found = await self._store.page(wanted, asked.limit + 1)
        shown = found[: asked.limit]
        following = _cursor(shown[-1].place) if len(found) > len(shown) else None
        return Page([stored.event for stored in shown], following)

    def _filter(self, asked: Asked) -> Filter:
        now = self._clock.now_ms()
        latest = now + MOST_AHEAD_MS + 1
        start = now - LOOK_BACK_MS if asked.start is None else max(0, asked.start)
        end = latest if asked.end is None else min(asked.end, latest)
        if asked.start is not None and asked.end is not None and asked.start >= asked.end:
            raise invalid("end", "must be after start")
        masked = {field: self._mask(value) for field, value in asked.values.items()}
        return Filter(min(start, latest), end, masked, _place(asked.cursor))


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode().rstrip("=")


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = msgspec.msgpack.decode(raw, type=Place)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise invalid("cursor", "is none that this server gave") from error
    if not 0 <= place.time < _MOST_TIME or not 0 <= place.number < _MOST_TIME:
        raise invalid("cursor", "is none that this server gave")
    return place


# What fits every store's numbers; years from now.
_MOST_TIME = 1 << 53
