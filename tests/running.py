"""A real server in a process of its own, for tests that speak to it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

ADMIN_EMAIL = "alice@example.com"
ADMIN_PASSWORD = "correct horse battery staple"
INGEST_KEY = "ingest-key-for-tests"
_LISTENING = re.compile(r"^Nowline \S+ listening on (http://\S+)$")


class Server:
    """`nowline up` on a free port and a folder of its own.

    Attributes:
        program: What Python runs.
        url: Where it listens, known once it is ready.
        folder: Its data folder.
    """

    program: Sequence[str] = ("-m", "nowline")

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.url = ""
        self._environment = _environment(folder, settings)
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def start(self) -> None:
        """Start and wait until it says that it listens."""
        log = (self.folder.parent / f"{self.folder.name}.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, *self.program, "up"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if match := _LISTENING.match(line.strip()):
                self.url = match[1]
                # From now on the same port, so that clients find the server after a restart.
                self._environment["NOWLINE_PORT"] = self.url.rpartition(":")[2]
                return
        self._ended()
        raise AssertionError(f"the server did not start: {self.log()}")

    def stop(self) -> int:
        """End it as an operator does; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> int:
        """End it as a crash does."""
        assert self.process is not None
        self.process.kill()
        return self._ended()

    def log(self) -> str:
        """What it wrote to its standard error so far."""
        return (self.folder.parent / f"{self.folder.name}.log").read_text()

    def client(self) -> httpx.Client:
        """A client without credentials."""
        return httpx.Client(base_url=self.url, timeout=20)

    @contextmanager
    def ingest(self) -> Iterator[httpx.Client]:
        """A client with the ingest key."""
        with self.client() as client:
            client.headers["authorization"] = f"Bearer {INGEST_KEY}"
            yield client

    @contextmanager
    def alice(self) -> Iterator[httpx.Client]:
        """A client that the first admin signed in with."""
        with self.client() as client:
            login = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
            answer = client.post("/api/auth/login", json=login).raise_for_status()
            client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client

    def _ended(self) -> int:
        assert self.process is not None
        code = self.process.wait(20)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def _environment(folder: Path, settings: dict[str, str]) -> dict[str, str]:
    outside = {k: v for k, v in os.environ.items() if not k.startswith("NOWLINE_")}
    return {
        **outside,
        "NOWLINE_DATA_DIR": str(folder),
        "NOWLINE_PORT": "0",
        "NOWLINE_ADMIN_EMAIL": ADMIN_EMAIL,
        "NOWLINE_ADMIN_PASSWORD": ADMIN_PASSWORD,
        "NOWLINE_INGEST_KEY": INGEST_KEY,
        "NOWLINE_HOST_METRICS": "off",
        **settings,
    }
