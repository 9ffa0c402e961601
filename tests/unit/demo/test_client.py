from __future__ import annotations

import asyncio
import json
import signal
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.demo import Shop, run
from nowline.demo.client import Demo, DemoError, IngestClient, next_stretch
from unit.demo.ingest_server import Answer, IngestServer, accept, serving

NOW = 1_763_380_800.25  # 2025-11-17 12:00 UTC


class SimulatedTime:
    """Passes by waiting only."""

    def __init__(self) -> None:
        self.now = NOW
        self.waits: list[float] = []

    def time(self) -> float:
        return self.now

    async def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.waits.append(seconds)
        self.now += seconds


async def open_shop(
    ingest: IngestServer, backfill_s: int, live_s: int, rate: float = 20
) -> SimulatedTime:
    time = SimulatedTime()
    async with serving(ingest), httpx.AsyncClient(base_url=ingest.url) as http:
        demo = Demo(Shop(1, rate), IngestClient(http, time.wait), time.time, time.wait)
        cursor = await demo.backfill(backfill_s)
        await demo.live(cursor, live_s)
    return time


def sent_seconds(ingest: IngestServer) -> list[int]:
    """Seconds from NOW on which the number of visitors was sent."""
    gauges = [point for point in ingest.points if point["name"] == "shop.users.active"]
    return [point["time"] // 1000 - int(NOW) for point in gauges]


@given(st.integers(0, 40 * 86_400), st.integers(1_600_000_000, 1_900_000_000))
def test_stretches_cover_the_past_without_gap_or_overlap(age: int, now: int) -> None:
    cursor, requests = now - age, 0
    while cursor <= now:
        stretch = next_stretch(cursor, now)
        assert stretch.start == cursor < stretch.end <= now + 1
        assert (stretch.end - stretch.start) % stretch.step_s == 0
        assert stretch.step_s == 1 or stretch.end <= now - 90 * 60
        cursor, requests = stretch.end, requests + 1
    assert requests <= 4 * 40 + 6 + 5 + 9 + 8


async def test_live_sends_every_second_when_it_begins() -> None:
    ingest = IngestServer()
    time = await open_shop(ingest, 0, 5)
    assert sent_seconds(ingest) == [0, 1, 2, 3, 4]
    assert ingest.asked("metrics") == 5
    assert ingest.asked("events") == 5
    assert time.waits == [0.75, 1, 1, 1]


async def test_history_comes_in_order_compressed_and_joins_live_without_a_gap() -> None:
    ingest = IngestServer()
    await open_shop(ingest, 2 * 3600, 3, rate=2)
    seconds = sent_seconds(ingest)
    assert seconds == [*range(-7200, -5400, 10), *range(-5400, 3)]
    # Of what is sent in coarser steps nobody needs each event.
    told = [event["timestamp"] // 1000 - int(NOW) for event in ingest.events]
    assert -5401 <= min(told) < -5395
    assert max(told) <= 1
    assert len({event["event_id"] for event in ingest.events}) == len(told) > 5400
    assert min(task["end_time"] for task in ingest.tasks) > (NOW - 5402) * 1000
    assert ingest.requests[0]["content-encoding"] == "gzip"
    assert ingest.requests[0]["content-type"] == "application/x-ndjson"
    assert ingest.requests[0]["line"] == "POST /api/v1/ingest/metrics HTTP/1.1"


async def test_an_overloaded_server_is_asked_again_when_it_says() -> None:
    def overloaded(request: int, points: list[dict[str, Any]]) -> Answer:
        return (429, {"Retry-After": "7"}, b"") if request == 2 else accept(points)

    ingest = IngestServer(overloaded)
    time = await open_shop(ingest, 0, 12)
    assert 7.0 in time.waits
    assert sent_seconds(ingest) == list(range(12))


async def test_a_server_that_restarts_gets_what_it_missed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def restarting(request: int, points: list[dict[str, Any]]) -> Answer:
        if 7 <= request <= 10:
            raise ConnectionResetError
        return accept(points)

    ingest = IngestServer(restarting)
    await open_shop(ingest, 0, 30)
    assert sent_seconds(ingest) == list(range(30))
    said = capsys.readouterr().out
    assert said.count("trying again") == 1
    assert said.count("the server is back") == 1


async def test_events_whose_answer_was_lost_are_sent_again_as_the_same() -> None:
    def losing(request: int, rows: list[dict[str, Any]]) -> Answer:
        lost.extend(rows if request == 2 else [])
        return (503, {}, b"") if request == 2 else accept(rows)

    lost: list[dict[str, Any]] = []
    ingest = IngestServer(losing)
    await open_shop(ingest, 0, 1)
    assert lost
    assert ingest.events == lost


async def test_rejected_rows_are_shown_with_their_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def picky(_: int, points: list[dict[str, Any]]) -> Answer:
        rejected = [{"index": index, "error": "name: too long"} for index in range(3)]
        answer = {"accepted": len(points) - 3, "rejected": rejected}
        return 202, {}, json.dumps(answer).encode()

    await open_shop(IngestServer(picky), 0, 1)
    assert "3 rows were refused: name: too long" in capsys.readouterr().out


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_ends_it_with_one_clear_line(
    status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = json.dumps({"detail": "this key has no scope ingest"}).encode()
    async with serving(IngestServer(lambda *_: (status, {}, problem))) as ingest:
        assert await run(ingest.url, "key") == 1
    assert capsys.readouterr().err == (
        f"nowline demo: the server refuses the API key ({status}): this key has no scope ingest\n"
    )


async def test_another_server_is_recognised() -> None:
    with pytest.raises(DemoError, match="does not answer like Nowline"):
        await open_shop(IngestServer(lambda *_: (200, {}, b"<html>")), 0, 1)


@pytest.mark.parametrize(
    ("url", "key", "rate"),
    [
        ("localhost:8000", "key", 20.0),
        ("http://127.0.0.1:99999", "key", 20.0),
        ("http://127.0.0.1:9", "schlüssel\n", 20.0),
        ("http://127.0.0.1:9", "key", -1.0),
    ],
)
async def test_impossible_arguments_end_it_with_one_line(
    url: str, key: str, rate: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.wait_for(run(url, key, rate=rate), 10) == 1
    error = capsys.readouterr().err
    assert error.startswith("nowline demo: ")
    assert error.count("\n") == 1


async def test_it_sends_the_key_and_ends_after_its_duration() -> None:
    async with serving(IngestServer()) as ingest:
        assert await run(ingest.url, "secret-key", duration=timedelta(0)) == 0
        assert ingest.requests == []
        history = timedelta(minutes=2)
        assert await run(ingest.url, "secret-key", backfill=history, duration=timedelta(0)) == 0
    assert {request["authorization"] for request in ingest.requests} == {"Bearer secret-key"}


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_closes_the_shop_cleanly(
    name: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_: int, points: list[dict[str, Any]]) -> Answer:
        signal.raise_signal(name)
        return accept(points)

    async with serving(IngestServer(stop)) as ingest:
        assert await asyncio.wait_for(run(ingest.url, "key"), 10) == 0
    assert capsys.readouterr().out.endswith("the shop is closed\n")
