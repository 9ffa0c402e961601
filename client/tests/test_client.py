from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from datetime import UTC, datetime

import pytest

from nowline_client import Nowline, TaskRun
from receiver import Answer, Receiver

pytest_plugins = ["recording"]
# Python 3.12 and later warn of every fork beside threads; that it goes well is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

# So long that only what asks for it sends.
NEVER = 3600.0


def test_counts_of_a_series_arrive_as_one_point(receiver: Receiver, nl: Nowline) -> None:
    for _ in range(5):
        nl.count("orders")
        nl.count("orders", 2, shop="rome")
    before = time.time() * 1000
    assert nl.flush()
    points = receiver.metric("orders")
    assert [(row["value"], row.get("tags")) for row in points] == [
        (5, None),
        (10, {"shop": "rome"}),
    ]
    assert {row["type"] for row in points} == {"counter"}
    assert all(abs(row["time"] - before) < 20_000 for row in points)


def test_each_flush_counts_from_the_one_before(receiver: Receiver, nl: Nowline) -> None:
    for n in (1, 2):
        nl.count("orders", n)
        assert nl.flush()
    assert [row["value"] for row in receiver.metric("orders")] == [1, 2]


def test_observations_and_levels_all_arrive(receiver: Receiver, nl: Nowline) -> None:
    for value in (3, 1.5, 3):
        nl.observe("load_ms", value, page="/")
        nl.gauge("queue", value)
    assert nl.flush()
    loads, levels = receiver.metric("load_ms"), receiver.metric("queue")
    assert [row["value"] for row in loads] == [row["value"] for row in levels] == [3, 1.5, 3]
    assert {row["type"] for row in loads} == {"distribution"}
    assert {row["type"] for row in levels} == {"gauge"}


def test_tags_may_have_the_names_of_parameters(receiver: Receiver, nl: Nowline) -> None:
    nl.count("a", name="b", self="c", value="d")
    nl.gauge("g", 1, name="b", value="c", n="d")
    assert nl.flush()
    assert receiver.metric("a")[0]["tags"] == {"name": "b", "self": "c", "value": "d"}
    assert receiver.metric("g")[0]["tags"] == {"name": "b", "value": "c", "n": "d"}


def test_events_say_who_did_what(receiver: Receiver, nl: Nowline) -> None:
    nl.event(
        "PRODUCT_CREATED", user_id=7, organization_id="acme", session_id="s", details={"id": 1}
    )
    nl.track("export", user_id="ada", format="csv")
    nl.login("ada", ip_address="192.0.2.1")
    nl.logout("ada", session_id="s")
    nl.registered(uuid.UUID(int=1), organization_id="acme")
    assert nl.flush()
    rows = receiver.rows("events")
    assert len({row.pop("event_id") for row in rows}) == 5
    assert all(abs(row.pop("timestamp") - time.time() * 1000) < 20_000 for row in rows)
    assert rows == [
        {
            "event_type": "PRODUCT_CREATED",
            "user_id": "7",
            "organization_id": "acme",
            "session_id": "s",
            "metadata": {"details": {"id": 1}},
        },
        {
            "event_type": "FEATURE_USED",
            "user_id": "ada",
            "metadata": {"format": "csv", "feature": "export"},
        },
        {"event_type": "USER_LOGIN", "user_id": "ada", "metadata": {"ip_address": "192.0.2.1"}},
        {"event_type": "USER_LOGOUT", "user_id": "ada", "session_id": "s"},
        {
            "event_type": "USER_REGISTERED",
            "user_id": "00000000-0000-0000-0000-000000000001",
            "organization_id": "acme",
        },
    ]


def test_an_event_may_have_a_time_and_an_id_of_its_own(receiver: Receiver, nl: Nowline) -> None:
    nl.event("X", timestamp=datetime(2026, 1, 1, tzinfo=UTC), event_id="mine")
    assert nl.flush()
    (row,) = receiver.rows("events")
    assert (row["timestamp"], row["event_id"]) == (1_767_225_600_000, "mine")


