"""Records each request of an ASGI application: Starlette, FastAPI, Litestar, Quart and others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any

from nowline_client.client import Nowline
from nowline_client.requests import Resolver, Visit, Visitors, normalised

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# The client went away before it was answered; nginx's number for that.
_CLIENT_CLOSED_REQUEST = 499


class NowlineASGI:
    """Records each HTTP request, until its last byte is sent, as an API_CALL event.

    When the application shuts down, what is recorded is delivered.

    Its endpoint is the route's template where the framework says it in the scope, else the path
    with `{id}` for what looks like an identifier. Resolvers are asked after the request, so that
    they find what the application has put into the scope: `lambda scope: scope["user"].id`.

    Args:
        app: The application.
        client: Where requests are recorded.
        user: Gives who a scope's request is from.
        organization: Gives for which organization.
        session: Gives in which session.
        exclude: Paths not to record; one that ends in `*` stands for all that begin so.
    """

    def __init__(
        self,
        app: Application,
        client: Nowline,
        *,
        user: Resolver[Scope] | None = None,
        organization: Resolver[Scope] | None = None,
        session: Resolver[Scope] | None = None,
        exclude: Collection[str] = (),
    ) -> None:
        self._app = app
        self._client = client
        self._visitors = Visitors(
            client, user=user, organization=organization, session=session, exclude=exclude
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and record it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._flushing(send))
            return
        if scope["type"] != "http" or self._visitors.leaves_out(scope["path"]):
            await self._app(scope, receive, send)
            return
        visit = Visit(scope["method"], scope["path"])

        async def note_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        except asyncio.CancelledError as error:
            visit.failed(error, _CLIENT_CLOSED_REQUEST)
            raise
        except BaseException as error:
            visit.failed(error)
            raise
        finally:
            self._record(scope, visit)

    def _flushing(self, send: Send) -> Send:
        # Servers may end by a signal that leaves Python no time for what it does at its end.
        async def flush_at_the_end(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                await asyncio.to_thread(self._client.flush, self._client.exit_timeout)
            await send(message)

        return flush_at_the_end

    def _record(self, scope: Scope, visit: Visit) -> None:
        client = scope.get("client")
        visit.route = _route(scope)
        self._visitors.record(
            scope,
            visit,
            address=client[0] if client else None,
            agent=_agent(scope),
        )


def _route(scope: Scope) -> str | None:
    """The template of the route, below where other applications are mounted."""
    route = scope.get("route")
    # FastAPI's routers know their own paths, and these contexts what they are included under.
    context = (scope.get("fastapi") or {}).get("effective_route_context")
    if context is not None and context.original_route is route:
        route = context
    template = getattr(route, "path", None)
    if not isinstance(template, str):
        return None
    root: str = scope.get("root_path", "")
    mounted = root[len(scope.get("app_root_path", root)) :]
    return normalised(mounted) + template


def _agent(scope: Scope) -> str | None:
    headers: Mapping[bytes, bytes] = dict(scope.get("headers", ()))
    agent = headers.get(b"user-agent")
    return None if agent is None else agent.decode("latin-1")
