"""Batches that could not be taken in: listed, replayed and dropped, by HTTP and by command."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from asking import accept, count, counted
from commands import refused, run
from nowline.model.batch import Batch
from nowline.model.series import MetricType, SeriesKey
from polling import eventually
from running import Server


def batch(name: str) -> bytes:
    """A batch of two rows."""
    now = int(time.time() * 1000)
    return Batch(
        [SeriesKey.of(name, {}).encode()],
        [MetricType.GAUGE],
        np.zeros(2, np.uint32),
        np.array([now - 1, now], np.int64),
        np.array([1.0, 2.0]),
        now,
    ).encode()


def damaged(name: str) -> bytes:
    return batch(name)[:-1] + b"?"


def append(folder: Path, *blobs: bytes) -> None:
    """Append to the log of a stopped server."""
    with closing(sqlite3.connect(folder / "log.sqlite")) as db:
        db.executemany("INSERT INTO records(blob) VALUES (?)", [(blob,) for blob in blobs])
        db.commit()


def mend(folder: Path, name: str) -> None:
    """Put whole batches in the place of damaged ones."""
    with closing(sqlite3.connect(folder / "log.sqlite")) as db:
        db.execute("UPDATE dead_letters SET blob = ?", [batch(name)])
        db.commit()


def listed(client: httpx.Client) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/dead-letters").raise_for_status()
    found: list[dict[str, Any]] = answer.json()["dead_letters"]
    return found


@pytest.fixture
def stopped(data_dir: Path) -> Server:
    """A server that was stopped, and whose log then got three damaged records and a whole one."""
    server = Server(data_dir)
    with server:
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "before", "value": 1})
            assert counted(reader, "before", 1) == 1
        assert server.stop() == 0
    append(data_dir, damaged("a"), damaged("a"), batch("whole"), damaged("a"))
    return server


def gauges(client: httpx.Client) -> dict[str, float]:
    parsed = text_string_to_metric_families(client.get("/metrics").text)  # type: ignore[no-untyped-call]
    samples = [sample for family in parsed for sample in family.samples]
    return {
        sample.name + sample.labels.get("group", ""): sample.value
        for sample in samples
        if sample.name.startswith(("nowline_dead", "nowline_log"))
    }


def test_damaged_records_stop_nothing_and_are_listed(stopped: Server) -> None:
    with stopped as server, server.alice() as client, server.ingest() as sender:
        assert counted(client, "whole", 2) == 2
        accept(sender, {"name": "after", "value": 1})
        assert counted(client, "after", 1) == 1
        assert eventually(lambda: len(listed(client)) == 3)
        letters = listed(client)
        first = letters[0]
        assert first.keys() == {"id", "at", "group", "reason", "rows", "bytes"}
        assert (first["group"], first["rows"], first["bytes"]) == ("store", None, len(batch("a")))
        assert "fails its checksum" in first["reason"]
        ids = [int(letter["id"]) for letter in letters]
        assert ids == [ids[0], ids[0] + 1, ids[0] + 3]
        page = client.get("/api/v1/dead-letters?limit=2").json()
        rest = client.get(f"/api/v1/dead-letters?limit=2&cursor={page['next_cursor']}").json()
        assert page["dead_letters"] + rest["dead_letters"] == letters
        assert rest["next_cursor"] is None
        measured = gauges(client)
        assert measured["nowline_dead_lettersstore"] == 3
        assert measured["nowline_dead_letters_bytes"] == 3 * len(batch("a"))
        assert client.get("/readyz").status_code == 200


def test_bad_requests_are_told(stopped: Server) -> None:
    with stopped as server, server.alice() as client:
        for cursor in ("x", "-1", "", "1" * 30):
            answer = client.get("/api/v1/dead-letters", params={"cursor": cursor})
            assert answer.status_code == 400
            assert answer.json()["errors"][0]["field"] == "cursor"
        assert client.get("/api/v1/dead-letters?limit=0").status_code == 400
        for letter in ("999", "x", "-1", "1" * 30):
            assert client.post(f"/api/v1/dead-letters/{letter}/replay").status_code == 404
            assert client.delete(f"/api/v1/dead-letters/{letter}").status_code == 404


def test_a_replay_takes_it_in_and_a_drop_ends_it(stopped: Server) -> None:
    with stopped as server:
        with server.alice() as client:
            assert eventually(lambda: len(listed(client)) == 3)
            one, two, _ = (letter["id"] for letter in listed(client))
            # Its bytes are what they were: it comes back under another id.
            offset = client.post(f"/api/v1/dead-letters/{one}/replay").raise_for_status().json()
            assert eventually(lambda: str(offset["offset"]) in {e["id"] for e in listed(client)})
            assert one not in {letter["id"] for letter in listed(client)}
            assert client.delete(f"/api/v1/dead-letters/{two}").status_code == 204
            assert len(listed(client)) == 2
            entries = client.get("/api/v1/audit").json()["entries"][:2]
            assert [(e["action"], e["target"], e["actor"]) for e in entries] == [
                ("dead_letter.drop", two, "alice@example.com"),
                ("dead_letter.replay", one, "alice@example.com"),
            ]
        assert server.stop() == 0
        mend(server.folder, "mended")
        server.start()
        with server.alice() as client:
            ids = [letter["id"] for letter in listed(client)]
            for letter in ids:
                client.post(f"/api/v1/dead-letters/{letter}/replay").raise_for_status()
            assert counted(client, "mended", 4) == 4
            assert listed(client) == []
            again = client.post(f"/api/v1/dead-letters/{ids[0]}/replay")
            assert again.status_code == 404
        server.kill()
        server.start()
        with server.alice() as client:
            assert counted(client, "mended", 4) == 4
            assert (count(client, "whole"), count(client, "before")) == (2, 1)


def command(folder: Path, *arguments: str) -> str:
    done = run(folder, "dead-letters", *arguments)
    assert done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).decode()


def test_commands_do_the_same_beside_a_server_and_without_one(stopped: Server) -> None:
    folder = stopped.folder
    with stopped as server:
        with server.alice() as client:
            assert eventually(lambda: len(listed(client)) == 3)
            letters = listed(client)
        beside = command(folder, "list", "--json")
        assert json.loads(beside) == {"dead_letters": letters}
        head, *lines = command(folder, "list").splitlines()
        assert head.split() == ["ID", "AT", "GROUP", "ROWS", "BYTES", "REASON"]
        assert [line.split()[0] for line in lines] == [letter["id"] for letter in letters]
        assert command(folder, "drop", letters[0]["id"]) == "Dropped 1.\n"
        assert "There is no dead letter" in refused(
            folder, "dead-letters", "drop", letters[0]["id"]
        )
        with server.alice() as client:
            keys = client.get("/api/v1/keys").json()["keys"]
            assert [key["name"] for key in keys] == ["NOWLINE_INGEST_KEY"]
        assert server.stop() == 0
        assert json.loads(command(folder, "list", "--json")) == {"dead_letters": letters[1:]}
        assert command(folder, "drop", letters[1]["id"]) == "Dropped 1.\n"
        assert "There is no dead letter" in refused(folder, "dead-letters", "replay", "x")
        mend(folder, "mended")
        assert command(folder, "replay", "--all") == "Replayed 1.\n"
        assert json.loads(command(folder, "list", "--json")) == {"dead_letters": []}
        server.start()
        with server.alice() as client:
            assert counted(client, "mended", 2) == 2
            actions = [e["action"] for e in client.get("/api/v1/audit").json()["entries"]]
            assert actions.count("dead_letter.drop") == 2
            assert actions.count("dead_letter.replay") == 1


def test_commands_say_what_they_want(data_dir: Path) -> None:
    assert "There is no folder" in refused(data_dir, "dead-letters", "list")
    data_dir.mkdir()
    for arguments in (["drop"], ["replay"], ["drop", "1", "--all"]):
        line = refused(data_dir, "dead-letters", *arguments)
        assert "name some, or give --all" in line
