"""Events and tasks through the doors, and what is told of them, by a real server."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from asking import ask
from polling import eventually
from running import INGEST_KEY, Server

EVENTS, TASKS = "/api/v1/ingest/events", "/api/v1/ingest/tasks"
PEOPLE = {
    "address": "203.0.113.77",
    "mail": "bob.private@example.com",
    "name": "carol.hidden@example.org",
    "build": "6099.71",
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose counters nobody else counts on."""
    with Server(tmp_path_factory.mktemp("activity") / "data") as running:
        yield running


def now_ms() -> int:
    return int(time.time() * 1000)


def take(client: httpx.Client, url: str, *rows: object) -> dict[str, Any]:
    answer = client.post(url, json=list(rows))
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def total(client: httpx.Client, name: str, **tags: str) -> float:
    """What a metric of these tags adds up to."""
    return sum(float(p["value"]) for p in ask(client, name, aggregation="sum", filters=tags))


def failures(client: httpx.Client, task_type: str) -> list[dict[str, Any]]:
    """What is told of failed tasks of a type."""
    events = client.get("/api/v1/activity", params={"event_type": "TASK_FAILED"}).json()["events"]
    return [event for event in events if event["metadata"]["task_type"] == task_type]


def of_user(client: httpx.Client, user: str, **asked: str) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/activity", params={"user_id": user, **asked})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["events"])


def test_an_event_is_told_as_it_happened(sender: httpx.Client, reader: httpx.Client) -> None:
    sent = {
        "event_type": "PRODUCT_UPDATED",
        "user_id": "teller",
        "organization_id": "acme",
        "session_id": "s-1",
        "timestamp": now_ms() - 1000,
        "event_id": "told-1",
        "metadata": {"details": "größer", "nested": {"list": [1, None, 2.5]}},
    }
    assert take(sender, EVENTS, sent) == {"accepted": 1, "rejected": []}
    (told,) = eventually(lambda: of_user(reader, "teller"))
    assert told.pop("timestamp").endswith("Z")
    assert told == {key: value for key, value in sent.items() if key != "timestamp"}
    assert "told-1" in {
        e["event_id"] for e in reader.get("/api/v1/activity/recent").json()["events"]
    }


def test_bad_events_are_named_and_the_good_ones_kept(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    good = {"event_type": "X", "user_id": "half"}
    early = {**good, "timestamp": "1970-01-01T00:00:00Z"}
    late = {**good, "timestamp": now_ms() + 10 * 60_000}
    outcome = take(sender, EVENTS, good, {"event_type": ""}, early, late, good)
    assert outcome["accepted"] == 2
    assert [row["index"] for row in outcome["rejected"]] == [1, 2, 3]
    assert len(eventually(lambda: of_user(reader, "half"))) == 2


def test_the_same_event_counts_once_in_every_way(
    sender: httpx.Client, reader: httpx.Client
) -> None:
    sent = {"event_type": "ONLY_ONCE", "user_id": "twice", "event_id": "twice-1"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: take(sender, EVENTS, sent, sent), range(8)))
    assert {answer["accepted"] for answer in answers} == {2}
    assert len(eventually(lambda: of_user(reader, "twice"))) == 1
    take(sender, EVENTS, sent)
    assert total(reader, "events", event_type="ONLY_ONCE") == 1
    assert len(of_user(reader, "twice")) == 1


def test_a_task_sent_again_counts_once(sender: httpx.Client, reader: httpx.Client) -> None:
    end = now_ms()
    sent = {"task_id": "7", "task_type": "once", "start_time": end - 250, "end_time": end}
    failed = {**sent, "status": "failure", "error_message": "no paper", "queue": "printing"}
    for _ in range(2):
        assert take(sender, TASKS, failed) == {"accepted": 1, "rejected": []}
    assert total(reader, "task.count", task_type="once") == 1
    assert total(reader, "task.count", status="failure", queue="printing") == 1
    assert total(reader, "task.duration", task_type="once") == 250
    (told,) = eventually(lambda: failures(reader, "once"))
    assert told["metadata"]["error_message"] == "no paper"


def test_pages_are_exact_while_events_come_in(sender: httpx.Client, reader: httpx.Client) -> None:
    start = now_ms() - 60_000
    rows = [
        {
            "event_type": "PAGED",
            "user_id": "pager",
            "timestamp": start + n // 3,
            "event_id": f"p{n}",
        }
        for n in range(50)
    ]
    take(sender, EVENTS, *rows)
    eventually(lambda: len(of_user(reader, "pager")) == 50)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        asked = {"user_id": "pager", "limit": "7", **cursor}
        page = reader.get("/api/v1/activity", params=asked).json()
        seen += [event["event_id"] for event in page["events"]]
        more = {"event_type": "PAGED", "user_id": "pager", "timestamp": start + 100 + len(seen)}
        take(sender, EVENTS, more)
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"p{n}" for n in reversed(range(50))]


