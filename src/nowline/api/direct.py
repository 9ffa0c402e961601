"""A short way to the routes that are asked most.

The framework describes every route and calls most of them; between a request and its handler it
does about 0.3 ms of work, which is more than some of these routes take (bench/query). A handler
with `opt={"direct": True}` is called from here instead, and cannot tell the difference: the same
guard, the same request, and errors told the same way. Its parameters are `request`, `data` and
services by name; it returns a `Response` of bytes or of nothing. A stream, which admits and answers
by itself, is called as the ASGI application that it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from litestar import Litestar, Response
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.routes import ASGIRoute, HTTPRoute
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from litestar.utils.path import normalize_path

from nowline.api.body import JsonRequest
from nowline.api.compressing import compress_json
from nowline.api.guard import admit
from nowline.api.problems import problem_bytes
from nowline.api.sent import HOLD
from nowline.auth.policy import Action
from nowline.auth.service import Auth
from nowline.ingest.admission import Admission

_TAKES_BODY: Final = "data"
_TAKES_REQUEST: Final = "request"


def answer_directly(
    app: Litestar, auth: Auth, services: Mapping[str, object], admission: Admission
) -> ASGIApp:
    """Wrap the application so that its direct routes are answered without it.

    Args:
        app: The application.
        auth: Tells who asks.
        services: What handlers may ask for by name.
        admission: Lets in what is sent to doors.
    """

    def direct(handler: HTTPRouteHandler) -> _Direct:
        is_door = handler.opt["action"] is Action.INGEST
        return _Door(handler, services, admission) if is_door else _Direct(handler, services)

    routes = {
        (str(method), route.path): direct(handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if handler.opt.get("direct")
    }

    streams = {
        route.path: route.route_handler.fn
        for route in app.routes
        if isinstance(route, ASGIRoute) and _is_direct(route)
    }

    others = compress_json(app)

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if (stream := streams.get(scope["path"])) is not None:
            scope["path_template"] = scope["path"]
            scope["litestar_app"] = app
            await stream(scope, receive, send)
        elif scope["type"] == ScopeType.HTTP and (route := _route(routes, scope)) is not None:
            await route.answer(scope, receive, send, auth)
        else:
            await others(scope, receive, send)

    return answered


def _is_direct(route: ASGIRoute) -> bool:
    """Whether a stream is asked for by its path alone."""
    handler = route.route_handler
    return bool(handler.opt.get("direct")) and not handler.is_mount


def _route(routes: Mapping[tuple[str, str], _Direct], scope: HTTPScope) -> _Direct | None:
    """The direct route of a request, if there is one; its path is set right on the way."""
    route = routes.get((scope["method"], scope["path"]))
    if route is None:
        # To the framework, more slashes are the same address.
        scope["path"] = normalize_path(scope["path"])
        route = routes.get((scope["method"], scope["path"]))
    return route


class _Direct:
    """One route.

    Args:
        handler: As the framework has it.
        services: What it may ask for by name.
    """

    def __init__(self, handler: HTTPRouteHandler, services: Mapping[str, object]) -> None:
        self._handler = handler
        self._call = handler.fn
        self._action = handler.opt["action"]
        names = set(inspect.signature(handler.fn).parameters)
        self._takes_body = _TAKES_BODY in names
        self._services = {name: services[name] for name in names - {_TAKES_BODY, _TAKES_REQUEST}}

    async def answer(self, scope: HTTPScope, receive: Receive, send: Send, auth: Auth) -> None:
        """Answer one request."""
        scope["path_template"] = scope["path"]
        try:
            principal = await admit(scope, auth, self._action)
            scope["state"] = {"principal": principal}
            response = await self._response(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - told to the client, and logged if unexpected
            await _send(send, *problem_bytes(error))
            return
        status = response.status_code or self._handler.status_code
        headers = response.headers
        if status != HTTPStatus.NO_CONTENT:
            headers = {"content-type": _content_type(response), **headers}
        await _send(send, status, headers, response.content or b"")

    async def _response(
        self, scope: HTTPScope, receive: Receive, send: Send
    ) -> Response[bytes | None]:
        # What a request asks its handler for: the type of the body, and how long that may be.
        scope["route_handler"] = self._handler
        request = JsonRequest(scope, receive, send)
        given = {_TAKES_REQUEST: request, **self._services}
        if self._takes_body:
            given[_TAKES_BODY] = await request.json()
        found: Response[bytes | None] = await self._call(**given)
        return found


class _Door(_Direct):
    """A route where rows come in: its body is held within the limits until it is answered.

    Args:
        handler: As the framework has it.
        services: What it may ask for by name.
        admission: The limits.
    """

    def __init__(
        self, handler: HTTPRouteHandler, services: Mapping[str, object], admission: Admission
    ) -> None:
        super().__init__(handler, services)
        self._admission = admission

    async def _response(self, scope: HTTPScope, receive: Receive, send: Send) -> Response[Any]:
        with self._admission.admit(scope["state"]["principal"].id) as hold:
            scope["state"][HOLD] = hold
            return await super()._response(scope, receive, send)


def _content_type(response: Response[Any]) -> str:
    media_type = str(response.media_type)
    is_text = media_type.startswith("text/")
    return f"{media_type}; charset={response.encoding}" if is_text else media_type


async def _send(send: Send, status: int, headers: Mapping[str, Any], body: bytes) -> None:
    raw = [(name.lower().encode(), str(value).encode("latin-1")) for name, value in headers.items()]
    if status != HTTPStatus.NO_CONTENT:  # RFC 9110, section 8.6
        raw.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": False})
