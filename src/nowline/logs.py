"""Logs on stderr: one JSON object per line for machines, plain text when a person watches."""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

REDACTED = "[redacted]"

# What they say below a warning is for their authors. uvicorn also writes the full URL of
# every WebSocket there, ticket included.
_QUIET = (
    "aiosqlite",
    "alembic",
    "asyncio",
    "httpcore",
    "httpx",
    "litestar",
    "sqlalchemy",
    "uvicorn",
    "uvicorn.error",
    "websockets",
)
_OFF = ("uvicorn.access",)

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "color_message",
    "message",
}
_QUERY_STRING = re.compile(r"\?[^\s\"'<>?=]+=[^\s\"'<>]*")
_CREDENTIAL = re.compile(r"\b(Bearer|Token|Basic)\s+[^\s\"',]+", re.IGNORECASE)
_SECRET_FIELD = re.compile(
    r"password|secret|ticket|token|cookie|authorization|api_?key|query_string", re.IGNORECASE
)


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every logger of this process to one stream, stderr unless told otherwise.

    Run uvicorn with `log_config=None, access_log=False`, so that its loggers come here too.

    Args:
        level: The least severe level that is written.
        stream: Where to write; a terminal gets readable text, anything else JSON lines.
    """
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(TextFormatter() if target.isatty() else JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _OFF:
        logging.getLogger(name).disabled = True


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, extra fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": _rfc3339(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        line.update((name, value) for name, value in _extra_fields(record) if name not in line)
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A record as a line for a person, with the exception's traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line or lines, without the last one's end."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        time = moment.strftime("%H:%M:%S.") + f"{int(record.msecs):03d}"
        head = f"{time} {record.levelname.lower():<8}{record.name}: {redact(record.getMessage())}"
        fields = "".join(f" {name}={value}" for name, value in _extra_fields(record))
        if not record.exc_info:
            return head + fields
        return f"{head}{fields}\n{redact(self.formatException(record.exc_info))}"


def redact(text: str) -> str:
    """The text without query strings and credentials, whoever put them there."""
    return _CREDENTIAL.sub(rf"\1 {REDACTED}", _QUERY_STRING.sub(f"?{REDACTED}", text))


def _extra_fields(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    for name, value in vars(record).items():
        if name not in _STANDARD_FIELDS:
            yield name, REDACTED if _SECRET_FIELD.search(name) else _plain(value)


def _plain(value: object) -> object:
    """What JSON can carry as it is; anything else as text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return redact(str(value))


def _rfc3339(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
