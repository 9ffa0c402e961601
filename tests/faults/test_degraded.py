"""Windows that fail or stand still: viewers go on from the store, are told so, and climb back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from asking import ask
from failing_server import FailingServer
from polling import eventually
from running import Server
from viewers import PATIENCE_S, Desk, Message, Socket, desk, points, socket, subscription

# What a degraded channel leaves between two updates, but for what a busy machine takes.
STEP_S = 5.0
SLACK_S = 1.0


@pytest.fixture
def failing(data_dir: Path) -> Iterator[FailingServer]:
    with FailingServer(data_dir) as server:
        yield server


class Watcher:
    """Holds what a viewer was told of one metric."""

    def __init__(self, viewer: Socket, metric: str) -> None:
        self._viewer = viewer
        self.cells = points(viewer.watch(subscription(metric)))

    def until(self, value: float, *, degraded: bool) -> Message:
        """The first update of that kind after which the value is the newest."""
        while True:
            message = self.hear()
            newest = self.cells[max(self.cells, key=lambda cell: cell[1])]
            if newest == value and message.get("degraded", False) is degraded:
                return message

    def hear(self) -> Message:
        """The next update."""
        message = self._viewer.expect("metrics_update")
        self.cells |= points(message)
        return message


def ready(server: Server) -> httpx.Response:
    with server.client() as client:
        return client.get("/readyz")


def truth(here: Desk, metric: str) -> dict[str, float]:
    rows = ask(here.admin, metric, aggregation="last", interval="1s", time_range={"last": "4m"})
    return {row["timestamp"]: row["value"] for row in rows}


@pytest.mark.parametrize("kind", ["raise", "hang"])
def test_viewers_go_on_from_the_store_and_climb_back(failing: FailingServer, kind: str) -> None:
    with desk(failing) as here, socket(failing, here.token) as viewer:
        here.post("m", 1)
        watcher = Watcher(viewer, "m")
        here.post("m", 2)
        watcher.until(2, degraded=False)
        with failing.trouble(kind):
            here.post("m", 3)
            watcher.until(3, degraded=True)
            assert here.counter("nowline_live_degraded") == 1
            refused = ready(failing)
            assert (refused.status_code, "windows: " in refused.text) == (503, True)
            assert_steps(here, watcher)
            (picture,), _ = here.poll({"metrics": "m", "aggregation": "last"})
            assert picture["degraded"] is True
            # Whoever asks is answered as ever.
            assert eventually(lambda: 5 in truth(here, "m").values())
        recovered = eventually(lambda: ready(failing).status_code == 200, within_s=40)
        assert recovered
        here.post("m", 6)
        watcher.until(6, degraded=False)
        assert here.counter("nowline_live_degraded") == 0
        assert here.counter("nowline_live_restarts_total") >= 1
        told = {at: value for (_, at), value in watcher.cells.items()}
        assert truth(here, "m").items() <= told.items()
    assert failing.stop() == 0
    assert "The windows are given up" in failing.log()


def assert_steps(here: Desk, watcher: Watcher) -> None:
    """Updates are five seconds apart, whatever comes in."""
    heard = []
    for value in (4, 5):
        here.post("m", value)
        watcher.until(value, degraded=True)
        heard.append(time.monotonic())
    assert STEP_S - SLACK_S < heard[1] - heard[0] < PATIENCE_S


def test_a_killed_server_that_was_degraded_has_lost_nothing(failing: FailingServer) -> None:
    with desk(failing) as here, failing.trouble("raise"):
        for value in range(20):
            here.post("kept", value, tags={"n": str(value)})
        failing.kill()
    failing.start()
    with desk(failing) as here:
        assert ready(failing).status_code == 200
        (row,) = ask(here.admin, "kept", aggregation="count")
        assert row["value"] == 20


def test_a_server_stops_in_time_while_it_is_degraded(failing: FailingServer) -> None:
    with desk(failing) as here, failing.trouble("raise"):
        here.post("kept", 1)
        assert eventually(lambda: ready(failing).status_code == 503)
        here.post("kept", 2)
        began = time.monotonic()
        assert failing.stop() == 0
        assert time.monotonic() - began < 10
    failing.start()
    with desk(failing) as here:
        (row,) = ask(here.admin, "kept", aggregation="sum")
        assert row["value"] == 3
