"""Servers that tell many readers the same 1.4 KB: Nowline, the limit, and other products.

`apt-get install nginx libnginx-mod-nchan` and Node.js for those; one that is not installed is left
out. None but Nowline asks who connects.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import psutil

from bench.compiling import compiled
from bench.cores import SERVER, on
from bench.free_port import free_port
from bench.load_client import Wanted
from bench.product import INGEST_KEY, Product, product

WEBSOCKET, EVENT_STREAM = "ws", "sse"
# Makes a message of 1.4 KB with what is around it.
_FILL_BYTES = 1365
_POINTS = 16
_METRIC = "bench.fanout"
_NODE_PEERS = Path(__file__).parent / "node_peers"
_NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
_NCHAN = """
load_module {module};
user {user};
daemon off;
pid {folder}/nginx.pid;
error_log stderr crit;
worker_processes 1;
worker_rlimit_nofile {files};
events {{ worker_connections {files}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /pub {{
            nchan_publisher;
            nchan_channel_id bench;
            nchan_message_buffer_length 1;
        }}
        location = /sub {{
            nchan_subscriber;
            nchan_channel_id bench;
            nchan_subscriber_first_message newest;
        }}
    }}
}}
"""
_OPENING = """Host: 127.0.0.1
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Version: 13"""
_LISTENING = "Host: 127.0.0.1\nAccept: text/event-stream"


class Server(ABC):
    """A running server.

    Attributes:
        name: As people call it.
        protocols: What readers may come by.
    """

    name: str
    protocols: Sequence[str] = (WEBSOCKET, EVENT_STREAM)

    @classmethod
    def is_installed(cls) -> bool:
        """Whether it can be run here."""
        return True

    @abstractmethod
    def wanted(self, protocol: str) -> Wanted:
        """What each reader asks for."""

    @abstractmethod
    def publish(self) -> None:
        """Tell all readers something."""

    @property
    @abstractmethod
    def process(self) -> psutil.Process:
        """It; what it started counts as well."""

    def cpu_s(self) -> float:
        """Seconds of CPU that it has used so far."""
        return sum(used.user + used.system for used in (p.cpu_times() for p in self._processes))

    def memory_mb(self) -> float:
        """Its resident memory."""
        return float(sum(process.memory_info().rss for process in self._processes) / 1e6)

    @cached_property
    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


class Nowline(Server):
    """The whole product: points come in over HTTP, a query is watched.

    Args:
        running: It.
        interval: How often the query is looked at.

    Attributes:
        key: An API key that may read.
    """

    name = "Nowline"

    def __init__(self, running: Product, interval: str) -> None:
        self._running = running
        self._interval = interval
        self.key = running.reader_key()
        headers = {"authorization": f"Bearer {INGEST_KEY}"}
        self._client = httpx.Client(base_url=running.url, headers=headers)
        self.publish()

    @property
    def process(self) -> psutil.Process:
        """It."""
        return self._running.process

    def wanted(self, protocol: str) -> Wanted:
        """One query with a value for each of 16 tags."""
        query = {
            "metric_name": _METRIC,
            "aggregation": "last",
            "group_by": ["n"],
            "time_range": {"last": "1m"},
        }
        asked = {"type": "subscribe", "id": "w", "query": query, "interval": self._interval}
        bearer = f"\nAuthorization: Bearer {self.key}"
        if protocol == WEBSOCKET:
            head = f"GET /ws/analytics HTTP/1.1\n{_OPENING}{bearer}"
        else:
            listed = quote(json.dumps([asked]))
            path = f"/api/dashboard/stream?subscriptions={listed}"
            head = f"GET {path} HTTP/1.1\n{_LISTENING}{bearer}"
        messages = [json.dumps(asked)] if protocol == WEBSOCKET else []
        port = urlsplit(self._running.url).port or 80
        return Wanted(port, protocol, head, messages, '"published_at":', '"value":')

    def publish(self) -> None:
        """A point for each tag, with the time as its value."""
        now = time.time_ns() // 1000
        rows = [{"name": _METRIC, "value": now, "tags": {"n": f"{n:02d}"}} for n in range(_POINTS)]
        self._client.post("/api/v1/ingest/metrics", json={"metrics": rows}).raise_for_status()


class _Program(Server):
    """A program that listens where its first line says, and publishes for each line it is given."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        with on(SERVER):
            self._running = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._running.stdout is not None
        self.port = int(self._running.stdout.readline())

    @property
    def process(self) -> psutil.Process:
        """It."""
        return psutil.Process(self._running.pid)

    def wanted(self, protocol: str) -> Wanted:
        """What is told to whoever connects."""
        opening = _OPENING if protocol == WEBSOCKET else _LISTENING
        return Wanted(self.port, protocol, f"GET /{protocol} HTTP/1.1\n{opening}")

    def publish(self) -> None:
        """Say so."""
        assert self._running.stdin is not None
        self._running.stdin.write("\n")
        self._running.stdin.flush()

    def stop(self) -> None:
        """End it."""
        self._running.communicate(timeout=20)


