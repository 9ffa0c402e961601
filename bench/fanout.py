"""One message of 1.4 KB now and then to ten thousand readers, beside other servers."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench import fanout_dashboard
from bench.compiling import compiled
from bench.fanout_servers import Limit, Nchan, NodeWs, Server, SocketIo, nowline, peer
from bench.load_client import LoadClient
from bench.report import report

_SETTLE_S = 1.0
_WARM_UP_S = 0.5
# What is told later than this is taken for lost.
_LATE_S = 2.0
_PEERS = """The other servers are nginx with nchan (apt-get install nginx libnginx-mod-nchan), ws
and Socket.IO (Node.js with npm, which brings them); one that is not installed is left out."""
_KEYS = ("server", "transport", "hz")
Row = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        readers: How many there are.
        seconds: How long each is told something.
        hz: How often.
        runs: How many times all of it is done.
        interval: At which Nowline looks at its query.
        with_peers: Whether others are measured as well.
        is_dashboard: Whether to measure a dashboard and ingest instead.
    """

    readers: int
    seconds: int
    hz: Sequence[float]
    runs: int
    interval: str
    with_peers: bool
    is_dashboard: bool


def main() -> None:
    plan = _asked()
    if plan.is_dashboard:
        fanout_dashboard.measure(plan.readers, plan.seconds)
        return
    with tempfile.TemporaryDirectory() as folder:
        client = compiled("fanout_client", Path(folder))
        runs = [_run(plan, client) for _ in range(plan.runs)]
    report("fanout", medians(runs))


def medians(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """A row for each that all runs have: the medians of its figures."""
    return [_median(rows) for rows in zip(*runs, strict=True)]


def _median(rows: Sequence[Row]) -> Row:
    figures = {name: rows[0][name] for name in _KEYS} | {
        name: _rounded(statistics.median(float(row[name]) for row in rows))
        for name in rows[0]
        if name not in _KEYS
    }
    return figures | {"p99_ms_of_runs": " · ".join(f"{row['p99_ms']:.0f}" for row in rows)}


def _rounded(value: float) -> float:
    return round(value) if value >= 1000 else round(value, 2)


def _asked() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__, epilog=_PEERS)
    parser.add_argument("--readers", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--hz", default="1,5", help="messages a second, with commas (default 1,5)")
    parser.add_argument(
        "--runs", type=int, help="how often all of it is done (default 3, 1 if quick)"
    )
    parser.add_argument("--interval", default="live", help="of Nowline's query (default live)")
    parser.add_argument("--quick", action="store_true", help="five seconds each")
    parser.add_argument("--dashboard", action="store_true", help="the whole product instead")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--peers", action="store_true", help="measure other servers as well")
    which.add_argument("--alone", action="store_true", help="Nowline and the limit (the default)")
    asked = parser.parse_args()
    return Plan(
        asked.readers,
        5 if asked.quick else asked.seconds,
        [float(each) for each in asked.hz.split(",")],
        asked.runs or (1 if asked.quick else 3),
        asked.interval,
        asked.peers,
        asked.dashboard,
    )


def _servers(plan: Plan) -> Sequence[AbstractContextManager[Server]]:
    found: list[AbstractContextManager[Server]] = [peer(Limit), nowline(plan.interval)]
    if not plan.with_peers:
        return found
    for each in (Nchan, NodeWs, SocketIo):
        if each.is_installed():
            found.append(peer(each))
        else:
            print(f"{each.name} is not installed: left out.", file=sys.stderr)
    return found


def _run(plan: Plan, client: Path) -> list[Row]:
    """All servers one after the other; how far each is from the limit."""
    rows: list[Row] = []
    for starting in _servers(plan):
        with starting as server:
            for protocol in server.protocols:
                rows += _measure(plan, client, server, protocol)
                print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    limits = {
        (row["transport"], row["hz"]): float(row["p99_ms"])
        for row in rows
        if row["server"] == Limit.name
    }
    return [
        row | {"p99_to_limit": float(row["p99_ms"]) / limits[row["transport"], row["hz"]]}
        for row in rows
    ]


def _measure(plan: Plan, client: Path, server: Server, protocol: str) -> list[Row]:
    time.sleep(_SETTLE_S)
    memory = server.memory_mb()
    with LoadClient(client, server.wanted(protocol), plan.readers) as readers:
        readers.wait_until_heard(server.publish, _WARM_UP_S)
        time.sleep(_SETTLE_S)
        grown = server.memory_mb() - memory
        more: Row = {
            "kb_per_connection": grown * 1000 / plan.readers,
            "connects_per_s": readers.connects_per_s,
        }
        tell = partial(_tell, plan, server, readers)
        what: Row = {"server": server.name, "transport": protocol}
        return [what | {"hz": hz} | tell(hz) | more for hz in plan.hz]


def _tell(plan: Plan, server: Server, readers: LoadClient, hz: float) -> Row:
    """Publish so often for a while; what of it came when."""
    count = max(1, round(plan.seconds * hz))
    readers.start()
    cpu = server.cpu_s()
    started = time.perf_counter()
    for number in range(1, count + 1):
        server.publish()
        time.sleep(max(0.0, started + number / hz - time.perf_counter()))
    time.sleep(_LATE_S)
    used = server.cpu_s() - cpu
    return _row(readers.stop(), used, count * plan.readers)


def _row(heard: dict[str, Any], cpu_s: float, expected: int) -> Row:
    row: Row = {
        "frame_bytes": heard["frame_bytes"],
        "received_percent": heard["frames"] / expected * 100,
        **heard["published"],
    }
    if heard["event"]["max_ms"]:
        row |= {f"event_{name}": heard["event"][name] for name in ("p50_ms", "p99_ms")}
    return row | {"cpu_us_per_send": cpu_s / max(1, heard["frames"]) * 1e6}


if __name__ == "__main__":
    main()
