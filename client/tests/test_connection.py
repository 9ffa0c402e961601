from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator

import pytest

from nowline_client.connection import Connection
from nowline_client.wire import body
from receiver import Answer, Receiver, Sent

pytest_plugins = ["recording"]


@pytest.fixture
def connection(receiver: Receiver) -> Iterator[Connection]:
    connection = Connection(receiver.url, "key", 5)
    yield connection
    connection.close()


ROWS = body("metrics", [b'{"name":"a"}'])


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://a", "http://", "//a", "http://a:x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|port|cast"):
        Connection(url, "key", 1)


@pytest.mark.parametrize("key", ["", "two\nlines", "schlüssel"])
def test_what_cannot_be_a_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        Connection("http://127.0.0.1:8000", key, 1)


def test_the_request_says_who_sends_what() -> None:
    with Receiver() as receiver:
        connection = Connection(f"{receiver.url}/under/", "the key", 5)
        assert connection.post("/door", ROWS).status == 202
        connection.close()
    (sent,) = receiver.sent
    assert sent.path == "/under/door"
    assert sent.rows == [{"name": "a"}]
    assert sent.headers["Authorization"] == "Bearer the key"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Content-Encoding"] == "gzip"


def test_a_problem_is_told_with_its_detail(receiver: Receiver, connection: Connection) -> None:
    problem = b'{"type": "about:blank", "status": 401, "detail": "The key is not known."}'
    receiver.answers.append(Answer(401, problem))
    answer = connection.post("/door", ROWS)
    assert (answer.status, answer.reason) == (401, "The key is not known.")


def test_refused_rows_are_told_with_the_first_reason(
    receiver: Receiver, connection: Connection
) -> None:
    taken = (
        b'{"accepted":1,"rejected":[{"index":1,"error":"name: is empty"},{"index":2,"error":""}]}'
    )
    receiver.answers.append(Answer(202, taken))
    answer = connection.post("/door", ROWS)
    assert (answer.status, answer.reason, answer.refused) == (202, "name: is empty", 2)


@pytest.mark.parametrize("text", [b"", b"<html>", b"[1]", b'{"rejected": ["x"]}', b"\xff" * 300])
def test_any_other_answer_is_only_a_status(
    receiver: Receiver, connection: Connection, text: bytes
) -> None:
    receiver.answers.append(Answer(502, text))
    answer = connection.post("/door", ROWS)
    assert (answer.status, answer.refused) == (502, 0)


def test_the_time_to_come_back_is_read_as_seconds_or_as_a_date(
    receiver: Receiver, connection: Connection
) -> None:
    later = email.utils.formatdate(time.time() + 60, usegmt=True)
    for value in ("2.5", later, "soon", "-1"):
        receiver.answers.append(Answer(503, headers={"Retry-After": value}))
    answers = [connection.post("/door", ROWS).retry_after_s for _ in range(4)]
    assert answers[0] == 2.5
    assert answers[1] is not None
    assert 0 < answers[1] <= 60
    assert answers[2:] == [None, 0.0]


def test_a_connection_that_was_closed_meanwhile_is_opened_again(
    receiver: Receiver, connection: Connection
) -> None:
    closes = {"Connection": "close"}
    receiver.answers.extend([Answer(), Answer(0), Answer(headers=closes), Answer()])
    assert [connection.post("/door", ROWS).status for _ in range(3)] == [202, 202, 202]
    assert len(receiver.sent) == 4


def test_a_server_that_closes_without_an_answer_is_no_answer(
    receiver: Receiver, connection: Connection
) -> None:
    def close(_: Sent) -> Answer:
        return Answer(0)

    receiver.rule = close
    answer = connection.post("/door", ROWS)
    assert answer.status == 0
    assert "RemoteDisconnected" in answer.reason
    assert len(receiver.sent) == 1


def test_nobody_there_is_no_answer() -> None:
    with Receiver() as receiver:
        url = receiver.url
    answer = Connection(url, "key", 5).post("/door", ROWS)
    assert answer.status == 0
    assert "refused" in answer.reason
