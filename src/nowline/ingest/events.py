"""Events as they are sent: `{"events": […]}`, a bare array, or one object a line. Pure."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from nowline.ingest.columns import Rejected
from nowline.ingest.masking import Masker
from nowline.ingest.rows import RefusedRowError, Row, decoded
from nowline.model.event import Event
from nowline.model.moment import epoch_ms

MOST_NAME_BYTES = 255
MOST_METADATA_BYTES = 64 << 10
_STATUS = re.compile(r"[1-9][0-9]{2}", re.ASCII)
_ID_FIELDS = ("user_id", "organization_id", "session_id", "event_id")
# What of the metadata is kept as a text of its own; anywhere else they may have what JSON has.
_NAMED = ("endpoint", "feature")


class _Sent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    event_type: str
    user_id: str | int | None = None
    organization_id: str | int | None = None
    session_id: str | int | None = None
    timestamp: float | str | None = None
    event_id: str | int | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What the metadata of an API call say, as its metrics are tagged.

    Attributes:
        method: The HTTP method.
        duration_ms: How long it took.
    """

    method: str | None
    duration_ms: float | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event that came in, masked.

    Attributes:
        place: Its 0-based place in the batch.
        event: The event.
        call: What else its metrics need, of an API call.
        key: What its sender's `event_id` is known by for a day; None if it has none.
    """

    place: int
    event: Event
    call: Call
    key: int | None


class EventDecoder:
    """Makes events of what is sent.

    Args:
        masker: Hides what nobody is to see.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._rows = msgspec.json.Decoder(_Sent)

    def decode(self, rows: Sequence[Row], now_ms: int) -> tuple[list[Arrived], list[Rejected]]:
        """The good events, masked, and why the others are not.

        Args:
            rows: Each event with its place.
            now_ms: The time of those that do not tell theirs.
        """
        return decoded(rows, lambda at, raw: self._event(at, raw, now_ms))

    def _event(self, place: int, raw: bytes, now_ms: int) -> Arrived:
        sent = self._rows.decode(raw)
        _check_names(sent)
        metadata = self._masker.metadata(sent.metadata or {})
        _check_metadata(metadata)
        text = msgspec.json.encode(metadata).decode()
        if len(text) > MOST_METADATA_BYTES:
            raise RefusedRowError(f"metadata: is over {MOST_METADATA_BYTES} bytes")
        event = Event(
            event_type=self._masker.text(sent.event_type),
            time=_time(sent.timestamp, now_ms),
            event_id=self._text(sent.event_id) or uuid.uuid4().hex,
            user_id=self._text(sent.user_id),
            organization_id=self._text(sent.organization_id),
            session_id=self._text(sent.session_id),
            metadata=text,
            status=_status(metadata.get("status")),
            endpoint=_name(metadata.get("endpoint")),
            feature=_name(metadata.get("feature")),
        )
        call = Call(_name(metadata.get("method")), _duration(metadata.get("duration_ms")))
        key = None if sent.event_id is None else self._masker.key(str(sent.event_id))
        return Arrived(place, event, call, key)

    def _text(self, value: str | int | None) -> str | None:
        return None if value is None else self._masker.text(str(value))


def _check_names(sent: _Sent) -> None:
    if not sent.event_type.strip():
        raise RefusedRowError("event_type: must not be empty")
    if len(sent.event_type.encode()) > MOST_NAME_BYTES:
        raise RefusedRowError(f"event_type: is over {MOST_NAME_BYTES} bytes")
    _check_text("event_type", sent.event_type)
    for field in _ID_FIELDS:
        value = getattr(sent, field)
        if value is not None and not 0 < len(str(value).encode()) <= MOST_NAME_BYTES:
            raise RefusedRowError(f"{field}: must have from 1 to {MOST_NAME_BYTES} bytes")
        _check_text(field, value)


def _check_metadata(metadata: dict[str, Any]) -> None:
    for field in _NAMED:
        _check_text(f"metadata.{field}", metadata.get(field))


def _check_text(field: str, value: object) -> None:
    """Refuse what not every database has in its texts."""
    if isinstance(value, str) and "\0" in value:
        raise RefusedRowError(f"{field}: must not have the character U+0000")


def _time(moment: float | str | None, now_ms: int) -> int:
    at = now_ms if moment is None else epoch_ms(moment)
    if at is None:
        raise RefusedRowError("timestamp: must be RFC 3339 with a zone, or epoch milliseconds")
    return at


def _status(value: object) -> int | None:
    """An HTTP status, however it is written."""
    text = str(value) if isinstance(value, (int, str)) else ""
    return int(text) if _STATUS.fullmatch(text) else None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _duration(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    number = float(value)
    return number if math.isfinite(number) and number >= 0 else None
