"""A short way for the WebSockets of viewers: no task, no ASGI, one write.

After a restart all viewers come back at once. Who asks, from where, and for what, is looked at by
the same functions as on the long way; what is to be waited for, refused or told in another way
takes that one.

The heads of one browser's requests, or one program's, differ in the key of the handshake and in the
ticket. With these cut out, a head that was read before is recognised as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from nowline.api.guard import authorization, check_origin
from nowline.auth.policy import Action, allows
from nowline.errors import NowlineError
from nowline.live.handshake import accept, shake
from nowline.live.turns import Turns

if TYPE_CHECKING:
    from nowline.auth.service import Auth
    from nowline.collect.requests import RequestStats
    from nowline.live.hub import Hub
    from nowline.live.websocket_protocol import WebSocketProtocol
    from nowline.model.user import Principal

ROUTE: Final = "/ws/analytics"
_PATH: Final = ROUTE.encode()
_SWITCHING: Final = 101

_HEAD_END: Final = b"\r\n\r\n"
# As browsers and most libraries spell it; a head with another spelling is read anew each time.
_KEY_NAME: Final = b"\r\nSec-WebSocket-Key: "
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==(?=\r\n)")
_TICKET: Final = re.compile(rb"ticket=([A-Za-z0-9_-]+)")
_TARGET: Final = re.compile(rb"GET %b\?%b " % (re.escape(_PATH), _TICKET.pattern))
_MOST_HEADS: Final = 1024
# WebSockets that are opened in one round of the loop: a millisecond or two of work.
_AT_ONCE: Final = 32
_MOST_HEAD_BYTES: Final = 2 << 10

Headers = Sequence[tuple[bytes, bytes]]


class Seat(Protocol):
    """Serves a WebSocket that is open, whose principal may read."""

    def __call__(
        self, connection: WebSocketProtocol, principal: Principal, /, *, deflates: bool
    ) -> None:
        """Serve it; see `Live.seat`."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plain request says, but for its key and its ticket.

    Attributes:
        authorization: The header; None where a ticket is to tell who asks.
        extensions: What the handshake agrees on; empty if messages are not compressed.
    """

    authorization: str | None
    extensions: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """A WebSocket that may be opened.

    Attributes:
        asked: What its request says.
        accept: What proves that the key was understood.
        ticket: The ticket that it comes by; empty without one.
        principal: Whose it is.
    """

    asked: Asked
    accept: bytes
    ticket: str
    principal: Principal


@dataclass(frozen=True, slots=True)
class _Cut:
    """A head with two holes.

    Attributes:
        rest: What is left of it, and whether there was a ticket.
        key: The key of the handshake.
        ticket: The ticket; empty without one.
    """

    rest: tuple[bytes, bool]
    key: bytes
    ticket: str


class Upgrades:
    """Opens WebSockets for `/ws/analytics`.

    Args:
        hub: Says whether there is room for one more.
        auth: Knows who asks.
        stats: Counts requests.
        seat: Serves what was opened.

    Attributes:
        turns: For whatever is opened this way.
    """

    def __init__(self, hub: Hub, auth: Auth, stats: RequestStats, seat: Seat) -> None:
        self._hub = hub
        self._auth = auth
        self._stats = stats
        self._seat = seat
        self._heads: dict[tuple[bytes, bool], Asked] = {}
        self.turns = Turns(_AT_ONCE)

    def knows(self, data: bytes) -> bool:
        """Whether the head of a request is one of those that were read before."""
        cut = _cut(data, data.find(_HEAD_END))
        return cut is not None and cut.rest in self._heads

    def recall(self, data: bytes) -> tuple[Opening, bytes] | None:
        """A request whose head is one of those that were read before, and what comes after it.

        Args:
            data: What came in, beginning with a request.
        """
        end = data.find(_HEAD_END)
        cut = _cut(data, end)
        asked = None if cut is None else self._heads.get(cut.rest)
        if cut is None or asked is None:
            return None
        opening = self._opening(asked, accept(cut.key), cut.ticket)
        return None if opening is None else (opening, data[end + len(_HEAD_END) :])

    def read(self, method: str, version: str, target: bytes, headers: Headers) -> Opening | None:
        """A request as one that may be opened; None if it has to take the long way.

        Args:
            method: Of the request.
            version: Of HTTP, such as `1.1`.
            target: Path and query, as sent.
            headers: Names in lower case, and values.
        """
        path, _, query = target.partition(b"?")
        ticket = _TICKET.fullmatch(query)
        if path != _PATH or (query and ticket is None):
            return None
        try:
            shaken = shake(method, version, headers)
            check_origin(dict(headers))
        except NowlineError:
            return None
        asked = Asked(authorization({"headers": headers}), shaken.extensions)
        return self._opening(asked, shaken.accept, ticket[1].decode() if ticket else "")

    def remember(self, data: bytes, rest: bytes, opening: Opening) -> None:
        """Know the head of a request again, if that is what came in.

        Args:
            data: What came in, beginning with the request.
            rest: What of it was left when the request had been read.
            opening: What the request came to.
        """
        end = data.find(_HEAD_END)
        cut = _cut(data, end)
        is_whole = len(data) - end - len(_HEAD_END) == len(rest)
        if cut is None or not is_whole or end > _MOST_HEAD_BYTES:
            return
        if len(self._heads) >= _MOST_HEADS:
            self._heads = {}
        self._heads[cut.rest] = opening.asked

    def seat(self, connection: WebSocketProtocol, opening: Opening) -> None:
        """Serve a connection that was opened in the same round of the loop."""
        if opening.asked.authorization is None:
            self._auth.spend_ticket(opening.ticket)
        self._seat(connection, opening.principal, deflates=bool(opening.asked.extensions))
        self._stats.count(ROUTE, "GET", _SWITCHING)

    def _opening(self, asked: Asked, proof: bytes, ticket: str) -> Opening | None:
        """What may be opened; None if it is not clear at once that it may."""
        try:
            self._hub.check_capacity()
        except NowlineError:
            return None
        if asked.authorization is not None:
            principal = self._auth.known(asked.authorization)
        else:
            principal = self._auth.known_holder(ticket)
        if principal is None or allows(principal, Action.READ) is not None:
            return None
        return Opening(asked, proof, ticket, principal)


def _cut(data: bytes, end: int) -> _Cut | None:
    """The head that ends there, with its holes; None if it is none that can be recognised."""
    at = data.find(_KEY_NAME, 0, end)
    key = _KEY.match(data, at + len(_KEY_NAME)) if at > 0 else None
    if key is None or key.end() > end:
        return None
    found = _TARGET.match(data)
    if found is None:
        return _Cut((data[: key.start()] + data[key.end() : end], False), key[0], "")
    rest = data[: found.start(1)] + data[found.end(1) : key.start()] + data[key.end() : end]
    return _Cut((rest, True), key[0], found[1].decode())
