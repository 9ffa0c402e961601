"""Who gets in: the one guard of all routes, the door of the streams, and the security headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import parse_qs, urlsplit

from litestar.enums import ScopeType

from nowline.auth.policy import Action, allows
from nowline.errors import Code, NowlineError
from nowline.model.user import Caller, Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from litestar import Litestar
    from litestar.connection import ASGIConnection
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from nowline.auth.service import Auth

    Guard = Callable[[ASGIApp], ASGIApp]


class Links(Protocol):
    """Opens links to dashboards."""

    async def enter(self, scope: Mapping[str, Any]) -> object:
        """What the request's link shows.

        Raises:
            NowlineError: It has none that holds.
        """
        ...


_REFUSALS = {
    Code.UNAUTHENTICATED: "Send an access token or an API key: 'Authorization: Bearer …'.",
    Code.FORBIDDEN: "You are not allowed to do this.",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "frame-ancestors {ancestors}; base-uri 'none'; form-action 'self'"
)
_SECURITY_HEADERS = (
    (b"content-security-policy", _POLICY.format(ancestors="'none'").encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_NO_STORE = (b"cache-control", b"no-store")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def require(auth: Auth, links: Links | None = None) -> Guard:
    """The guard before every route: its `opt={"action": …}` decides.

    A route without an action is open to nobody, except that anyone may ask for its OPTIONS.
    Streams (`opt={"stream": True}`) are let through: they call `admit_stream` themselves.

    It is a middleware: for what the framework calls a guard, it copies the handler each time.

    Args:
        auth: Knows users and keys.
        links: Opens what is asked for by links to dashboards.
    """

    def guard(app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            opt = scope["route_handler"].opt
            if _is_open(opt, scope):
                await app(scope, receive, send)
                return
            if opt.get("action") is Action.SHARED and links is not None:
                scope["state"]["opened"] = await links.enter(scope)
            else:
                scope["state"]["principal"] = await admit(scope, auth, opt.get("action"))
            await app(scope, receive, send)

        return guarded

    return guard


async def admit(scope: Mapping[str, Any], auth: Auth, action: Action | None) -> Principal:
    """Who asks for this, by the `Authorization` header.

    Raises:
        NowlineError: Nobody who is known, or nobody who may.
    """
    return _admit(await auth.authenticate(authorization(scope)), action)


async def admit_stream(scope: Mapping[str, Any], auth: Auth) -> Principal:
    """Who opens a stream: by the `Authorization` header, or else by `?ticket=`.

    Raises:
        NowlineError: Neither is there or valid, it may not read, or the page that opens the
            WebSocket is of another site.
    """
    if scope["type"] == "websocket":
        check_origin(dict(scope["headers"]))
    credential = authorization(scope)
    if credential is not None:
        principal = await auth.authenticate(credential)
    else:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        ticket = query.get("ticket")
        principal = await auth.redeem_ticket(ticket[0]) if ticket else None
    return _admit(principal, Action.READ)


def principal_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Principal:
    """Who the guard has let in."""
    return cast("Principal", connection.scope["state"]["principal"])


def caller(connection: ASGIConnection[Any, Any, Any, Any]) -> Caller:
    """Who asks for a change, for the audit trail."""
    return Caller(principal_of(connection).name, address(connection))


def address(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The address that a request comes from."""
    return None if connection.client is None else connection.client.host


def policy_for(ancestors: Iterable[str]) -> str:
    """The content security policy of a document that these origins may show in a frame."""
    return _POLICY.format(ancestors=" ".join(ancestors))


def undeclared(app: Litestar) -> list[str]:
    """The routes that say nothing about who may call them: there must be none."""
    return sorted(
        f"{route.path} ({handler})"
        for route in app.routes
        for handler in _handlers(route)
        if not isinstance(handler.opt.get("action"), Action)
    )


def secure_headers(app: ASGIApp) -> ASGIApp:
    """Wrap an application so that every HTTP response says what a browser must not do."""

    async def secured(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        private = scope["path"].startswith("/api/")
        encrypted = scope["scheme"] == "https"

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_security(message["headers"], private, encrypted)
            await send(message)

        await app(scope, receive, send_secured)

    return secured


def security_headers(scope: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """What `secure_headers` adds, for a handler that writes its response by itself."""
    private = scope["path"].startswith("/api/")
    return _with_security([], private, scope["scheme"] == "https")


def _with_security(
    headers: Any,  # noqa: ANN401 - any iterable of pairs, as ASGI has it
    private: bool,
    encrypted: bool,
) -> list[tuple[bytes, bytes]]:
    # What a handler says of itself stands: a browser would take two policies for both.
    said = {name.lower() for name, _ in headers}
    secured = [*headers, *(each for each in _SECURITY_HEADERS if each[0] not in said)]
    if encrypted:
        secured.append(_HSTS)
    if private and not any(name.lower() == b"cache-control" for name, _ in headers):
        secured.append(_NO_STORE)
    return secured


def _admit(principal: Principal | None, action: Action | None) -> Principal:
    refusal = Code.FORBIDDEN if action is None else allows(principal, action)
    if refusal is not None or principal is None:
        code = refusal or Code.UNAUTHENTICATED
        raise NowlineError(code, _REFUSALS[code])
    return principal


def _is_open(opt: Mapping[str, Any], scope: Mapping[str, Any]) -> bool:
    is_public = opt.get("action") is Action.PUBLIC
    return is_public or bool(opt.get("stream")) or scope.get("method") == "OPTIONS"


def authorization(scope: Mapping[str, Any]) -> str | None:
    """The `Authorization` header of a request."""
    found = (value for name, value in scope["headers"] if name == b"authorization")
    value: bytes | None = next(found, None)
    return None if value is None else value.decode("latin-1")


def _handlers(route: Any) -> Iterator[Any]:  # noqa: ANN401 - three kinds without a common type
    """The handlers of a route but the one for OPTIONS, which the framework adds to each."""
    every = getattr(route, "route_handlers", None) or [route.route_handler]
    yield from (each for each in every if getattr(each, "http_methods", None) != {"OPTIONS"})


def check_origin(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a WebSocket that another site's page opens; programs send no `Origin`."""
    origin = headers.get(b"origin")
    if origin is None:
        return
    page = _host_and_port(origin.decode("latin-1"))
    scheme = origin.partition(b"://")[0]
    here = _host_and_port((scheme + b"://" + headers.get(b"host", b"")).decode("latin-1"))
    if page is None or page != here:
        raise NowlineError(Code.FORBIDDEN, "A page of another site may not connect.")


def _host_and_port(url: str) -> tuple[str, int] | None:
    """Where a URL leads; None if it is none of the web's, such as the `null` of a sandbox."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
