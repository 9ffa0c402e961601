from __future__ import annotations

import gzip
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline_client.complaints import Complaints
from nowline_client.connection import Answer
from nowline_client.delivery import Delivery
from nowline_client.waiting import BATCH_ROWS, Waiting


def encode(row: int | str) -> bytes:
    if row == "bad":
        raise ValueError("cannot be meant")
    return json.dumps(row).encode()


def delivery(*rows: int | str) -> Delivery[int | str]:
    waiting: Waiting[int | str] = Waiting(100_000, lambda _: None)
    for row in rows:
        waiting.add(row)
    return Delivery("metrics", waiting, encode, Complaints())


def rows(body: bytes | None) -> list[int | str]:
    assert body is not None
    sent: list[int | str] = json.loads(gzip.decompress(body))["metrics"]
    return sent


def test_what_is_taken_is_gone() -> None:
    line = delivery(1, 2)
    assert rows(line.next_body()) == [1, 2]
    assert line.answered(Answer(202), 0.0)
    assert line.next_body() is None
    assert (len(line), line.passed, line.dropped) == (0, 2, 0)


@pytest.mark.parametrize("status", [0, 408, 429, 502, 503, 504, 507])
def test_what_is_put_off_is_kept_and_waits(status: int) -> None:
    line = delivery(1, 2)
    line.next_body()
    assert not line.answered(Answer(status), 100.0)
    assert 0.25 <= line.wait_s(100.0) <= 0.5
    assert len(line) == 2
    assert rows(line.next_body()) == [1, 2]


def test_each_failure_in_a_row_waits_longer_up_to_half_a_minute() -> None:
    line = delivery(1)
    waits = []
    for _ in range(12):
        line.next_body()
        line.answered(Answer(503), 0.0)
        waits.append(line.wait_s(0.0))
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits[:6]))
    assert all(15 <= wait <= 30 for wait in waits[6:])


@pytest.mark.parametrize(
    ("asked", "least", "most"), [(7.0, 7, 7), (0.0, 0.25, 0.5), (1e9, 300, 300)]
)
def test_the_server_is_given_the_time_it_asks_for(asked: float, least: float, most: float) -> None:
    line = delivery(1)
    line.next_body()
    line.answered(Answer(429, retry_after_s=asked), 0.0)
    assert least <= line.wait_s(0.0) <= most


def test_success_forgets_the_failures() -> None:
    line = delivery(1, 2)
    for _ in range(5):
        line.next_body()
        line.answered(Answer(503), 0.0)
    line.next_body()
    line.answered(Answer(202), 0.0)
    assert line.wait_s(0.0) <= 0
    line.waiting.add(3)
    line.next_body()
    line.answered(Answer(503), 0.0)
    assert line.wait_s(0.0) <= 0.5


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 415, 500])
def test_what_is_refused_for_good_is_dropped_and_said(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    line = delivery(1, 2)
    line.next_body()
    assert line.answered(Answer(status, "because"), 0.0)
    assert (len(line), line.dropped) == (0, 2)
    assert caplog.messages == [
        f"Nowline: the server refused 2 of the metrics, which are dropped: {status} because"
    ]


def test_refused_rows_of_a_batch_are_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    line = delivery(1, 2, 3)
    line.next_body()
    assert line.answered(Answer(202, "name: is empty", refused=2), 0.0)
    assert line.dropped == 2
    assert "refused 2 of the metrics, which are dropped: 202 name: is empty" in caplog.text


def test_a_body_that_is_too_large_is_halved_until_it_fits() -> None:
    line = delivery(*range(10))
    taken: list[int | str] = []
    while (body := line.next_body()) is not None:
        fits = len(rows(body)) <= 3
        line.answered(Answer(202 if fits else 413), 0.0)
        taken += rows(body) if fits else []
    assert taken == list(range(10))
    assert line.dropped == 0


def test_a_row_that_is_too_large_by_itself_is_dropped() -> None:
    line = delivery(1, 2)
    for _ in range(2):
        line.next_body()
        line.answered(Answer(413), 0.0)
    assert rows(line.next_body()) == [2]
    assert line.dropped == 1


def test_a_body_holds_so_many_rows_and_so_many_bytes() -> None:
    assert len(rows(delivery(*range(BATCH_ROWS + 1)).next_body())) == BATCH_ROWS
    assert len(rows(delivery(*["x" * 400_000] * 5).next_body())) == 2
    assert len(rows(delivery("x" * 2_000_000, 1).next_body())) == 1


def test_a_row_that_cannot_be_sent_does_not_keep_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = delivery(1, "bad", 2, "bad")
    assert rows(line.next_body()) == [1, 2]
    assert line.dropped == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@given(
    st.lists(st.integers(0, 9), max_size=30),
    st.lists(st.sampled_from([0, 202, 413, 429, 500, 503]), max_size=30),
)
def test_whatever_is_answered_each_row_is_taken_once_or_dropped(
    sent: list[int], statuses: list[int]
) -> None:
    line = delivery(*sent)
    taken = 0
    for status in [*statuses, *[202] * 40]:
        if (body := line.next_body()) is None:
            break
        line.answered(Answer(status), 0.0)
        taken += len(rows(body)) if status == 202 else 0
    assert (taken + line.dropped, line.passed, len(line)) == (len(sent), len(sent), 0)
