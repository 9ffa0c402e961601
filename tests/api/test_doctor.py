"""`nowline doctor` beside a running server and without one."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from asking import accept, counted
from commands import content, run
from nowline.bus.base import DeadLetter
from nowline.bus.logfile import LogFile
from nowline.ingest import native
from polling import eventually
from redis_server import durable_redis, own_redis
from running import Server


def examined(folder: Path, code: int, **settings: str) -> dict[str, Any]:
    """What it tells programs, after checking that it exits as it should."""
    done = run(folder, "doctor", "--json", **settings)
    assert done.returncode == code, done.stdout
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["ok"] is (code == 0)
    return told


def failed(folder: Path, **settings: str) -> dict[str, str]:
    checks = examined(folder, 1, **settings)["checks"]
    return {check["name"]: check["detail"] for check in checks if check["status"] == "failure"}


def test_all_is_well_beside_a_server_and_after_it(data_dir: Path) -> None:
    with Server(data_dir) as server:
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "a", "value": 1})
            assert counted(reader, "a", 1) == 1
            happened = {"events": [{"event_type": "A"}, {"event_type": "B"}]}
            sender.post("/api/v1/ingest/events", json=happened).raise_for_status()
            assert eventually(lambda: reader.get("/api/v1/activity").json()["events"])
        running = examined(data_dir, 0)
        with server.alice() as reader:
            assert [key["name"] for key in reader.get("/api/v1/keys").json()["keys"]] == [
                "NOWLINE_INGEST_KEY"
            ]
        assert server.stop() == 0
    details = {check["name"]: check["detail"] for check in running["checks"]}
    assert details["server"] == f"{server.url} is ready"
    before = content(data_dir)
    stopped = examined(data_dir, 0)
    assert content(data_dir) == before
    for told in (running, stopped):
        raw, *_ = told["store"]["levels"]
        assert (raw["level"], raw["keep_seconds"]) == ("raw", 30 * 86_400)
    assert stopped["store"]["levels"][0]["rows"] > 0
    for told in (running, stopped):
        events = told["store"]["events"]
        assert events["events"] == 2
        assert events["bytes"] > 0
        assert events["oldest"].endswith("-01T00:00:00.000Z")
        assert events["keep_seconds"] == 365 * 86_400
    assert details["events"].endswith("activity.sqlite, sound")
    assert (details["scanner"] == "is native") is native.IS_BUILT


def test_people_get_a_line_a_check_and_a_table(data_dir: Path) -> None:
    with Server(data_dir) as server:
        assert server.stop() == 0
    done = run(data_dir, "doctor")
    assert done.returncode == 0
    checks, _, table = done.stdout.decode().partition("\n\n")
    assert {line.split()[0] for line in checks.splitlines()} <= {"ok", "warning"}
    head, *levels = table.splitlines()
    assert head.split()[:2] == ["level", "rows"]
    assert [line.split()[0] for line in levels] == ["raw", "1m", "5m", "1h", "1d", "events"]
    assert levels[0].endswith("30 d")


def test_what_is_wrong_is_named(data_dir: Path) -> None:
    with Server(data_dir) as server:
        assert server.stop() == 0
    assert failed(data_dir.parent / "none").keys() == {"data folder"}
    assert failed(data_dir, NOWLINE_PORT="x").keys() == {"settings"}
    data_dir.chmod(0o750)
    (data_dir / "secret.key").chmod(0o640)
    for name in ("activity.sqlite", "documents.sqlite", "log.sqlite", "nowline.duckdb"):
        (data_dir / name).write_bytes(b"something else " * 1000)
    found = failed(data_dir)
    assert found.keys() == {"data folder", "signing key", "documents", "events", "log", "store"}
    assert f"chmod 700 {data_dir}" in found["data folder"]
    assert f"chmod 600 {data_dir}/secret.key" in found["signing key"]


def log_check(folder: Path, **settings: str) -> tuple[str, str]:
    done = run(folder, "doctor", "--json", **settings)
    checks = json.loads(done.stdout)["checks"]
    return next((c["status"], c["detail"]) for c in checks if c["name"] == "log")


def test_dead_letters_are_a_warning(data_dir: Path) -> None:
    with Server(data_dir) as server:
        assert server.stop() == 0
    with closing(LogFile(data_dir / "log.sqlite")) as file:
        file.bury(DeadLetter(7, "store", "why", 1, None, 1), b"x")
    status, detail = log_check(data_dir)
    assert status == "warning"
    assert detail.endswith("1 dead letters: see `nowline dead-letters list`")


def test_what_a_log_in_redis_promises_is_told(data_dir: Path) -> None:
    with Server(data_dir, NOWLINE_BUS_URL=own_redis().url) as server:
        with server.client() as client:
            (warning,) = client.get("/readyz").raise_for_status().json()["warnings"]
        assert "appendonly no: " in warning
        status, detail = log_check(data_dir, NOWLINE_BUS_URL=own_redis().url)
        assert (status, "appendonly no: " in detail) == ("warning", True)
        status, detail = log_check(data_dir, NOWLINE_BUS_URL=durable_redis().url)
        assert (status, "appendfsync always: " in detail) == ("ok", True)
        status, detail = log_check(data_dir, NOWLINE_BUS_URL="redis://127.0.0.1:1")
        assert (status, "does not answer" in detail) == ("failure", True)


def test_a_clock_behind_the_data_is_told(data_dir: Path) -> None:
    with Server(data_dir) as server:
        assert server.stop() == 0
    ahead = time.time() + 3600
    os.utime(data_dir / "log.sqlite", (ahead, ahead))
    assert failed(data_dir).keys() == {"clock"}
