"""Other time-series databases, as Debian has them, each a process of its own on an empty folder.

`apt-get install --no-install-recommends victoria-metrics influxdb prometheus`; one that is not
installed is left out. They run on the loopback interface with telemetry off and no passwords,
which spares them what the product pays for.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bench.connection import Connection
from bench.dataset import METRIC, PROMETHEUS_METRIC, Chunk, host
from bench.free_port import free_port
from bench.questions import Dialect, InfluxQL, MetricsQL, PromQL
from bench.usage import Usage

_PATIENCE_S = 30
_SERIES_A_REQUEST = 100
_LINES_A_REQUEST = 36_000
_QUIET_S = 5


class Peer(ABC):
    """A running database; stop it when done.

    Attributes:
        name: As people call it.
        program: Its executable.
        package: Debian's name of it.
        dialect: How it is asked.
        url: Where it listens.
        usage: What it costs.
    """

    name: str
    program: str
    package: str
    dialect: Dialect

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [self.program, *self._arguments(folder, port)]
        with (folder / "log.txt").open("wb") as log:
            self._running = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        self.usage = Usage(psutil.Process(self._running.pid), folder)
        self._wait_until_ready(time.monotonic() + _PATIENCE_S)

    @classmethod
    def is_installed(cls) -> bool:
        """Whether its program is on the PATH."""
        return shutil.which(cls.program) is not None

    @classmethod
    def version(cls) -> str:
        """The package's version."""
        asked = ["dpkg-query", "-W", "-f", "${Version}", cls.package]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout

    async def connect(self) -> Connection:
        """A connection to it."""
        return await Connection.open(self.url, {})

    @abstractmethod
    async def load(self, connection: Connection, chunk: Chunk) -> None:
        """Write some of the data."""

    @abstractmethod
    async def settle(self, connection: Connection) -> None:
        """Wait until what was written is as it stays."""

    async def create(self, connection: Connection) -> None:
        """Make what has to be there before anything is written: nothing, with most."""
        await connection.get(self._ready_path())

    @abstractmethod
    def count_path(self, series: int, start: int, end: int) -> str:
        """A query, the last number of whose answer is how many points a series has."""

    async def has(self, connection: Connection, span: tuple[int, int], series: int) -> int:
        """How many points of a series are visible."""
        body = (await connection.get(self.count_path(series, *span))).decode()
        numbers = re.findall(r"\d+", body)
        return int(numbers[-1]) if numbers else 0

    def stop(self) -> None:
        """End it as an operator does."""
        self._running.send_signal(signal.SIGTERM)
        self._running.wait(120)

    @abstractmethod
    def _arguments(self, folder: Path, port: int) -> list[str]:
        """Of its command line."""

    @abstractmethod
    def _ready_path(self) -> str:
        """What answers well as soon as it is ready."""

    def _wait_until_ready(self, until: float) -> None:
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}{self._ready_path()}").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        self._running.kill()
        raise TimeoutError(f"{self.program} does not answer; see log.txt in its folder")


class _Prometheus(Peer):
    """What takes remote writes and answers like Prometheus.

    Attributes:
        metric: What it calls the metric.
    """

    metric = PROMETHEUS_METRIC

    async def load(self, connection: Connection, chunk: Chunk) -> None:
        """Write some of the data as remote writes."""
        for body in chunk.remote_writes(_SERIES_A_REQUEST):
            more = "Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"
            await connection.post("/api/v1/write", "application/x-protobuf", body, more)

    def count_path(self, series: int, start: int, end: int) -> str:
        """An evaluation of the count."""
        chosen = f'{{__name__="{self.metric}", host="{host(series)}"}}'
        counted = f"{chosen}[{(end - start) // 1000}s]"
        at = f"{end / 1000 - 0.001:.3f}"
        return str(
            httpx.URL("/api/v1/query", params={"query": f"count_over_time({counted})", "time": at})
        )

    async def _metric(self, connection: Connection, name: str) -> float:
        """The sum of one of its own metrics."""
        lines = (await connection.get("/metrics")).decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if re.match(rf"{name}[ {{]", line))


