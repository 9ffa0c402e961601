"""The rows of the ingest API as JSON. Pure."""

from __future__ import annotations

import json
import math
import uuid
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple, SupportsFloat

_GZIP = 31
_quoted = json.encoder.encode_basestring_ascii
_compact = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=str).encode


class Point(NamedTuple):
    """One measurement: `type` as the API names it, the time in epoch milliseconds."""

    type: str
    name: str
    value: SupportsFloat
    tags: Mapping[str, object]
    time: int


class Event(NamedTuple):
    """Something that somebody did; the time in epoch milliseconds, ids as text or numbers."""

    event_type: str
    user_id: object
    organization_id: object
    session_id: object
    timestamp: int
    event_id: str | None
    metadata: Mapping[str, object]


class TaskRun(NamedTuple):
    """One execution of a task.

    Attributes:
        task_type: Which task it was.
        start_time: When it began, in epoch seconds.
        end_time: When it ended, in epoch seconds.
        status: `success`, `failure` or another name.
        task_id: Which execution it was; it gets a new id if None.
        cpu_usage_percent: CPU time over duration, so 100 is one core.
        memory_usage_mb: Memory it needed.
        error_message: Why it failed.
        queue: The queue it came from.
        context: What else is known about it.
    """

    task_type: str
    start_time: float
    end_time: float
    status: str = "success"
    task_id: str | None = None
    cpu_usage_percent: float | None = None
    memory_usage_mb: float | None = None
    error_message: str | None = None
    queue: str | None = None
    context: Mapping[str, object] | None = None


def point_row(point: Point) -> bytes:
    """A point of `POST /api/v1/ingest/metrics`; tags that are None are left out.

    Raises:
        ValueError: If the value is no finite number.
        TypeError: If the value is no number.
    """
    tags = ",".join(
        f"{_quoted(key)}:{_quoted(_text(value))}"
        for key, value in point.tags.items()
        if value is not None
    )
    name, value = _quoted(point.name), _number(point.value)
    row = f'{{"name":{name},"value":{value!r},"time":{point.time},"type":"{point.type}"'
    return f'{row},"tags":{{{tags}}}}}'.encode() if tags else f"{row}}}".encode()


def event_row(event: Event) -> bytes:
    """An event of `POST /api/v1/ingest/events`.

    It gets an `event_id` if it has none, so that a row that is sent again counts once.

    Raises:
        ValueError: If the metadata holds a number that is not finite.
        TypeError: If the metadata has a key that is no text.
    """
    row: dict[str, Any] = {
        "event_type": event.event_type,
        "event_id": event.event_id or str(uuid.uuid4()),
        "timestamp": event.timestamp,
    }
    for field in ("user_id", "organization_id", "session_id"):
        if (value := getattr(event, field)) is not None:
            row[field] = str(value)
    metadata = {key: value for key, value in event.metadata.items() if value is not None}
    if metadata:
        row["metadata"] = metadata
    return _compact(row).encode()


def task_row(run: TaskRun) -> bytes:
    """A task of `POST /api/v1/ingest/tasks`; what is None is left out.

    Raises:
        ValueError: If a number is not finite.
        TypeError: If the context has a key that is no text.
    """
    row: dict[str, Any] = {key: value for key, value in run._asdict().items() if value is not None}
    row.setdefault("task_id", str(uuid.uuid4()))
    row["start_time"] = _rfc3339(run.start_time)
    row["end_time"] = _rfc3339(run.end_time)
    return _compact(row).encode()


def body(field: str, rows: Sequence[bytes]) -> bytes:
    """The compressed body with these rows under the door's field."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    opening = b'{"' + field.encode() + b'":['
    return compressor.compress(opening + b",".join(rows) + b"]}") + compressor.flush()


def _number(value: SupportsFloat) -> int | float:
    number = value if type(value) is int else float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not a finite number")
    return number


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _rfc3339(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
