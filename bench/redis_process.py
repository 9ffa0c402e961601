"""A real Redis in a process of its own, which keeps what it was told however it ends."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

import redis

_START_S = 30


class RedisProcess:
    """Redis on a free port, with `appendfsync always` unless told otherwise."""

    def __init__(self, appendfsync: str = "always") -> None:
        self._folder = tempfile.mkdtemp(prefix="nowline-bench-redis-")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self._port = listener.getsockname()[1]
        self._appendfsync = appendfsync
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its first database."""
        return f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start, and wait until it answers."""
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "Redis is not installed"
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", ""]
        options += ["--appendonly", "yes", "--appendfsync", self._appendfsync]
        options += ["--dir", self._folder]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        until = time.monotonic() + _START_S
        while not self._answers():
            assert time.monotonic() < until, "Redis did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """End at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
