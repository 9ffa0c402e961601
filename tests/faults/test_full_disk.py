"""A full disk is said with a 507; when there is room again, everything accepted is there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from asking import Row, counted, fields, post
from polling import eventually
from running import Server
from small_disk import mounted

ROWS: list[Row] = [{"name": "full", "value": i, "tags": {"n": str(i % 7)}} for i in range(5_000)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    with mounted(tmp_path / "disk", 48) as folder:
        yield folder


def fill(disk: Path, but: int) -> None:
    """Leave `but` bytes of room."""
    space = os.statvfs(disk)
    (disk / "filler").write_bytes(bytes(space.f_bavail * space.f_frsize - but))


def post_until_full(client: httpx.Client) -> tuple[int, httpx.Response]:
    """How many rows were accepted before the first refusal, and that."""
    taken = 0
    for _ in range(200):
        answer = post(client, *ROWS)
        if answer.status_code != 202:
            return taken, answer
        taken += answer.json()["accepted"]
    raise AssertionError("the disk does not get full")


def test_nothing_is_lost_or_half_taken_when_the_disk_is_full(small_disk: Path) -> None:
    with Server(small_disk / "data") as server:
        with server.ingest() as sender, server.alice() as reader:
            fill(small_disk, but=1_000_000)
            taken, refusal = post_until_full(sender)
            assert refusal.status_code == 507, refusal.text
            fields(refusal)
            assert post(sender, *ROWS).status_code == 507
            # Whoever asks is still answered, of all that was accepted and nothing else.
            assert counted(reader, "full", taken) == taken
            (small_disk / "filler").unlink()
            assert eventually(lambda: post(sender, ROWS[0]).status_code == 202)
            taken += 1
            assert counted(reader, "full", taken) == taken
            fill(small_disk, but=1_000_000)
            taken += post_until_full(sender)[0]
        # Now the store cannot write what the log holds: that must not keep it from stopping.
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 10
        (small_disk / "filler").unlink()
        server.start()
        with server.alice() as reader:
            assert counted(reader, "full", taken) == taken


def send_events(client: httpx.Client, batch: int) -> httpx.Response:
    """Post a hundred events, which are the same each time that the number is."""
    rows = [
        {"event_type": "FULL", "event_id": f"{batch}.{n}", "metadata": {"details": "x" * 2_000}}
        for n in range(100)
    ]
    return client.post("/api/v1/ingest/events", json=rows)


def kept(client: httpx.Client) -> int:
    """How many events there are, up to a thousand."""
    asked = {"event_type": "FULL", "limit": "1000"}
    return len(client.get("/api/v1/activity", params=asked).json()["events"])


def test_events_that_had_no_room_are_new_when_they_are_sent_again(small_disk: Path) -> None:
    with Server(small_disk / "data") as server:
        with server.ingest() as sender, server.alice() as reader:
            assert send_events(sender, 0).status_code == 202
            fill(small_disk, but=1_000_000)
            statuses = [send_events(sender, batch).status_code for batch in range(8)]
            assert statuses[-1] == 507
            assert set(statuses) <= {202, 507}
            (small_disk / "filler").unlink()
            assert eventually(lambda: send_events(sender, 7).status_code == 202)
            assert {send_events(sender, batch).status_code for batch in range(8)} == {202}
            assert eventually(lambda: kept(reader) == 800)
        assert server.stop() == 0
        server.start()
        with server.alice() as reader:
            assert kept(reader) == 800