class Limit(_Program):
    """What the machine can do (`fanout_limit.c`)."""

    name = "C send() loop"

    def __init__(self, folder: Path) -> None:
        super().__init__([compiled("fanout_limit", folder), str(_FILL_BYTES)])


class NodeWs(_Program):
    """npm's `ws`."""

    name = "Node ws"
    protocols = (WEBSOCKET,)
    script = "ws.js"

    def __init__(self, _: Path) -> None:
        super().__init__(["node", _NODE_PEERS / self.script, str(_FILL_BYTES)])

    @classmethod
    def is_installed(cls) -> bool:
        """Whether there is a Node.js to run it; its packages are installed where they are not."""
        if shutil.which("node") is None or shutil.which("npm") is None:
            return False
        if not (_NODE_PEERS / "node_modules").exists():
            command = ["npm", "--prefix", str(_NODE_PEERS), "ci", "--no-audit", "--no-fund"]
            subprocess.run(command, check=True)
        return True


class SocketIo(NodeWs):
    """npm's `socket.io`, over WebSocket."""

    name = "Socket.IO"
    script = "socket_io.js"

    def wanted(self, protocol: str) -> Wanted:
        """A WebSocket of engine.io, and the packet that connects."""
        path = "/socket.io/?EIO=4&transport=websocket"
        return Wanted(self.port, protocol, f"GET {path} HTTP/1.1\n{_OPENING}", ["40"])


class Nchan(Server):
    """nginx with the module nchan."""

    name = "nginx + nchan"

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        config = folder / "nginx.conf"
        user = Path(folder).owner()
        config.write_text(
            _NCHAN.format(
                folder=folder, port=self._port, user=user, module=_NCHAN_MODULE, files=16_000
            )
        )
        command = ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(config)]
        with on(SERVER):
            self._running = subprocess.Popen(command)
        transport = httpx.HTTPTransport(retries=5)
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{self._port}", transport=transport, timeout=30
        )
        self.publish()

    @classmethod
    def is_installed(cls) -> bool:
        """Whether Debian's packages are."""
        return shutil.which("nginx") is not None and _NCHAN_MODULE.exists()

    @property
    def process(self) -> psutil.Process:
        """Its master; the worker is its child."""
        return psutil.Process(self._running.pid)

    def wanted(self, protocol: str) -> Wanted:
        """The one channel."""
        opening = _OPENING if protocol == WEBSOCKET else _LISTENING
        return Wanted(self._port, protocol, f"GET /sub HTTP/1.1\n{opening}")

    def publish(self) -> None:
        """Post a message."""
        message = {"at": time.time_ns() // 1000, "fill": "x" * _FILL_BYTES}
        body = json.dumps(message, separators=(",", ":"))
        self._client.post("/pub", content=body).raise_for_status()

    def stop(self) -> None:
        """End it."""
        self._running.terminate()
        self._running.wait(20)


@contextmanager
def nowline(interval: str) -> Iterator[Server]:
    """The product on an empty folder."""
    with ExitStack() as stack:
        with on(SERVER):
            running = stack.enter_context(product())
        yield Nowline(running, interval)


@contextmanager
def peer(kind: type[Limit | NodeWs | SocketIo | Nchan]) -> Iterator[Server]:
    """Another server."""
    with tempfile.TemporaryDirectory() as folder:
        running = kind(Path(folder))
        try:
            yield running
        finally:
            running.stop()
