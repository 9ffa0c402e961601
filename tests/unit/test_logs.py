from __future__ import annotations

import io
import json
import logging
import re
from typing import TYPE_CHECKING

import pytest

from nowline import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    # basicConfig(force=True) would close the handlers that pytest listens with.
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_line_of_json(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    logging.getLogger("nowline.x").warning("Lag is %d\nrows", 3, extra={"topic": "m", "lag": 3})
    (line,) = lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line.pop("time")))
    assert line == {
        "level": "warning",
        "logger": "nowline.x",
        "message": "Lag is 3\nrows",
        "topic": "m",
        "lag": 3,
    }


def test_exception_is_text(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    try:
        raise ValueError("GET /ws?ticket=abc")
    except ValueError:
        logging.getLogger("nowline").exception("Failed")
    (line,) = lines(stream)
    assert "ValueError: GET /ws?[redacted]" in str(line["exception"])
    assert "Traceback" in str(line["exception"])


@pytest.mark.parametrize(
    "message",
    [
        '127.0.0.1:9 - "WebSocket /ws/analytics?ticket=SECRET&x=1" [accepted]',
        "GET http://h/api/dashboard/stream?metrics=a&ticket=SECRET",
        "Authorization: Bearer SECRET",
        "authorization: token SECRET,",
    ],
)
def test_query_strings_and_credentials_are_not_written(stream: io.StringIO, message: str) -> None:
    logs.configure(stream=stream)
    logging.getLogger("nowline").error(message)
    logging.getLogger("nowline").error("seen", extra={"url": message})
    assert "SECRET" not in stream.getvalue()
    assert len(lines(stream)) == 2


@pytest.mark.parametrize("name", ["password", "refresh_token", "ticket", "cookie", "api_key"])
@pytest.mark.parametrize("terminal", [True, False])
def test_fields_that_name_a_secret_are_not_written(name: str, *, terminal: bool) -> None:
    stream = Terminal() if terminal else io.StringIO()
    logs.configure(stream=stream)
    logging.getLogger("nowline").error("x", extra={name: "SECRET"})
    assert name in stream.getvalue()
    assert "SECRET" not in stream.getvalue()


def test_a_question_stays_readable() -> None:
    assert logs.redact("Is it up? a=b, token: 1") == "Is it up? a=b, token: 1"


def test_what_json_cannot_carry_becomes_text(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    extra = {"nan": float("nan"), "a": {1: 2}, "b": b"\xff", "ok": True, "half": 0.5, "no": None}
    logging.getLogger("nowline").error("x", extra=extra)
    (line,) = lines(stream)
    assert [line[name] for name in extra] == ["nan", "{1: 2}", "b'\\xff'", True, 0.5, None]


def test_extra_fields_replace_no_field_of_the_line(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    logging.getLogger("nowline").error("x", extra={"level": "fake", "logger": "fake"})
    (line,) = lines(stream)
    assert (line["level"], line["logger"]) == ("error", "nowline")


def test_a_terminal_gets_text() -> None:
    stream = Terminal()
    logs.configure(stream=stream)
    logging.getLogger("nowline.x").info("Ready", extra={"port": 8000})
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3} info    nowline\.x: Ready port=8000\n", stream.getvalue()
    )


def test_a_terminal_gets_the_traceback_below() -> None:
    stream = Terminal()
    logs.configure(stream=stream)
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("nowline").exception("Failed")
    head, *rest = stream.getvalue().splitlines()
    assert head.endswith("nowline: Failed")
    assert rest[-1] == "ValueError: no"


@pytest.mark.parametrize("name", ["uvicorn.error", "litestar", "sqlalchemy.engine", "httpx"])
def test_other_libraries_speak_from_warnings_on(stream: io.StringIO, name: str) -> None:
    logs.configure(stream=stream)
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble")
    assert [line["message"] for line in lines(stream)] == ["trouble"]


def test_requests_are_not_logged_one_by_one(stream: io.StringIO) -> None:
    logs.configure(stream=stream)
    logging.getLogger("uvicorn.access").error("GET /")
    assert not stream.getvalue()


def test_level_is_the_least_that_is_written(stream: io.StringIO) -> None:
    logs.configure("ERROR", stream)
    logging.getLogger("nowline").warning("x")
    logging.getLogger("nowline").error("y")
    assert [line["message"] for line in lines(stream)] == ["y"]
