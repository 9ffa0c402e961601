"""The real product in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import httpx
import psutil

INGEST_KEY = "a-key-for-measurements"
ADMIN = {"email": "bench@example.com", "password": "a password for measurements"}


class Product:
    """A running server.

    Attributes:
        url: Where it listens.
        process: What it costs.
        ready_s: Seconds from its start until it was ready.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host_metrics: bool = False,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        outside = {k: v for k, v in os.environ.items() if not k.startswith("NOWLINE_")}
        settings = {
            "NOWLINE_DATA_DIR": str(folder),
            "NOWLINE_PORT": "0",
            "NOWLINE_INGEST_KEY": INGEST_KEY,
            "NOWLINE_ADMIN_EMAIL": ADMIN["email"],
            "NOWLINE_ADMIN_PASSWORD": ADMIN["password"],
            "NOWLINE_HOST_METRICS": "on" if host_metrics else "off",
            **more,
        }
        started = time.perf_counter()
        self._running = subprocess.Popen(
            [sys.executable, "-m", "nowline", "up"],
            env={**outside, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._running.stdout is not None
        self.url = self._running.stdout.readline().split()[-1]
        self.ready_s = time.perf_counter() - started
        # Checked, but not timed: a client's own start takes a third of a second.
        httpx.get(f"{self.url}/readyz").raise_for_status()
        self.process = psutil.Process(self._running.pid)

    def stop(self) -> None:
        """End it as an operator does."""
        self._running.send_signal(signal.SIGTERM)
        self._running.wait(20)

    def kill(self) -> None:
        """End it as a crash does."""
        self._running.kill()
        self._running.wait()

    def cpu_s(self) -> float:
        """Seconds of CPU that it has used so far."""
        used = self.process.cpu_times()
        return float(used.user + used.system)

    def memory_mb(self) -> float:
        """Its resident memory."""
        return float(round(self.process.memory_info().rss / 1e6, 1))

    def reader_key(self) -> str:
        """An API key that may read."""
        with httpx.Client(base_url=self.url) as client:
            token = client.post("/api/auth/login", json=ADMIN).json()["access_token"]
            headers = {"authorization": f"Bearer {token}"}
            asked = {"name": "bench", "scopes": ["read"]}
            answer = client.post("/api/v1/keys", json=asked, headers=headers)
        secret: str = answer.raise_for_status().json()["secret"]
        return secret


@contextmanager
def product(*, host_metrics: bool = False) -> Iterator[Product]:
    """A server on an empty folder, for as long as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        running = Product(Path(folder), host_metrics=host_metrics)
        try:
            yield running
        finally:
            running.stop()
