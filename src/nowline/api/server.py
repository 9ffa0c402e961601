"""The HTTP server: uvicorn, as Nowline needs it."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import uvicorn

from nowline import __version__
from nowline.api.arrival import Arrival
from nowline.api.express import Express
from nowline.api.guard import security_headers
from nowline.api.problems import problem_bytes
from nowline.api.upgrades import Upgrades
from nowline.auth.service import Auth
from nowline.live import transport
from nowline.live.hub import Hub
from nowline.live.keepalive import Keepalive
from nowline.live.websocket_protocol import WebSocketProtocol
from nowline.lock import DirectoryLock

_GRACE_S = 5


@dataclass(frozen=True, slots=True)
class Served:
    """What the server serves, and what it closes first when it stops."""

    app: transport.App
    express: Express
    upgrades: Upgrades
    hub: Hub
    auth: Auth


class Server(uvicorn.Server):
    """uvicorn, which says when it is ready and lets the live streams go when it stops."""

    def __init__(self, served: Served, lock: DirectoryLock, address: str) -> None:
        super().__init__(_uvicorn(served))
        self._served = served
        self._lock = lock
        self._address = address

    @contextlib.contextmanager
    def capture_signals(self) -> Any:  # noqa: ANN401 - the signals are handled by `serve`
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        await super().startup(sockets)
        self._lock.announce(self._address)
        token = await self._served.auth.setup_token()
        print(f"Nowline {__version__} listening on {self._address}", flush=True)  # noqa: T201
        if token is not None:
            print(f"Set up the first admin at {self._address}/setup#token={token}", flush=True)  # noqa: T201

    def stop(self) -> None:
        """Take no more connections, end the streams, answer what was asked."""
        self._served.hub.close()
        self.should_exit = True


def _uvicorn(served: Served) -> uvicorn.Config:
    return uvicorn.Config(
        served.app,
        # Called as a class is.
        http=cast("type[Arrival]", partial(Arrival, served.express, served.upgrades)),
        ws=cast("type[WebSocketProtocol]", partial(WebSocketProtocol, Keepalive(), _refusal)),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=4096,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _refusal(error: Exception) -> tuple[int, dict[str, str], bytes]:
    """How a request for a WebSocket is refused that no route has seen."""
    status, headers, body = problem_bytes(error)
    secured = security_headers({"path": "", "scheme": ""})
    return status, headers | {name.decode(): value.decode() for name, value in secured}, body
