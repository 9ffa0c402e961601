"""HEAD: the answer of GET without its body (RFC 9110, section 9.3.2)."""

from __future__ import annotations

from collections.abc import Collection

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send


def answer_head(app: ASGIApp, *, streams: Collection[str]) -> ASGIApp:
    """Wrap an application so that whatever answers GET answers HEAD too.

    Args:
        app: The application, which knows GET only.
        streams: Paths that never end their answer to GET, and so refuse HEAD by themselves.
    """

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD" or scope["path"] in streams:
            await app(scope, receive, send)
            return

        request = scope

        async def send_head(message: Message) -> None:
            # The server leaves the body out, and knows the method from this very scope.
            request["method"] = "HEAD"
            await send(message)

        request["method"] = "GET"
        await app(scope, receive, send_head)

    return answered
