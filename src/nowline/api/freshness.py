"""Who was told that rows are taken in, sees them in the next answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send


def answer_fresh(
    app: ASGIApp, doors: Container[str], caught_up: Callable[[], Awaitable[None]]
) -> ASGIApp:
    """Wrap an application so that a question does not overtake rows that were acknowledged.

    Args:
        app: The application.
        doors: The paths where rows come in: nobody asks there.
        caught_up: Returns when what was acknowledged is to be seen; WebSockets wait for it when
            they subscribe.
    """

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["path"] not in doors:
            await caught_up()
        await app(scope, receive, send)

    return answered
