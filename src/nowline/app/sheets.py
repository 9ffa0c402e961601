"""What files of dashboards are made from: answers, events, and whoever draws them."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from itertools import islice

from nowline.activity.history import Asked, History
from nowline.model.event import Event


class Newest:
    """The newest events, out of the history.

    Args:
        history: Has them.
    """

    def __init__(self, history: History) -> None:
        self._history = history

    async def newest(self, types: Sequence[str], before: int, most: int) -> list[Event]:
        """The newest events of these types, or of all, before a time, the newest first."""
        wanted = [{"event_type": each} for each in dict.fromkeys(types)] or [{}]
        pages = [
            (await self._history.page(Asked(each, end=before, limit=most))).events
            for each in wanted
        ]
        return list(islice(merge(*pages, key=lambda event: -event.time), most))
