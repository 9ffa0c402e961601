"""Watching one KPI: its value at once, and again at the end of each period."""

from __future__ import annotations

from litestar import asgi
from litestar.types import Receive, Scope, Send

from nowline.api.connections import STREAM, Conversation, Sockets, parameters_of
from nowline.errors import invalid
from nowline.live.kpis import KpiUpdates
from nowline.live.reader import Reader
from nowline.model.kpi import Period

_MOST_SHOWN = 40


class LiveKpi:
    """Serves viewers of KPIs.

    Args:
        updates: Evaluates what they watch.
        sockets: Holds their connections.
    """

    def __init__(self, updates: KpiUpdates, sockets: Sockets) -> None:
        self.updates = updates
        self._sockets = sockets

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`WS /ws/kpi/{code}`."""

        async def opening() -> Conversation:
            code = scope["path"].strip("/")
            period = _period(parameters_of(scope).get("period", Period.DAY.value))
            await self.updates.check(code)

            async def begin(reader: Reader) -> None:
                await self.updates.watch(reader, code, period)

            return Conversation(self._sockets.answer_ping, begin, self.updates.leave)

        await self._sockets.serve(scope, receive, send, opening)


def _period(text: str) -> Period:
    try:
        return Period(text)
    except ValueError:
        known = ", ".join(each.value for each in Period)
        raise invalid("period", f"`{text[:_MOST_SHOWN]}` is not one of {known}") from None


# A mount, because the framework fails on other methods where a stream's path has parameters.
@asgi("/ws/kpi", opt=STREAM, copy_scope=False, is_mount=True)
async def kpi(scope: Scope, receive: Receive, send: Send) -> None:
    """Watch a KPI over a WebSocket."""
    live: LiveKpi = scope["litestar_app"].state.live_kpi
    await live.websocket(scope, receive, send)


routes = [kpi]
