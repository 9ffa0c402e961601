"""Real Redis servers for the tests, in folders of their own: one is shared by a test process."""

from __future__ import annotations

import atexit
import functools
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from free_port import free_port
from polling import eventually

PASSWORD = "a password / with @ and #"
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
"""The options of a Redis that keeps what it was told, however it ends."""
_DATABASES = 128


class RedisServer:
    """A Redis server on a free port; what it holds is on disk only if a client asks for that.

    Args:
        memory: What it may hold before it refuses to take more; empty for as much as there is.
        options: More options of the program; of two that are the same, the last one counts.
    """

    def __init__(self, memory: str = "", *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nowline-redis-"))
        self.port = free_port()
        self._memory = memory
        self._more = options
        self._process: subprocess.Popen[bytes] | None = None
        self._next = 0

    @property
    def url(self) -> str:
        """The first database."""
        return f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/0"

    def database(self) -> str:
        """The URL of a database that nobody used before."""
        self._next += 1
        assert self._next < _DATABASES
        return f"{self.url.removesuffix('0')}{self._next}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._process = subprocess.Popen(
            [_program(), *self._options()], stdout=subprocess.DEVNULL, cwd=self.folder
        )
        assert eventually(self._answers), "Redis did not start"

    def kill(self) -> None:
        """End at once, as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Let it hang: connections stay open, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """End, and leave no file behind."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder)

    def client(self, url: str = "") -> redis.Redis:
        """A client of a database, the first one unless told otherwise."""
        return redis.Redis.from_url(url or self.url)

    def _options(self) -> list[str]:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD]
        options += ["--save", "", "--appendonly", "no", "--databases", str(_DATABASES)]
        options += ["--dir", str(self.folder), "--maxmemory-policy", "noeviction"]
        return [*options, *(["--maxmemory", self._memory] if self._memory else []), *self._more]

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@functools.cache
def own_redis() -> RedisServer:
    """The server of this test process; whoever harms it starts one apart."""
    server = RedisServer()
    server.start()
    atexit.register(server.remove)
    return server


@functools.cache
def durable_redis() -> RedisServer:
    """One of this test process that has on disk whatever it said it had; nobody harms it."""
    server = RedisServer("", *DURABLE)
    server.start()
    atexit.register(server.remove)
    return server


def _program() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        pytest.fail("Redis is not installed: run tests/install-system-packages", pytrace=False)
    return found
