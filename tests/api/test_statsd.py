"""StatsD over UDP: from raw datagrams and from the clients that people use to answers."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from datadog.dogstatsd.base import DogStatsd
from statsd import StatsClient  # type: ignore[import-untyped]

from asking import ask, counted, post
from free_port import free_port
from polling import eventually
from running import Server


@dataclass(frozen=True)
class Listening:
    """A server that listens for StatsD, and Alice."""

    server: Server
    port: int
    alice: httpx.Client

    def send(self, datagram: bytes, host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.sendto(datagram, (host, self.port))

    def value(self, name: str, aggregation: str, **query: object) -> float:
        points = ask(self.alice, name, aggregation=aggregation, **query)
        return float(sum(point["value"] for point in points))

    def counts(self) -> dict[str, float]:
        """The counters of what came by StatsD."""
        text = self.alice.get("/metrics").text
        found = re.findall(r"^nowline_statsd_(\w+)_total (\S+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    port = free_port(socket.SOCK_DGRAM)
    folder = tmp_path_factory.mktemp("statsd") / "data"
    with Server(folder, NOWLINE_STATSD_PORT=str(port)) as server, server.alice() as alice:
        yield Listening(server, port, alice)


def test_datagrams_are_taken_in_and_seen(listening: Listening) -> None:
    listening.send(b"raw.orders:1|c|#country:it\nraw.orders:2|c|@0.5|#country:fr\nraw.level:7|g")
    listening.send(b"raw.time:320:20|ms")
    assert counted(listening.alice, "raw.time", 2) == 2
    assert listening.value("raw.orders", "sum") == 5
    assert listening.value("raw.orders", "sum", filters={"country": "fr"}) == 4
    assert listening.value("raw.level", "max") == 7
    assert listening.value("raw.time", "max") == 320
    types = {m["name"]: m["type"] for m in listening.alice.get("/api/v1/metrics").json()["metrics"]}
    assert [types[f"raw.{name}"] for name in ("orders", "level", "time")] == [
        "counter", "gauge", "distribution"
    ]  # fmt: skip


def test_what_cannot_be_read_is_counted(listening: Listening) -> None:
    before = listening.counts()
    listening.send(b"bad\nbad:1|s\nbad.good:1|c\n\xff:1|c")
    assert counted(listening.alice, "bad.good", 1) == 1
    after = listening.counts()
    assert {name: after[name] - before[name] for name in after} == {
        "lines": 4, "malformed_lines": 3, "dropped_lines": 0, "lost_rows": 0
    }  # fmt: skip


def test_a_metric_keeps_its_first_type(listening: Listening) -> None:
    listening.send(b"typed:1|g")
    assert counted(listening.alice, "typed", 1) == 1
    listening.send(b"typed:1|c\ntyped.end:1|c")
    assert counted(listening.alice, "typed.end", 1) == 1
    assert counted(listening.alice, "typed", 1) == 1


def test_the_statsd_client(listening: Listening) -> None:
    client = StatsClient("127.0.0.1", listening.port, prefix="py")
    with client.pipeline() as pipe:
        pipe.incr("orders", 3)
        pipe.decr("orders")
        pipe.gauge("stock", 10)
        pipe.gauge("stock", -4, delta=True)
        pipe.timing("time", 12.5)
    client.close()
    assert counted(listening.alice, "py.time", 1) == 1
    assert listening.value("py.orders", "sum") == 2
    assert listening.value("py.stock", "max") == 6


def test_the_datadog_client(listening: Listening) -> None:
    client = DogStatsd("127.0.0.1", listening.port, constant_tags=["service:shop"])
    for _ in range(3):
        client.increment("dd.orders", tags=["country:it"])
    client.gauge("dd.stock", 4)
    client.histogram("dd.size", 30)
    client.distribution("dd.size", 50)
    client.flush()
    client.stop()
    assert counted(listening.alice, "dd.size", 2) == 2
    assert listening.value("dd.orders", "sum") == 3
    assert listening.value("dd.stock", "max", filters={"service": "shop"}) == 4


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_localhost_may_be_ipv6(listening: Listening) -> None:
    try:
        listening.send(b"six:1|c", "::1")
    except OSError:
        pytest.skip("this machine has no ::1")
    assert counted(listening.alice, "six", 1) == 1


def test_bursts_are_gathered(listening: Listening) -> None:
    for burst in range(1, 11):
        for _ in range(50):
            listening.send(b"\n".join([b"burst:1|c"] * 50))
        # Datagrams may get lost on their way; this waits until they are through.
        assert eventually(lambda: listening.value("burst", "sum") == 2500 * burst)  # noqa: B023
    # A row for each gathering, not for each line.
    assert listening.value("burst", "count") < 1000


def test_a_stop_keeps_what_came_in(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    with Server(tmp_path / "data", NOWLINE_STATSD_PORT=str(port)) as server:
        with server.alice() as alice:
            listening = Listening(server, port, alice)
            # The loop has taken it in when it has answered what was asked after it.
            listening.send(b"last:1|c")
            eventually(lambda: listening.counts()["lines"] == 1)
        assert server.stop() == 0
        server.start()
        with server.alice() as alice:
            assert Listening(server, port, alice).value("last", "sum") == 1


def test_a_port_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        server = Server(tmp_path / "data", NOWLINE_STATSD_PORT=str(port))
        with pytest.raises(AssertionError, match=f"NOWLINE_STATSD_PORT: .* port {port}: Address"):
            server.start()


def test_without_a_port_nothing_listens_and_nothing_is_counted(
    reader: httpx.Client, sender: httpx.Client
) -> None:
    assert post(sender, {"name": "statsd.off", "value": 1}).status_code == 202
    assert "nowline_statsd" not in reader.get("/metrics").text