def test_a_task_that_was_measured_elsewhere(receiver: Receiver, nl: Nowline) -> None:
    nl.record_task(TaskRun("mail", 0.0, 1.5, "failure", error_message="no", queue="slow"))
    assert nl.flush()
    (row,) = receiver.rows("tasks")
    assert (row["start_time"], row["end_time"]) == (
        "1970-01-01T00:00:00.000000Z",
        "1970-01-01T00:00:01.500000Z",
    )
    assert (row["status"], row["error_message"], row["queue"]) == ("failure", "no", "slow")


def test_it_sends_by_itself_every_interval(receiver: Receiver) -> None:
    with Nowline(receiver.url, "key", flush_interval=0.01) as nl:
        for n in (1, 2, 3):
            nl.count("orders")
            receiver.wait_for(lambda n=n: len(receiver.metric("orders")) == n)  # type: ignore[misc]


def test_a_full_batch_does_not_wait_for_the_interval(receiver: Receiver, nl: Nowline) -> None:
    for value in range(1000):
        nl.gauge("queue", value)
    receiver.wait_for(lambda: len(receiver.metric("queue")) == 1000)


def test_a_server_that_has_no_time_gets_the_same_events_again(receiver: Receiver) -> None:
    hurry = {"Retry-After": "0"}
    receiver.answers.extend([Answer(503, headers=hurry), Answer(507), Answer(0)])
    with Nowline(receiver.url, "key", flush_interval=0.01) as nl:
        nl.event("X")
        nl.event("Y")
        assert nl.flush(20)
    assert len(receiver.sent) == 4
    assert all(each.rows == receiver.sent[0].rows for each in receiver.sent)
    assert nl.dropped == 0


def test_a_door_that_is_shut_does_not_hold_up_the_others(receiver: Receiver) -> None:
    receiver.rule = lambda sent: Answer(429 if sent.path.endswith("events") else 202)
    with Nowline(receiver.url, "key", flush_interval=0.01, exit_timeout=0) as nl:
        nl.event("X")
        receiver.wait_for(lambda: len(receiver.rows("events")) == 1)
        nl.count("orders")
        receiver.wait_for(lambda: len(receiver.metric("orders")) == 1)
        assert not nl.flush(0.05)


