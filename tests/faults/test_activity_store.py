"""A store of events that takes none: it is said, the log has them, and then they are there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import httpx

from polling import eventually
from running import Server


def is_ready(client: httpx.Client) -> bool:
    return client.get("/readyz").status_code == 200


def told(client: httpx.Client) -> list[str]:
    events = client.get("/api/v1/activity", params={"event_type": "WAITING"}).json()["events"]
    return [event["event_id"] for event in events]


def lag(client: httpx.Client) -> str:
    (line,) = (
        line
        for line in client.get("/metrics").text.splitlines()
        if line.startswith('nowline_log_lag_records{group="activity"}')
    )
    return line.rpartition(" ")[2]


def test_events_wait_in_the_log_while_their_file_is_locked(tmp_path: Path) -> None:
    event = {"event_type": "WAITING", "event_id": "w"}
    with (
        Server(tmp_path / "data") as server,
        server.ingest() as sender,
        server.alice() as reader,
        closing(sqlite3.connect(server.folder / "activity.sqlite", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert sender.post("/api/v1/ingest/events", json=[event]).status_code == 202
        assert eventually(lambda: not is_ready(reader), within_s=30)
        assert "activity: events cannot be kept" in reader.get("/readyz").text
        assert float(lag(reader)) > 0
        assert [e["event_id"] for e in recent(reader)] == ["w"]
        other.execute("ROLLBACK")
        assert eventually(lambda: told(reader) == ["w"], within_s=30)
        assert eventually(lambda: is_ready(reader))


def recent(client: httpx.Client) -> list[dict[str, str]]:
    """The newest events, which are in memory."""
    events: list[dict[str, str]] = client.get("/api/v1/activity/recent").json()["events"]
    return events
