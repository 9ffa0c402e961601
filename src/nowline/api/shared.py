"""What whoever holds a link to a dashboard sees: it and the data of its widgets, and no more.

These routes know no users and no keys. The token of the link, in the `Authorization` header, or a
ticket that was got with it, is all that opens them; and it opens nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

import msgspec
from litestar import Request, Response, asgi, get, post
from litestar.di import NamedDependency
from litestar.enums import ScopeType
from litestar.params import JSONBody
from litestar.types import Receive, Scope, Send

from nowline.api.auth import Ticket
from nowline.api.connections import STREAM, Conversation, Sockets, parameters_of, refuse
from nowline.api.etags import etag, is_known
from nowline.api.guard import authorization, check_origin
from nowline.api.leaving import while_there
from nowline.api.link_streams import LinkStreams, holder
from nowline.api.live import Live, Visit
from nowline.api.metrics import answer_bytes, prefers_csv
from nowline.api.tables import MEDIA_TYPE as CSV
from nowline.api.tables import to_csv
from nowline.auth import tickets
from nowline.auth.policy import Action
from nowline.auth.tickets import Tickets
from nowline.clock import Clock, rfc3339
from nowline.dashboards.content import query_of
from nowline.dashboards.permitted import Permitted
from nowline.dashboards.shares import Opened, Shares, closed
from nowline.errors import Code, NowlineError
from nowline.live import commands
from nowline.live.commands import INTERVALS_MS, Wanted
from nowline.live.reader import Reader
from nowline.model.dashboard import Widget
from nowline.model.query import Query
from nowline.model.share import Share
from nowline.model.user import Principal
from nowline.query.engine import Engine

_SHARED = {"action": Action.SHARED}
_STREAM = {**STREAM, "action": Action.SHARED}
_TAGS = ["sharing"]
_USUAL = "1s"
_UNSEEN = {"x-robots-tag": "noindex, nofollow"}


class SharedDashboard(msgspec.Struct):
    """A dashboard as a link shows it.

    Attributes:
        name: What it is called.
        description: What it is for.
        widgets: Its widgets, each query narrowed to the filters.
        refresh_interval: How often it is refreshed; null for `1s`.
        filters: By tag, the values that its queries are narrowed to.
        look_back: How far back it shows what names no span of its own, in milliseconds.
        expires_at: When the link ends, RFC 3339; null for never.
    """

    name: str
    description: str | None
    widgets: list[Widget]
    refresh_interval: str | None
    filters: dict[str, list[str]]
    look_back_ms: int
    expires_at: str | None


class SharedViews:
    """Serves those who hold links.

    Args:
        shares: Opens links.
        streams: Counts what they do.
        live: Serves live connections.
        sockets: Holds the WebSockets.
        clock: Where the time comes from.
    """

    def __init__(
        self, shares: Shares, streams: LinkStreams, live: Live, sockets: Sockets, clock: Clock
    ) -> None:
        self._shares = shares
        self.streams = streams
        self._live = live
        self._sockets = sockets
        self._clock = clock
        self._tickets = Tickets[Share]()

    async def enter(self, scope: Mapping[str, Any]) -> Opened:
        """What the request's link shows.

        Raises:
            NowlineError: UNAUTHENTICATED without one that holds; LIMITED when it is asked too
                often.
        """
        scheme, _, token = (authorization(scope) or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise closed()
        opened = await self._shares.open(token.strip())
        self.streams.enter(opened)
        return opened

    def issue_ticket(self, opened: Opened) -> str:
        """A single-use ticket that opens one stream of a link."""
        return self._tickets.issue(opened.share, self._clock.now_ms())

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`WS /ws/shared`."""
        entered: list[Opened] = []

        async def admitting(scope: Scope) -> Principal:
            check_origin(dict(scope["headers"]))
            entered.append(await self._redeemed(scope))
            return holder(entered[0].share)

        async def opening() -> Conversation:
            return self._conversation(entered[0].permitted())

        await self._sockets.serve(scope, receive, send, opening, admitting)

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`GET /api/v1/shared/stream`."""
        await self._live.stream(scope, receive, send, self._visiting)

    async def poll(self, opened: Opened, parameters: Mapping[str, str]) -> Response[bytes]:
        """`GET /api/v1/shared/poll`."""
        wanted = self._wanted(opened, parameters)
        return await self._live.polled(wanted, parameters.get("cursor"))

    def check(self, opened: Opened, query: Query) -> None:
        """Refuse a question that no widget asks.

        Raises:
            NowlineError: FORBIDDEN.
        """
        opened.permitted().check(query, self._clock.now_ms())

    def _conversation(self, permitted: Permitted) -> Conversation:
        async def hear(reader: Reader, text: str | bytes) -> None:
            await self._live.answer(reader, text, lambda wanted: self._permit(permitted, wanted))

        async def begin(reader: Reader) -> None:
            self.streams.begins(reader)

        return Conversation(hear, begin, self.streams.ends)

    async def _visiting(self, scope: Scope) -> Visit:
        opened = await self._redeemed(scope)
        wanted = self._wanted(opened, parameters_of(scope))
        principal = holder(opened.share)
        return Visit(principal, wanted, self.streams.begins, self.streams.ends)

    async def _redeemed(self, scope: Scope) -> Opened:
        """What the link or the ticket of a stream shows."""
        if authorization(scope) is not None:
            opened = await self.enter(scope)
        else:
            ticket = parameters_of(scope).get("ticket", "")
            share = self._tickets.redeem(ticket, self._clock.now_ms())
            if share is None:
                raise closed()
            opened = await self._shares.reopen(share)
        self.streams.check_room(opened)
        return opened

    def _wanted(self, opened: Opened, parameters: Mapping[str, str]) -> list[Wanted]:
        """The channels that are listed, or without a list those of all widgets."""
        permitted = opened.permitted()
        listed = parameters.get("subscriptions")
        if listed is None:
            return _every(permitted.widgets, opened.dashboard.content.refresh_interval)
        wanted = commands.listed(listed)
        for each in wanted:
            self._permit(permitted, each)
        return wanted

    def _permit(self, permitted: Permitted, wanted: Wanted) -> None:
        if wanted.query is None:
            detail = "This link shows its dashboard, and no list of metrics."
            raise NowlineError(Code.FORBIDDEN, detail)
        permitted.check(wanted.query, self._clock.now_ms(), wanted.interval_ms)


@get("/api/v1/shared", opt=_SHARED, tags=_TAGS)
async def shared_dashboard(
    request: Request[Any, Any, Any],
) -> Response[SharedDashboard | None]:
    """Get the dashboard of a link; with `If-None-Match` only if it was changed."""
    opened = _opened(request)
    version = opened.dashboard.version
    headers = {"etag": etag(version), **_UNSEEN}
    if is_known(request.headers.get("if-none-match"), version):
        return Response(None, status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(_view(opened), headers=headers)


@post("/api/v1/shared/ticket", status_code=200, opt=_SHARED, tags=_TAGS)
async def shared_ticket(
    request: Request[Any, Any, Any], shared: NamedDependency[SharedViews]
) -> Ticket:
    """Get a ticket with which a browser opens one stream of a link."""
    return Ticket(shared.issue_ticket(_opened(request)), tickets.LIFETIME_S)


@post("/api/v1/shared/query", status_code=200, opt=_SHARED, tags=_TAGS)
async def shared_query(
    request: Request[Any, Any, Any],
    data: JSONBody[Query],
    shared: NamedDependency[SharedViews],
    engine: NamedDependency[Engine],
) -> Response[Any]:
    """Ask what a widget of the dashboard asks, of a span of time that the link shows."""
    started = time.perf_counter()
    shared.check(_opened(request), data)
    answer = await while_there(request, engine.ask(data))
    if prefers_csv(request.headers.get("accept", "")):
        return Response(to_csv(answer.points, answer.plan.group_by), media_type=CSV)
    return Response(answer_bytes(answer, started), media_type="application/json")


@get("/api/v1/shared/poll", opt=_SHARED, tags=_TAGS)
async def shared_poll(
    request: Request[Any, Any, Any], shared: NamedDependency[SharedViews]
) -> Response[Any]:
    """Watch the dashboard of a link by asking again: the frames since `cursor`, and the next one.

    All widgets that ask something, each under its id; or those of `subscriptions`, a JSON list as
    the WebSocket takes them.
    """
    return await shared.poll(_opened(request), parameters_of(request.scope))


@asgi("/ws/shared", opt=_STREAM, copy_scope=False)
async def shared_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Watch the dashboard of a link over a WebSocket."""
    await _views(scope).websocket(scope, receive, send)


