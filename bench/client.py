"""What one call of the client library costs the application, in nanoseconds.

A server that takes everything is there in a process of its own, so that the sending thread works
beside the calls as it does in an application.
"""

from __future__ import annotations

import http.server
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from bench.report import report, seconds_asked
from nowline_client import Nowline

_TARGET_NS = 5000
_CALLS = 500


class _TakesAll(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read the body, and take it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Say nothing."""


def main() -> None:
    seconds = seconds_asked(5)
    rows: list[dict[str, str | float]] = []
    with _server() as url, Nowline(url, "bench") as client:
        for name, call in _calls(client).items():
            rows.append({"call": name, **_measured(call, seconds), "target_ns": _TARGET_NS})
            client.flush(60)
        rows.append(
            {"call": "task, a block", **_measured(lambda _: _run_task(client), seconds, 50)}
        )
        assert client.dropped == 0
    report("client", rows)


def _calls(nl: Nowline) -> dict[str, Callable[[int], None]]:
    return {
        "count": lambda _: nl.count("orders"),
        "count, two tags": lambda i: nl.count("orders", shop="rome", lane=i % 10),
        "gauge, one tag": lambda i: nl.gauge("queue.length", i, queue="mail"),
        "observe, two tags": lambda i: nl.observe("load", i, page="/cart", status=200),
        "event": lambda i: nl.event("PAGE_VIEW", user_id=i, endpoint="/cart", method="GET"),
        "track": lambda i: nl.track("search", user_id=i),
    }


def _run_task(client: Nowline) -> None:
    with client.task("nightly"):
        pass


def _measured(call: Callable[[int], None], seconds: int, calls: int = _CALLS) -> dict[str, float]:
    """Nanoseconds a call: of loops of many, the median, the slowest of a hundred and the mean."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter_ns()
        for number in range(calls):
            call(number)
        taken.append((time.perf_counter_ns() - begin) / calls)
        # An application does other things between its calls.
        time.sleep(0.02)
    taken.sort()
    return {
        "median_ns": round(statistics.median(taken)),
        "p99_ns": round(taken[int(len(taken) * 0.99)]),
        "mean_ns": round(statistics.mean(taken)),
    }


@contextmanager
def _server() -> Iterator[str]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,))
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(there: Connection) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _TakesAll)
    there.send(server.server_address[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
