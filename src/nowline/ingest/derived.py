"""The metrics that events and tasks yield (CONTRACT: ingest). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from nowline.ingest.columns import Columns, Label
from nowline.ingest.events import Call
from nowline.ingest.rules import MOST_TAG_VALUE_BYTES
from nowline.ingest.tasks import Task
from nowline.model.event import API_CALL, Event
from nowline.model.series import MetricType

TYPES: Mapping[str, MetricType] = {
    "events": MetricType.COUNTER,
    "api.calls": MetricType.COUNTER,
    "api.errors": MetricType.COUNTER,
    "api.duration": MetricType.DISTRIBUTION,
    "task.count": MetricType.COUNTER,
    "task.duration": MetricType.DISTRIBUTION,
    "task.cpu": MetricType.GAUGE,
    "task.memory": MetricType.GAUGE,
}
"""The types of these metrics, whatever comes first: no row may take one of them another way."""
_UNITS = {
    "api.duration": "ms",
    "task.duration": "ms",
    "task.cpu": "%",
    "task.memory": "MB",
}
_METADATA = {name: msgspec.json.encode({"unit": unit}) for name, unit in _UNITS.items()}


def of_events(events: Iterable[tuple[Event, Call]]) -> Columns:
    """`events`, and of API calls `api.calls`, `api.errors` and `api.duration`."""
    rows = _Rows()
    for event, call in events:
        rows.add("events", {"event_type": event.event_type}, event.time, 1.0)
        if event.event_type == API_CALL:
            _add_call(rows, event, call)
    return rows.columns()


def of_tasks(tasks: Iterable[Task]) -> Columns:
    """`task.count`, `task.duration`, `task.cpu` and `task.memory`, each when the task ended."""
    rows = _Rows()
    for task in tasks:
        tags = {"task_type": task.task_type, "queue": task.queue}
        counted = {**tags, "status": task.status}
        rows.add("task.count", counted, task.end, 1.0)
        rows.add("task.duration", counted, task.end, task.duration_ms)
        rows.add("task.cpu", tags, task.end, task.cpu_percent)
        rows.add("task.memory", tags, task.end, task.memory_mb)
        if task.failure is not None:
            of_type = {"event_type": task.failure.event_type}
            rows.add("events", of_type, task.end, 1.0)
    return rows.columns()


def _add_call(rows: _Rows, event: Event, call: Call) -> None:
    status = None if event.status is None else str(event.status)
    tags = {"endpoint": event.endpoint, "method": call.method, "status": status}
    rows.add("api.calls", tags, event.time, 1.0)
    if event.is_server_error:
        rows.add("api.errors", tags, event.time, 1.0)
    rows.add("api.duration", tags, event.time, call.duration_ms)


class _Rows:
    """Rows that are gathered one by one."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, tuple[str | None, ...]], int] = {}
        self._labels: list[Label] = []
        self._label: list[int] = []
        self._time: list[int] = []
        self._value: list[float] = []

    def add(
        self,
        name: str,
        tags: Mapping[str, str | None],
        time: int,
        value: float | None,
    ) -> None:
        """Add a row, unless it has no value; tags without one are left out."""
        if value is None:
            return
        key = name, tuple(tags.values())
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._labels)
            known = {tag: _cut(text) for tag, text in tags.items() if text is not None}
            self._labels.append(Label(name, TYPES[name], known))
        self._label.append(place)
        self._time.append(time)
        self._value.append(value)

    def columns(self) -> Columns:
        """The rows."""
        return Columns(
            self._labels,
            np.array(self._label, np.int64),
            np.array(self._time, np.int64),
            np.array(self._value, np.float64),
            np.arange(len(self._label)),
            metadata={
                label.name: _METADATA[label.name]
                for label in self._labels
                if label.name in _METADATA
            },
        )


def _cut(text: str) -> str:
    """The text, as much of it as a tag takes."""
    raw = text.encode()
    if len(raw) <= MOST_TAG_VALUE_BYTES:
        return text
    return raw[:MOST_TAG_VALUE_BYTES].decode(errors="ignore")