def test_events_are_found_by_what_they_say(sender: httpx.Client, reader: httpx.Client) -> None:
    now = now_ms()
    for n, (kind, session) in enumerate([("A", "x"), ("A", "y"), ("B", "x")]):
        event = {
            "event_type": f"FOUND_{kind}",
            "user_id": "finder",
            "session_id": f"find-{session}",
        }
        take(sender, EVENTS, {**event, "organization_id": "org", "timestamp": now - 1000 * n})
    eventually(lambda: len(of_user(reader, "finder")) == 3)
    assert len(of_user(reader, "finder", event_type="FOUND_A")) == 2
    assert len(of_user(reader, "finder", session_id="find-x", organization_id="org")) == 2
    assert len(of_user(reader, "finder", start=str(now - 1000))) == 2
    assert len(of_user(reader, "finder", end=str(now))) == 2
    assert of_user(reader, "finder", event_type="FOUND_C") == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/activity?limit=0", "limit"),
        ("/api/v1/activity?limit=1001", "limit"),
        ("/api/v1/activity?limit=many", "limit"),
        ("/api/v1/activity?cursor=abc", "cursor"),
        ("/api/v1/activity?cursor=%C3%A4", "cursor"),
        ("/api/v1/activity?start=yesterday", "start"),
        ("/api/v1/activity?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", "end"),
        ("/api/v1/activity/recent?limit=101", "limit"),
        ("/api/v1/activity/stats?timezone=Mars/Olympus", "timezone"),
    ],
)
def test_a_bad_question_is_refused_with_its_field(
    reader: httpx.Client, path: str, field: str
) -> None:
    answer = reader.get(path)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_far_times_are_questions_like_any_other(reader: httpx.Client) -> None:
    for asked in ({"start": "-9007199254740000"}, {"end": "9007199254740000"}, {"end": "0"}):
        assert reader.get("/api/v1/activity", params=asked).status_code == 200


def test_the_counters_count_what_came_in(own: Server) -> None:
    call = {"event_type": "API_CALL", "metadata": {"endpoint": "/x", "method": "GET"}}
    failed = {**call, "metadata": {**call["metadata"], "status": 500}}  # type: ignore[dict-item]
    with own.ingest() as sender, own.alice() as reader:
        take(sender, EVENTS, {**call, "user_id": "a"}, {**call, "user_id": "b"}, call, failed)
        take(sender, EVENTS, {"event_type": "USER_LOGIN", "user_id": "a"})
        take(sender, EVENTS, {"event_type": "PRODUCT_CREATED", "user_id": "c"})

        def stats() -> dict[str, Any]:
            told: dict[str, Any] = reader.get("/api/v1/activity/stats").json()
            return {key: value for key, value in told.items() if key != "as_of"}

        expected = {
            "active_users": 3,
            "api_calls_per_minute": 4,
            "api_calls_per_second": 4 / 60,
            "logins_per_minute": 1,
            "logins_per_hour": 1,
            "logouts_per_hour": 0,
            "products_created_today": 1,
            "error_rate_percent": 25.0,
        }
        eventually(lambda: stats() == expected)
        assert stats() == expected
    own.stop()
    own.start()
    with own.alice() as reader:
        assert stats() == expected
        assert len(reader.get("/api/v1/activity/recent").json()["events"]) == 6


def test_what_was_sent_before_a_restart_is_known_after_it(own: Server) -> None:
    sent = {"event_type": "X", "user_id": "back", "event_id": "back-1"}
    with own.ingest() as sender:
        take(sender, EVENTS, sent)
    own.kill()
    own.start()
    with own.ingest() as sender, own.alice() as reader:
        take(sender, EVENTS, sent)
        eventually(lambda: of_user(reader, "back"))
        assert len(of_user(reader, "back")) == 1
        assert total(reader, "events", event_type="X") == 1


