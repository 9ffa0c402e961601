"""Events and task executions as they are sent: good ones kept, bad ones named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.errors import NowlineError
from nowline.ingest.columns import Rejected
from nowline.ingest.derived import of_events, of_tasks
from nowline.ingest.events import Arrived, EventDecoder
from nowline.ingest.masking import Masker
from nowline.ingest.rows import Row, of_json, of_lines
from nowline.ingest.tasks import Task, TaskDecoder
from nowline.model.event import Event, Happened

NOW = 1_800_000_000_000
MASKER = Masker(b"a secret of at least thirty-two bytes")
Metrics = dict[tuple[str, tuple[tuple[str, str], ...]], list[float]]


def events(*sent: object) -> tuple[list[Arrived], list[Rejected]]:
    return EventDecoder(MASKER).decode(of_json(json.dumps(sent).encode(), "events"), NOW)


def tasks(*sent: object) -> tuple[list[Task], list[Rejected]]:
    return TaskDecoder(MASKER).decode(of_json(json.dumps(sent).encode(), "tasks"))


def event_metrics(*sent: object) -> Metrics:
    good, rejected = events(*sent)
    assert not rejected
    return metrics_of(of_events((each.event, each.call) for each in good))


def metrics_of(columns: object) -> Metrics:
    found: Metrics = {}
    for label, value in zip(columns.label.tolist(), columns.value.tolist(), strict=True):  # type: ignore[attr-defined]
        told = columns.labels[label]  # type: ignore[attr-defined]
        found.setdefault((told.name, tuple(told.tags.items())), []).append(value)
    return found


def task(**fields: object) -> dict[str, object]:
    sent = {"task_id": "1", "task_type": "mail", "start_time": NOW - 1500, "end_time": NOW}
    return {**sent, "status": "success", **fields}


CALL = {"endpoint": "/shop", "method": "GET", "status": 200, "duration_ms": 12.5}


def test_an_event_is_kept_with_all_that_it_says() -> None:
    sent = {
        "event_type": "API_CALL",
        "user_id": 7,
        "organization_id": "acme",
        "session_id": "s",
        "timestamp": "2027-01-15T08:00:00Z",
        "event_id": "e1",
        "metadata": {**CALL, "feature": "cart"},
    }
    (arrived,), _ = events(sent)
    assert arrived.event == Event(
        event_type="API_CALL",
        time=NOW,
        event_id="e1",
        user_id="7",
        organization_id="acme",
        session_id="s",
        metadata=json.dumps({**CALL, "feature": "cart"}, separators=(",", ":")),
        status=200,
        endpoint="/shop",
        feature="cart",
    )
    assert arrived.key is not None


def test_an_event_that_says_little_gets_the_time_and_an_id_of_its_own() -> None:
    good, _ = events({"event_type": "X"}, {"event_type": "X"})
    assert {each.event.time for each in good} == {NOW}
    assert len({each.event.event_id for each in good}) == 2
    assert [each.key for each in good] == [None, None]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({}, "event_type: is missing"),
        ({"event_type": " "}, "event_type: must not be empty"),
        ({"event_type": "X" * 256}, "event_type: is over 255 bytes"),
        ({"event_type": 1}, "event_type: Expected `str`, got `int`"),
        ({"event_type": "X", "user": "bob"}, "user: unknown field"),
        ({"event_type": "X", "user_id": ""}, "user_id: must have from 1 to 255 bytes"),
        ({"event_type": "X", "event_id": "e" * 256}, "event_id: must have from 1 to 255 bytes"),
        ({"event_type": "X", "metadata": []}, "metadata: Expected `object | null`, got `array`"),
        ({"event_type": "X", "metadata": {"a": "x" * 65536}}, "metadata: is over 65536 bytes"),
        (
            {"event_type": "X", "timestamp": "yesterday"},
            "timestamp: must be RFC 3339 with a zone, or epoch milliseconds",
        ),
        (7, "row: Expected `object`, got `int`"),
    ],
)
def test_a_bad_event_is_named_and_the_others_are_kept(sent: object, error: str) -> None:
    good, rejected = events({"event_type": "A"}, sent, {"event_type": "B"})
    assert [(each.place, each.event.event_type) for each in good] == [(0, "A"), (2, "B")]
    assert rejected == [Rejected(1, error)]


def test_an_envelope_an_array_and_lines_are_the_same() -> None:
    row = {"event_type": "A"}
    shapes: list[list[Row]] = [
        of_json(json.dumps({"events": [row]}).encode(), "events"),
        of_json(json.dumps([row]).encode(), "events"),
        of_lines(json.dumps(row).encode() + b"\n\n"),
    ]
    for rows in shapes:
        good, rejected = EventDecoder(MASKER).decode(rows, NOW)
        assert (len(good), rejected) == (1, [])


@pytest.mark.parametrize(
    ("body", "field"),
    [(b"{}", "events"), (b'{"event":[]}', "event"), (b'{"events":1}', "events"), (b"7", "events")],
)
def test_a_body_that_is_no_batch_is_refused_with_the_field(body: bytes, field: str) -> None:
    with pytest.raises(NowlineError) as refused:
        of_json(body, "events")
    assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(NowlineError, match="cannot be read as JSON"):
        of_json(body, "events")


def test_only_the_broken_line_is_refused() -> None:
    rows = of_lines(b'{"event_type":"A"}\n{"event_type":\n\xff\n{"event_type":"B"}')
    good, rejected = EventDecoder(MASKER).decode(rows, NOW)
    assert [each.place for each in good] == [0, 3]
    assert [row.index for row in rejected] == [1, 2]


def test_each_event_counts_and_a_call_has_its_metrics() -> None:
    failed = {**CALL, "status": "503"}
    found = event_metrics(
        {"event_type": "USER_LOGIN"},
        {"event_type": "API_CALL", "metadata": CALL},
        {"event_type": "API_CALL", "metadata": failed},
        {"event_type": "API_CALL", "metadata": {"duration_ms": -1, "status": "teapot"}},
    )
    good = (("endpoint", "/shop"), ("method", "GET"), ("status", "200"))
    bad = (("endpoint", "/shop"), ("method", "GET"), ("status", "503"))
    assert found == {
        ("events", (("event_type", "USER_LOGIN"),)): [1],
        ("events", (("event_type", "API_CALL"),)): [1, 1, 1],
        ("api.calls", good): [1],
        ("api.calls", bad): [1],
        ("api.calls", ()): [1],
        ("api.errors", bad): [1],
        ("api.duration", good): [12.5],
        ("api.duration", bad): [12.5],
    }


def test_a_long_endpoint_counts_under_as_much_of_it_as_a_tag_takes() -> None:
    found = event_metrics({"event_type": "API_CALL", "metadata": {"endpoint": "/" + "é" * 600}})
    (tags,) = [dict(tags) for name, tags in found if name == "api.calls"]
    assert tags["endpoint"] == "/" + "é" * 511


def test_a_task_has_its_metrics_when_it_ended() -> None:
    (done,), _ = tasks(task(queue="q", cpu_usage_percent=12.5, memory_usage_mb=64))
    columns = of_tasks([done])
    of_queue = (("task_type", "mail"), ("queue", "q"))
    counted = (*of_queue, ("status", "success"))
    assert metrics_of(columns) == {
        ("task.count", counted): [1],
        ("task.duration", counted): [1500],
        ("task.cpu", of_queue): [12.5],
        ("task.memory", of_queue): [64],
    }
    assert set(columns.time.tolist()) == {NOW}
    assert json.loads(columns.metadata["task.duration"]) == {"unit": "ms"}


def test_a_failure_keeps_its_reason_masked() -> None:
    sent = task(status="failure", error_message="no bob@example.com", context={"try": 3})
    (failed,), _ = tasks(sent)
    assert failed.failure is not None
    told = json.loads(failed.failure.metadata)
    assert told == {
        "task_id": "1",
        "task_type": "mail",
        "error_message": f"no {MASKER.text('bob@example.com')}",
        "context": {"try": 3},
    }
    assert failed.failure.event_type == "TASK_FAILED"


def test_a_failure_counts_as_an_event() -> None:
    (failed, done), _ = tasks(task(status="failure"), task())
    found = metrics_of(of_tasks([failed, done]))
    assert found["events", (("event_type", "TASK_FAILED"),)] == [1]


@pytest.mark.parametrize("depth", [300, 400, 900, 5_000])
def test_what_is_nested_too_deeply_refuses_only_its_row(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    failed = json.dumps(task(status="failure"))[:-1] + f', "context": {{"a": {deep}}}}}'
    good, rejected = TaskDecoder(MASKER).decode(
        of_lines(f"{failed}\n{json.dumps(task())}".encode())
    )
    assert sorted([each.place for each in good] + [row.index for row in rejected]) == [0, 1]
    assert 1 in [each.place for each in good]
    event = json.dumps({"event_type": "A"})[:-1] + f', "metadata": {{"a": {deep}}}}}'
    arrived, refused = EventDecoder(MASKER).decode(of_lines(event.encode()), NOW)
    assert len(arrived) + len(refused) == 1


def test_the_same_execution_has_the_same_key_and_another_one_another() -> None:
    (first, again, retried), _ = tasks(task(), task(), task(end_time=NOW + 1))
    assert first.key == again.key != retried.key


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"end_time": NOW - 2000}, "end_time: must not be before start_time"),
        ({"start_time": "then"}, "start_time: must be RFC 3339 with a zone, or epoch milliseconds"),
        ({"status": ""}, "status: must have from 1 to 255 bytes"),
        ({"cpu_usage_percent": -1}, "cpu_usage_percent: must be a number that is not negative"),
        ({"context": {"a": "x" * 65536}}, "context: with error_message is over 65536 bytes"),
        ({"retries": 1}, "retries: unknown field"),
    ],
)
def test_a_bad_task_is_named(fields: dict[str, object], error: str) -> None:
    good, rejected = tasks(task(), task(**fields))
    assert len(good) == 1
    assert rejected == [Rejected(1, error)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(json_values | st.fixed_dictionaries({"event_type": json_values}), max_size=5))
def test_whatever_is_sent_each_row_is_either_kept_or_named(sent: list[object]) -> None:
    body = json.dumps(sent).encode()
    good, rejected = EventDecoder(MASKER).decode(of_json(body, "events"), NOW)
    places = [each.place for each in good] + [row.index for row in rejected]
    assert sorted(places) == list(range(len(sent)))
    kept = [each.event for each in good]
    assert Happened.decode(Happened(kept, []).encode()).events == kept


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_apart_or_refused(body: bytes) -> None:
    EventDecoder(MASKER).decode(of_lines(body), NOW)
    TaskDecoder(MASKER).decode(of_lines(body))
    try:
        of_json(body, "events")
    except NowlineError:
        return
