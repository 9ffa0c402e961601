"""Following what people do, as it happens, in rooms of its kinds."""

from __future__ import annotations

from litestar import asgi
from litestar.types import Receive, Scope, Send

from nowline.activity.rooms import rooms_named
from nowline.api.connections import STREAM, Conversation, Sockets, parameters_of
from nowline.live.reader import Reader
from nowline.live.rooms import Rooms
from nowline.model.moment import zone_named


class LiveActivity:
    """Serves viewers of what people do: whoever may read events may follow them.

    Args:
        rooms: Where they are told.
        sockets: Holds their connections.
    """

    def __init__(self, rooms: Rooms, sockets: Sockets) -> None:
        self.rooms = rooms
        self._sockets = sockets

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`WS /ws/activity`."""

        async def opening() -> Conversation:
            parameters = parameters_of(scope)
            chosen = rooms_named(parameters.get("rooms", ""))
            zone = zone_named(parameters.get("timezone", "UTC"))

            async def begin(reader: Reader) -> None:
                self.rooms.enter(reader, chosen, zone)

            return Conversation(self._sockets.answer_ping, begin, self.rooms.leave)

        await self._sockets.serve(scope, receive, send, opening)


@asgi("/ws/activity", opt=STREAM, copy_scope=False)
async def activity(scope: Scope, receive: Receive, send: Send) -> None:
    """Follow what people do over a WebSocket."""
    live: LiveActivity = scope["litestar_app"].state.live_activity
    await live.websocket(scope, receive, send)


routes = [activity]