def test_nobody_takes_the_metrics_of_events_another_way(tmp_path: Path) -> None:
    call = {"event_type": "API_CALL", "metadata": {"endpoint": "/x", "duration_ms": 5}}
    rows = [
        {"name": "api.calls", "value": 1, "type": "gauge"},
        {"name": "api.duration", "value": 5},
        {"name": "events", "value": 1},
    ]
    with Server(tmp_path / "data") as server, server.ingest() as sender, server.alice() as reader:
        answer = sender.post("/api/v1/ingest/metrics", json=rows).json()
        assert answer["accepted"] == 2
        assert answer["rejected"] == [
            {"index": 0, "error": "type: api.calls is a counter since its first row, not a gauge"}
        ]
        take(sender, EVENTS, call)
        assert total(reader, "api.calls") == 1
        assert total(reader, "events") == 2
        assert total(reader, "api.duration") == 10


def test_nobody_is_found_in_the_files_or_the_logs(own: Server) -> None:
    event = {
        "event_type": "USER_LOGIN",
        "user_id": PEOPLE["mail"],
        "metadata": {
            "ip_address": PEOPLE["address"],
            "user_agent": f"Mozilla/5.0 Chrome/120.0.{PEOPLE['build']}",
            "details": {"to": [f"written to {PEOPLE['name']}"]},
        },
    }
    bad = {**event, "surprise": PEOPLE["name"]}
    end = now_ms()
    task = {"task_id": "1", "task_type": "mail", "start_time": end, "end_time": end}
    with own.ingest() as sender, own.alice() as reader:
        take(sender, EVENTS, event, bad)
        take(sender, TASKS, {**task, "status": "failure", "error_message": PEOPLE["mail"]})
        assert eventually(lambda: of_user(reader, PEOPLE["mail"]))
        told = json.dumps(reader.get("/api/v1/activity").json())
        assert not [secret for secret in PEOPLE.values() if secret in told]
    own.stop()
    found = [(file, who) for file in files(own) for who in PEOPLE.values() if who in content(file)]
    own.start()
    assert not found


def files(server: Server) -> list[Path]:
    log = server.folder.parent / f"{server.folder.name}.log"
    return [log, *(file for file in server.folder.rglob("*") if file.is_file())]


def content(file: Path) -> str:
    return file.read_bytes().decode("latin-1")


def test_only_who_may_sends_and_reads(server: Server, sender: httpx.Client) -> None:
    paths = ("/api/v1/activity", "/api/v1/activity/recent", "/api/v1/activity/stats")
    with server.client() as charlie, server.alice() as alice:
        for url in (EVENTS, TASKS):
            assert charlie.post(url, json=[]).status_code == 401
            assert alice.post(url, json=[]).status_code == 403
        for path in paths:
            assert charlie.get(path).status_code == 401
            assert sender.get(path).status_code == 403


@pytest.mark.parametrize("url", [EVENTS, TASKS])
def test_what_is_no_batch_is_refused(sender: httpx.Client, url: str) -> None:
    key = {"authorization": f"Bearer {INGEST_KEY}"}
    assert (
        sender.post(url, content=b"{", headers={"content-type": "application/json"}).status_code
        == 400
    )
    assert sender.post(url, content=b"a,b", headers={"content-type": "text/csv"}).status_code == 415
    packed = {**key, "content-type": "application/json", "content-encoding": "br"}
    assert sender.post(url, content=b"[]", headers=packed).status_code == 415
    assert sender.post(url, json={"rows": []}).status_code == 400
    assert sender.post(url, json=[]).json() == {"accepted": 0, "rejected": []}


def test_what_cannot_be_read_says_so_among_its_errors(sender: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    for url, body in ((EVENTS, b"{"), (TASKS, b"["), ("/api/v1/ingest/metrics", b"[NaN]")):
        problem = sender.post(url, content=body, headers=headers).json()
        assert problem["status"] == 400
        assert [error["message"] for error in problem["errors"]] == [problem["detail"]]


def test_how_long_a_body_may_be_is_a_setting(tmp_path: Path) -> None:
    limits = {"NOWLINE_INGEST_BODY": "1000", "NOWLINE_INGEST_UNPACKED": "2000"}
    with Server(tmp_path / "data", **limits) as server, server.ingest() as sender:
        headers = {"content-type": "application/json"}
        empty = b"[" + b" " * 998 + b"]"
        assert sender.post(EVENTS, content=empty, headers=headers).status_code == 202
        assert sender.post(EVENTS, content=empty + b" ", headers=headers).status_code == 413
        packed = {**headers, "content-encoding": "gzip"}
        longer = b"[" + b" " * 1_999 + b"]"
        assert sender.post(EVENTS, content=gzip.compress(longer), headers=packed).status_code == 413
