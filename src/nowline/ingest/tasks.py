"""Task executions as they are sent: `{"tasks": […]}`, a bare array, or one object a line. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from nowline.ingest.columns import Rejected
from nowline.ingest.events import MOST_METADATA_BYTES, MOST_NAME_BYTES
from nowline.ingest.masking import Masker
from nowline.ingest.rows import RefusedRowError, Row, decoded
from nowline.model.event import TASK_FAILED, Event
from nowline.model.moment import epoch_ms

SUCCESS, FAILURE = "success", "failure"
_NAMES = ("task_id", "task_type", "status")


class _Sent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    task_id: str
    task_type: str
    start_time: float | str
    end_time: float | str
    status: str
    cpu_usage_percent: float | None = None
    memory_usage_mb: float | None = None
    error_message: str | None = None
    queue: str | None = None
    context: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One execution, masked.

    Attributes:
        place: Its 0-based place in the batch.
        start: When it began, epoch milliseconds.
        end: When it ended.
        failure: What is told of it where it failed.
        key: What this very execution is known by for a day.
    """

    place: int
    task_type: str
    status: str
    queue: str | None
    start: int
    end: int
    cpu_percent: float | None
    memory_mb: float | None
    failure: Event | None
    key: int

    @property
    def duration_ms(self) -> float:
        """How long it took."""
        return float(self.end - self.start)


class TaskDecoder:
    """Makes task executions of what is sent.

    Args:
        masker: Hides what nobody is to see.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._rows = msgspec.json.Decoder(_Sent)

    def decode(self, rows: Sequence[Row]) -> tuple[list[Task], list[Rejected]]:
        """The good ones, and why the others are not."""
        return decoded(rows, self._checked)

    def _checked(self, place: int, raw: bytes) -> Task:
        sent = self._rows.decode(raw)
        _check(sent)
        start, end = _time("start_time", sent.start_time), _time("end_time", sent.end_time)
        if end < start:
            raise RefusedRowError("end_time: must not be before start_time")
        return self._task(place, sent, start, end)

    def _task(self, place: int, sent: _Sent, start: int, end: int) -> Task:
        mask = self._masker
        execution = f"{sent.task_id}\0{sent.task_type}\0{start}\0{end}\0{sent.status}"
        key = mask.key(f"task\0{execution}")
        return Task(
            place,
            mask.text(sent.task_type),
            mask.text(sent.status),
            mask.optional(sent.queue),
            start,
            end,
            sent.cpu_usage_percent,
            sent.memory_usage_mb,
            self._failure(sent, end, key) if _has_failed(sent) else None,
            key,
        )

    def _failure(self, sent: _Sent, end: int, key: int) -> Event:
        told = {
            "task_id": sent.task_id,
            "task_type": sent.task_type,
            "queue": sent.queue,
            "error_message": sent.error_message,
            "context": sent.context,
        }
        kept = {name: value for name, value in told.items() if value is not None}
        metadata = msgspec.json.encode(self._masker.metadata(kept)).decode()
        return Event(TASK_FAILED, end, f"task-{key & (1 << 64) - 1:016x}", metadata=metadata)


def _has_failed(sent: _Sent) -> bool:
    return sent.status == FAILURE or (sent.status != SUCCESS and sent.error_message is not None)


def _check(sent: _Sent) -> None:
    for field in _NAMES:
        if not 0 < len(getattr(sent, field).strip().encode()) <= MOST_NAME_BYTES:
            raise RefusedRowError(f"{field}: must have from 1 to {MOST_NAME_BYTES} bytes")
    for field in ("cpu_usage_percent", "memory_usage_mb"):
        value = getattr(sent, field)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise RefusedRowError(f"{field}: must be a number that is not negative")
    said = (sent.error_message, sent.context)
    if len(msgspec.json.encode(said)) > MOST_METADATA_BYTES:
        raise RefusedRowError(f"context: with error_message is over {MOST_METADATA_BYTES} bytes")


def _time(field: str, moment: float | str) -> int:
    at = epoch_ms(moment)
    if at is None:
        raise RefusedRowError(f"{field}: must be RFC 3339 with a zone, or epoch milliseconds")
    return at
