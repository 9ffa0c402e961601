"""The open streams of links to dashboards: counted, paced, and closed when their link ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Hashable
from dataclasses import dataclass, field

from nowline.dashboards.shares import Opened, Shares
from nowline.errors import Code, NowlineError
from nowline.live.pace import Pace
from nowline.live.reader import Reader
from nowline.model.share import Share
from nowline.model.user import Principal

MOST_STREAMS = 1000
"""How many connections one link may hold."""
_REQUESTS_PER_S = 50
_LOOK_S = 2
# A pace that nobody kept for so long has rested, and need not be remembered.
_REMEMBERED_S = 60
_RESTARTS = 1012
_ENDED = 4401

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Use:
    """One link that is in use."""

    share: Share
    asks: Hashable
    used_at: float
    readers: set[Reader] = field(default_factory=set)
    pace: Pace = field(default_factory=Pace)


def holder(share: Share) -> Principal:
    """Whoever holds a link: nobody who may do anything but what it shows."""
    return Principal(share.id, share.label or share.kind.value, frozenset())


class LinkStreams:
    """Knows which links are in use.

    A link that was revoked, has ended, or whose maker lost the right to make it, loses its streams:
    at once where that happened in this process, and within two seconds anyway. Where another
    change of its dashboard lets it ask something else, they begin anew.

    Args:
        shares: Says which links hold.
    """

    def __init__(self, shares: Shares) -> None:
        self._shares = shares
        self._uses: dict[str, _Use] = {}
        self._wake = asyncio.Event()

    def enter(self, opened: Opened) -> None:
        """Count a request of a link.

        Raises:
            NowlineError: LIMITED: there are too many.
        """
        now_s = asyncio.get_running_loop().time()
        use = self._use(opened, now_s)
        if not use.pace.take(_REQUESTS_PER_S, now_s):
            detail = "This link is asked too often: try again in a few seconds."
            raise NowlineError(Code.LIMITED, detail, retry_after_s=5)

    def check_room(self, opened: Opened) -> None:
        """Refuse a stream of a link that has as many as it may.

        Raises:
            NowlineError: UNAVAILABLE.
        """
        if len(self._use(opened, asyncio.get_running_loop().time()).readers) >= MOST_STREAMS:
            detail = "Too many people watch by this link right now: try again soon."
            raise NowlineError(Code.UNAVAILABLE, detail, retry_after_s=10)

    def begins(self, reader: Reader) -> None:
        """Note a stream that a link opened."""
        self._uses[reader.principal.id].readers.add(reader)

    def ends(self, reader: Reader) -> None:
        """Forget one that has ended."""
        if (use := self._uses.get(reader.principal.id)) is not None:
            use.readers.discard(reader)

    def revoked(self, share_id: str) -> None:
        """Close the streams of a link that was revoked."""
        self._close(share_id, _ENDED, "the link does not hold any more")

    def look_soon(self, _changed: str) -> None:
        """Look at once which links hold: a dashboard, or somebody's rights, were changed."""
        self._wake.set()

    async def watch(self) -> None:
        """See every two seconds which links hold, until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.look()
            except Exception:
                log.exception("cannot look for links that have ended; trying again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._wake.wait()

    async def look(self) -> None:
        """Close the streams of links that hold no more, and of those that may ask other things."""
        forgotten_at = asyncio.get_running_loop().time() - _REMEMBERED_S
        for share_id, use in list(self._uses.items()):
            if use.readers:
                await self._look_at(use)
            elif use.used_at < forgotten_at:
                del self._uses[share_id]

    async def _look_at(self, use: _Use) -> None:
        try:
            opened = await self._shares.reopen(use.share)
        except NowlineError as error:
            if error.code is not Code.UNAUTHENTICATED:
                raise
            self.revoked(use.share.id)
            return
        asks = opened.permitted().asks
        if asks != use.asks:
            use.asks = asks
            self._close(use.share.id, _RESTARTS, "the dashboard was changed")

    def _use(self, opened: Opened, now_s: float) -> _Use:
        use = self._uses.get(opened.share.id)
        if use is None:
            use = _Use(opened.share, opened.permitted().asks, now_s)
            self._uses[opened.share.id] = use
        use.used_at = now_s
        return use

    def _close(self, share_id: str, code: int, reason: str) -> None:
        use = self._uses.get(share_id)
        for reader in [] if use is None else use.readers:
            reader.close(code, reason)