@asgi("/api/v1/shared/stream", opt=_STREAM, copy_scope=False)
async def shared_stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Watch the dashboard of a link over Server-Sent Events."""
    if scope["type"] != ScopeType.HTTP:
        wrong = NowlineError(Code.INVALID, "This address speaks Server-Sent Events only.")
        await refuse(scope, send, wrong, "websocket.http")
        return
    await _views(scope).stream(scope, receive, send)


def _opened(request: Request[Any, Any, Any]) -> Opened:
    """What the guard has opened."""
    return cast("Opened", request.scope["state"]["opened"])


def _views(scope: Scope) -> SharedViews:
    return cast("SharedViews", scope["litestar_app"].state.shared)


def _view(opened: Opened) -> SharedDashboard:
    content, share, permitted = opened.dashboard.content, opened.share, opened.permitted()
    return SharedDashboard(
        name=content.name,
        description=content.description,
        widgets=permitted.widgets,
        refresh_interval=content.refresh_interval,
        filters=permitted.filters,
        look_back_ms=share.look_back_ms,
        expires_at=None if share.expires_at is None else rfc3339(share.expires_at),
    )


def _every(widgets: list[Widget], refresh_interval: str | None) -> list[Wanted]:
    every_ms = INTERVALS_MS[refresh_interval or _USUAL]
    asked = ((widget.id, query_of(widget)) for widget in widgets)
    return [Wanted(name, query, every_ms) for name, query in asked if query is not None]


routes = [
    shared_dashboard,
    shared_ticket,
    shared_query,
    shared_poll,
    shared_websocket,
    shared_stream,
]