def test_what_a_server_does_not_take_is_dropped_from_the_oldest_and_said_once(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    with Nowline(receiver.url, "key", flush_interval=NEVER, max_queue=3) as nl:
        for value in range(10):
            nl.gauge("queue", value)
            nl.event("X", details=value)
        assert nl.dropped == 14
        assert nl.flush()
        for value in range(10, 20):
            nl.gauge("queue", value)
        assert nl.flush()
        assert nl.dropped == 21
        said = [text for text in caplog.messages if "in time" in text]
        assert said == ["Nowline: 14 rows are dropped, the server did not take them in time"]
    assert [row["value"] for row in receiver.metric("queue")] == [7, 8, 9, 17, 18, 19]


def test_nothing_it_is_given_raises(
    receiver: Receiver, nl: Nowline, caplog: pytest.LogCaptureFixture
) -> None:
    class Awkward:
        def __str__(self) -> str:
            raise RuntimeError("no text")

        def __hash__(self) -> int:
            raise RuntimeError("no hash")

    awkward = Awkward()
    nl.count("a", [1])  # type: ignore[arg-type]
    nl.count("a", tag=awkward)  # type: ignore[arg-type]
    nl.count(awkward)  # type: ignore[arg-type]
    nl.gauge("a", awkward)  # type: ignore[arg-type]
    nl.gauge(None, 1)  # type: ignore[arg-type]
    nl.observe("a", float("nan"))
    nl.event("X", timestamp=awkward)  # type: ignore[arg-type]
    nl.event("X", details=awkward)
    nl.event("X", details=float("inf"))
    nl.track("X", user_id=awkward)  # type: ignore[arg-type]
    nl.record_task(TaskRun("x", float("nan"), 1))
    nl.count("good")
    assert nl.flush()
    assert [row["name"] for row in receiver.rows("metrics")] == ["good"]
    assert (receiver.rows("events"), receiver.rows("tasks")) == ([], [])
    assert caplog.messages


def test_a_key_that_is_refused_is_said_once(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.rule = lambda _: Answer(401, b'{"detail": "The key is not known."}')
    with Nowline(receiver.url, "wrong", flush_interval=NEVER) as nl:
        for _ in range(3):
            nl.count("orders")
            assert nl.flush()
        assert nl.dropped == 3
        assert len(caplog.records) == 1
        assert "401 The key is not known." in caplog.text


def test_closing_delivers_what_waits_and_ends_the_thread(receiver: Receiver) -> None:
    with Nowline(receiver.url, "key", flush_interval=NEVER) as nl:
        nl.count("orders")
        (thread,) = (each for each in threading.enumerate() if each.name == "nowline-client")
    thread.join(20)
    assert not thread.is_alive()
    assert len(receiver.metric("orders")) == 1
    nl.count("orders")
    nl.close()
    assert not nl.flush(0)
    assert len(receiver.metric("orders")) == 1


def test_closing_waits_no_longer_than_it_may(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with Nowline(f"http://127.0.0.1:{port}", "key", exit_timeout=0.05) as nl:
            nl.count("orders")
            nl.event("X")
    assert "Nowline: 2 rows were not delivered" in caplog.messages


def test_without_a_call_there_is_no_thread_and_no_request(receiver: Receiver) -> None:
    before = threading.active_count()
    with Nowline(receiver.url, "key"):
        assert threading.active_count() == before
    assert receiver.sent == []


@pytest.mark.parametrize(
    "settings",
    [{"flush_interval": 0}, {"max_queue": 0}, {"timeout": 0}, {"exit_timeout": -1}],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Nowline("http://127.0.0.1:8000", "key", **settings)  # type: ignore[arg-type]


def test_gauges_are_read_before_each_flush(
    receiver: Receiver, nl: Nowline, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise RuntimeError("not there")

    nl.before_flush(fails)
    nl.before_flush(lambda: nl.gauge("pool", 3))
    nl.count("orders")
    assert nl.flush()
    assert [row["value"] for row in receiver.metric("pool")] == [3]
    assert "not there" in caplog.text


def test_a_signal_handler_may_record_while_the_application_does(
    receiver: Receiver, nl: Nowline
) -> None:
    caught = 0

    def handle(*_: object) -> None:
        nonlocal caught
        caught += 1
        nl.count("signals")
        nl.event("SIGNAL")

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        while caught < 50:
            nl.count("orders")
            nl.event("ORDER")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert nl.flush(20)
    assert sum(row["value"] for row in receiver.metric("signals")) > 0
    assert sum(row["event_type"] == "SIGNAL" for row in receiver.rows("events")) == caught


def test_a_forked_process_sends_its_own_and_its_parent_what_was_before(
    receiver: Receiver, nl: Nowline
) -> None:
    nl.count("connected")
    assert nl.flush()
    nl.count("orders", 1, by="parent")
    nl.event("BEFORE")
    if (child := os.fork()) == 0:
        try:
            nl.count("orders", 10, by="child")
            nl.event("AFTER")
            os._exit(0 if nl.flush(20) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert nl.flush()
    points = {row["tags"]["by"]: row["value"] for row in receiver.metric("orders")}
    assert points == {"parent": 1, "child": 10}
    assert sorted(row["event_type"] for row in receiver.rows("events")) == ["AFTER", "BEFORE"]


def test_a_fork_while_threads_record_and_send_leaves_no_lock_taken(receiver: Receiver) -> None:
    stop = threading.Event()

    def record(nl: Nowline) -> None:
        while not stop.is_set():
            nl.count("orders", by="parent")
            nl.gauge("queue", 1)

    with Nowline(receiver.url, "key", flush_interval=0.001) as nl:
        threads = [threading.Thread(target=record, args=(nl,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        codes = [_forked(nl) for _ in range(10)]
        stop.set()
        for thread in threads:
            thread.join()
    assert codes == [0] * 10
    of_children = [row for row in receiver.metric("orders") if row["tags"]["by"] == "child"]
    assert sum(row["value"] for row in of_children) == 10


def test_a_process_of_multiprocessing_delivers_what_waits(receiver: Receiver, nl: Nowline) -> None:
    forking = multiprocessing.get_context("fork")
    for n in (1, 10):
        process = forking.Process(target=nl.count, args=("orders", n))
        process.start()
        process.join(30)
        assert process.exitcode == 0
    assert sorted(row["value"] for row in receiver.metric("orders")) == [1, 10]


def _forked(nl: Nowline) -> int:
    if (child := os.fork()) == 0:
        try:
            # A lock that is never given back would leave it hanging.
            signal.setitimer(signal.ITIMER_REAL, 30)
            nl.count("orders", by="child")
            os._exit(0 if nl.flush(20) else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(program: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_end_of_a_process_delivers_what_waits(receiver: Receiver) -> None:
    ended = run(
        "import sys; from nowline_client import Nowline\n"
        "nl = Nowline(sys.argv[1], 'key', flush_interval=3600)\n"
        "nl.count('orders'); nl.event('X')\n"
        "raise SystemExit(3)",
        receiver.url,
    )
    assert (ended.returncode, ended.stderr) == (3, "")
    assert (len(receiver.metric("orders")), len(receiver.rows("events"))) == (1, 1)


def test_what_is_recorded_while_the_process_ends_is_delivered_too(receiver: Receiver) -> None:
    ended = run(
        "import atexit, sys; from nowline_client import Nowline\n"
        "nl = Nowline(sys.argv[1], 'key', flush_interval=3600)\n"
        "atexit.register(lambda: nl.count('orders'))",
        receiver.url,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(receiver.metric("orders")) == 1


def test_a_process_ends_in_time_although_the_server_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ended = run(
            "import sys; from nowline_client import Nowline\n"
            "nl = Nowline(sys.argv[1], 'key', timeout=3600, exit_timeout=0.1)\n"
            "nl.count('orders')",
            f"http://127.0.0.1:{silent.getsockname()[1]}",
        )
    assert ended.returncode == 0
    assert ended.stderr == "Nowline: 1 rows were not delivered\n"


def test_it_needs_nothing_but_the_standard_library() -> None:
    ended = run(
        "import sys, nowline_client\n"
        "outside = {m.split('.')[0] for m in sys.modules} - sys.stdlib_module_names\n"
        "print(sorted(name for name in outside if not name.startswith('_')))",
        "",
    )
    assert ended.stdout == "['nowline_client']\n", ended


def test_trouble_that_has_passed_is_said_anew(
    receiver: Receiver, nl: Nowline, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(2):
        receiver.answers.append(Answer(429))
        nl.count("orders")
        assert nl.flush(20)
    said = [text for text in caplog.messages if "cannot be delivered for now" in text]
    assert len(said) == 2


def test_tasks_are_decorated_with_and_without_a_name(receiver: Receiver, nl: Nowline) -> None:
    @nl.task
    def plain() -> int:
        return 1

    @nl.task("named", queue="slow")
    def named() -> int:
        return 2

    with nl.task("block") as execution:
        execution.context["rows"] = plain() + named()
    assert nl.flush()
    rows = receiver.rows("tasks")
    assert [row["task_type"].rpartition(".")[2] for row in rows] == ["plain", "named", "block"]
    assert rows[1]["queue"] == "slow"
    assert rows[2]["context"] == {"rows": 3}
    assert len({row["task_id"] for row in rows}) == 3