class Prometheus(_Prometheus):
    """Prometheus, taking remote writes."""

    name, program, package = "Prometheus", "prometheus", "prometheus"
    dialect = PromQL()

    async def settle(self, connection: Connection) -> None:
        """Until no block was written or merged for a while."""
        before, since = -1.0, time.monotonic()
        while time.monotonic() - since < _QUIET_S:
            await asyncio.sleep(0.5)
            now = await self._metric(connection, "prometheus_tsdb_compactions_total")
            if now != before:
                before, since = now, time.monotonic()

    def _arguments(self, folder: Path, port: int) -> list[str]:
        # History comes in order of time, so no window for what is out of order is needed.
        (folder / "prometheus.yml").touch()
        return [
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=2y",
            "--web.enable-remote-write-receiver",
            f"--web.listen-address=127.0.0.1:{port}",
        ]

    def _ready_path(self) -> str:
        return "/-/ready"


class VictoriaMetrics(_Prometheus):
    """VictoriaMetrics; what it answered is not kept."""

    name, program, package = "VictoriaMetrics", "victoria-metrics", "victoria-metrics"
    dialect = MetricsQL()
    caching: Sequence[str] = ("-search.disableCache",)

    async def settle(self, connection: Connection) -> None:
        """Until everything is on disk and merged."""
        await connection.get("/internal/force_flush")
        await connection.get("/internal/force_merge")
        since = time.monotonic()
        while time.monotonic() - since < _QUIET_S:
            await asyncio.sleep(0.5)
            if await self._metric(connection, "vm_active_merges"):
                since = time.monotonic()

    def _arguments(self, folder: Path, port: int) -> list[str]:
        return [
            f"-storageDataPath={folder / 'data'}",
            "-retentionPeriod=2y",
            f"-httpListenAddr=127.0.0.1:{port}",
            *self.caching,
        ]

    def _ready_path(self) -> str:
        return "/health"


class CachingVictoriaMetrics(VictoriaMetrics):
    """VictoriaMetrics as it comes: what it answered is kept."""

    name = "VictoriaMetrics, warm"
    caching = ()


class VictoriaMetricsOfLines(VictoriaMetrics):
    """VictoriaMetrics, written to as InfluxDB: a metric has the name of its field too."""

    metric = f"{METRIC}_value"


class InfluxDB(Peer):
    """InfluxDB 1.x."""

    name, program, package = "InfluxDB", "influxd", "influxdb"
    dialect = InfluxQL()

    async def load(self, connection: Connection, chunk: Chunk) -> None:
        """Write some of the data as line protocol."""
        await self.create(connection)
        lines = chunk.lines()
        size = len(lines) // len(chunk) * _LINES_A_REQUEST
        for first in range(0, len(lines), size):
            body = lines[first : first + size]
            await connection.post("/write?db=bench&precision=ms", "text/plain", body)

    async def settle(self, connection: Connection) -> None:  # noqa: ARG002
        """Until its files stay as they are."""
        before, since = -1, time.monotonic()
        while time.monotonic() - since < _QUIET_S * 3:
            await asyncio.sleep(0.5)
            now = self.usage.disk_bytes()
            if now != before:
                before, since = now, time.monotonic()

    def count_path(self, series: int, start: int, end: int) -> str:
        """A SELECT of the count."""
        where = f"host = '{host(series)}' AND time >= {start}ms AND time < {end}ms"
        query = f'SELECT count(value) FROM "{METRIC}" WHERE {where}'
        return str(httpx.URL("/query", params={"db": "bench", "q": query}))

    async def create(self, connection: Connection) -> None:
        """The database; that it is there already is no error."""
        kind = "application/x-www-form-urlencoded"
        await connection.post("/query?q=CREATE%20DATABASE%20bench", kind, b"")

    def _arguments(self, folder: Path, port: int) -> list[str]:
        (folder / "influxdb.conf").write_text(
            _INFLUX.format(folder=folder, port=port, internal=free_port())
        )
        return ["-config", str(folder / "influxdb.conf")]

    def _ready_path(self) -> str:
        return "/ping"


# What has grown cold is compacted at once, and not after hours.
_INFLUX = """
reporting-disabled = true
bind-address = "127.0.0.1:{internal}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
  cache-snapshot-write-cold-duration = "5s"
  compact-full-write-cold-duration = "5s"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[continuous_queries]
  enabled = false
"""

PEERS: tuple[type[Peer], ...] = (VictoriaMetrics, InfluxDB, Prometheus)


@contextmanager
def peer(kind: type[Peer], folder: Path | None = None) -> Iterator[Peer]:
    """A peer on a folder, else on an empty one that goes with it."""
    with tempfile.TemporaryDirectory() as empty:
        running = kind(folder or Path(empty))
        try:
            yield running
        finally:
            running.stop()
