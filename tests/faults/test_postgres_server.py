"""A whole server on PostgreSQL: what it took in is there after restarts and crashes of both."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from asking import MINUTE_MS, Row, accept, ask, count, counted, whole_minute
from polling import eventually
from postgres import PLAIN, TIMESCALE, OwnServer, own_server
from postgres import Server as Postgres
from remote_writing import named, send
from running import Server

PLACES = [pytest.param(PLAIN, id="postgres")]
if TIMESCALE is not None:
    PLACES.append(pytest.param(TIMESCALE, id="timescale"))
BASE_MINUTES = 90


@pytest.fixture(params=PLACES)
def postgres(request: pytest.FixtureRequest) -> Postgres:
    found: Postgres = request.param.server()
    return found


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    made = asyncio.run(postgres.create_database())
    yield made
    asyncio.run(postgres.drop_database(made))


def rows(base: int) -> list[Row]:
    """A gauge, a counter, a running total and a distribution, over more than an hour."""
    kinds = ("gauge", "counter", "cumulative", "distribution")
    return [
        {
            "name": f"pg.{kind}",
            "type": kind,
            "value": float(minute * (1 + n) % 61 if kind != "cumulative" else minute),
            "time": base + minute * MINUTE_MS + n,
            "tags": {"n": str(n)},
        }
        for kind in kinds
        for minute in range(80)
        for n in range(3)
    ]


def answers(server: Server, base: int) -> dict[str, Any]:
    """What dashboards would show of them."""
    span = {"start": base, "end": base + 80 * MINUTE_MS}
    with server.alice() as client:
        return {
            f"{kind} {aggregation} {interval}": ask(
                client,
                f"pg.{kind}",
                aggregation=aggregation,
                interval=interval,
                time_range=span,
                group_by=["n"],
            )
            for kind in ("gauge", "counter", "cumulative", "distribution")
            for aggregation in ("avg", "sum", "last", "p95")
            for interval in ("10s", "1m", "5m", "1h")
        }


def test_the_same_points_after_a_restart_and_a_crash(url: str, tmp_path: Path) -> None:
    base = whole_minute(BASE_MINUTES)
    sent = rows(base)
    server = Server(tmp_path / "data", NOWLINE_STORE_URL=url)
    with server:
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, *sent[:400])
            server_rows = sent[:400]
            assert counted(reader, "pg.gauge", 240) == 240
            accept(sender, *sent[400:])
            server_rows += sent[400:]
            assert counted(reader, "pg.distribution", 240) == 240
        before = answers(server, base)
        assert all(before.values())
        server.kill()
        server.start()
        assert eventually(lambda: answers(server, base) == before)
        assert server.stop() == 0
        server.start()
        assert answers(server, base) == before
    assert [path.name for path in (tmp_path / "data").glob("*.duckdb")] == []
    assert not (tmp_path / "data" / "documents.sqlite").exists()


def test_another_folder_on_the_same_database_has_its_rows_and_users(
    url: str, tmp_path: Path
) -> None:
    base = whole_minute(5)
    row: Row = {"name": "pg.moved", "value": 7, "time": base}
    with Server(tmp_path / "one", NOWLINE_STORE_URL=url) as server:
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, row)
            assert counted(reader, "pg.moved", 1) == 1
        assert server.stop() == 0
    with Server(tmp_path / "two", NOWLINE_STORE_URL=url) as server, server.alice() as reader:
        assert count(reader, "pg.moved") == 1


def events_of(client: httpx.Client) -> list[str]:
    """The ids of all events that are in the store, newest first."""
    answer = client.get("/api/v1/activity", params={"limit": 1000}).raise_for_status()
    return [event["event_id"] for event in answer.json()["events"]]


def test_events_are_there_once_after_crashes_of_both(tmp_path: Path) -> None:
    postgres: OwnServer = own_server()
    url = asyncio.run(postgres.create_database())
    now = int(time.time() * 1000) - MINUTE_MS
    sent = [
        {"event_type": "PG", "event_id": f"e{n}", "user_id": f"u{n % 3}", "timestamp": now + n}
        for n in range(9)
    ]
    with Server(tmp_path / "data", NOWLINE_STORE_URL=url) as server:
        with server.ingest() as sender, server.alice() as reader:
            for _ in range(2):
                answer = sender.post("/api/v1/ingest/events", json={"events": sent})
                assert answer.status_code == 202
                assert answer.json()["accepted"] == 9
            assert eventually(lambda: len(events_of(reader)) == 9)
            postgres.crash()
            try:
                more = {"events": [{"event_type": "PG", "timestamp": now + 9}]}
                assert sender.post("/api/v1/ingest/events", json=more).status_code == 202
                # Whether this one was there before, only the database knows.
                answer = sender.post("/api/v1/ingest/events", json={"events": sent[:1]})
                assert answer.status_code == 503
                assert reader.get("/api/v1/activity").status_code == 503
            finally:
                postgres.start()
            assert eventually(lambda: len(events_of(reader)) == 10, within_s=30)
            before = events_of(reader)
            assert before[1:] == [f"e{n}" for n in range(9)][::-1]
        server.kill()
        server.start()
        with server.ingest() as sender, server.alice() as reader:
            sender.post("/api/v1/ingest/events", json={"events": sent}).raise_for_status()
            assert events_of(reader) == before
            recent = reader.get("/api/v1/activity/recent").json()["events"]
            assert [event["event_id"] for event in recent] == before
        assert server.stop() == 0
    assert not (tmp_path / "data" / "activity.sqlite").exists()
    asyncio.run(postgres.drop_database(url))


def test_what_is_sent_again_after_a_crash_counts_once(url: str, tmp_path: Path) -> None:
    base = whole_minute(5)
    samples = [(float(at), base + at) for at in range(10)]
    gauge, total = named("pg.again", *samples), named("pg_again_total", *samples)
    late = named("pg.again", (1.0, base + 3), (1.0, base - 2 * 24 * 60 * MINUTE_MS))
    server = Server(tmp_path / "data", NOWLINE_STORE_URL=url)
    with server:
        with server.ingest() as sender, server.alice() as reader:
            assert send(sender, [gauge, total]).status_code == 204
            assert send(sender, [gauge, total]).status_code == 204
            assert counted(reader, "pg.again", 10) == 10
        server.kill()
        server.start()
        with server.ingest() as sender, server.alice() as reader:
            assert send(sender, [total, gauge]).status_code == 204
            for _ in range(2):
                assert send(sender, [late]).status_code == 204
            span = {"last": "7d"}
            assert eventually(lambda: count(reader, "pg.again", time_range=span) == 11)
            assert count(reader, "pg_again_total") == 10
            assert sum(p["value"] for p in ask(reader, "pg_again_total", aggregation="sum")) == 9


def test_rows_wait_in_the_log_while_postgresql_is_away(tmp_path: Path) -> None:
    postgres: OwnServer = own_server()
    url = asyncio.run(postgres.create_database())
    base = whole_minute(5)
    with Server(tmp_path / "data", NOWLINE_STORE_URL=url) as server:
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "pg.away", "value": 1, "time": base})
            assert counted(reader, "pg.away", 1) == 1
            postgres.crash()
            try:
                accept(sender, {"name": "pg.away", "value": 1, "time": base + 1})
                assert eventually(lambda: sender.get("/readyz").status_code == 503)
            finally:
                postgres.start()
            assert eventually(lambda: sender.get("/readyz").status_code == 200, within_s=30)
        server.kill()
        server.start()
        with server.alice() as reader:
            assert counted(reader, "pg.away", 2) == 2


def run(folder: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Nowline to its end."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith("NOWLINE_")}
    settings = {"NOWLINE_DATA_DIR": str(folder), "NOWLINE_STORE_URL": url, "NOWLINE_PORT": "0"}
    return subprocess.run(
        [sys.executable, "-m", "nowline", *arguments],
        env=outside | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_key_that_the_command_line_makes_works_at_once(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Server(folder, NOWLINE_STORE_URL=url) as server:
        made = run(folder, url, "key", "create", "a key", "--scope", "read")
        assert made.returncode == 0, made.stderr
        key = {"authorization": f"Bearer {made.stdout.strip()}"}
        with server.client() as client:
            assert client.get("/api/v1/metrics", headers=key).status_code == 200


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("nowline:", "nowline:not-"), "password authentication failed"),
        (("/postgres$", "/missing"), 'database "missing" does not exist'),
        (("1:[0-9]+/", "1:1/"), "refused|Connect call failed"),
    ],
)
def test_a_database_that_cannot_be_opened_ends_the_start_with_one_line(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    url = re.sub(*change, own_server().url)
    ended = run(tmp_path / "data", url, "up")
    password = urlsplit(url).password or ""
    assert ended.returncode == 1
    (line,) = [each for each in ended.stderr.splitlines() if each.startswith("nowline:")]
    assert re.search(reason, line)
    assert "cannot be opened" in line
    assert password not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_second_server_on_the_database_ends_with_one_line(url: str, tmp_path: Path) -> None:
    with Server(tmp_path / "one", NOWLINE_STORE_URL=url):
        ended = run(tmp_path / "two", url, "up")
    assert ended.returncode == 1
    assert "is used by another Nowline server" in ended.stderr
