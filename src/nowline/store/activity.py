"""What every store of events promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from nowline.model.event import Event, Happened

MOST_A_PAGE = 1000
"""How many events a page may have."""


class Place(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where an event is: events are ordered by time, and at the same time as they were stored."""

    time: int
    number: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An event in the store."""

    place: Place
    event: Event


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are wanted.

    Attributes:
        start: From this time on, epoch milliseconds.
        end: Before this time.
        values: By field of the event, the value that it must have.
        before: Only those that come before this place; None for all.
    """

    start: int
    end: int
    values: dict[str, str] = field(default_factory=dict)
    before: Place | None = None


FILTERED = ("user_id", "event_type", "organization_id", "session_id")
"""What events can be looked for by."""


@dataclass(frozen=True, slots=True)
class ActivityState:
    """What is kept, for `/metrics` and `nowline doctor`.

    Attributes:
        events: How many, about.
        bytes_on_disk: What they take.
        oldest: The time of the oldest one, to the partition; None if there is none.
        appended: How many were appended since the start.
        keep_ms: How long they are kept.
    """

    events: int
    bytes_on_disk: int
    oldest: int | None
    appended: int
    keep_ms: int


class ActivityStore(ABC):
    """Events at rest, in partitions by date."""

    @abstractmethod
    async def offset(self, log_id: str) -> int:
        """The offset of that log up to which its events are here, 0 if none are."""

    @abstractmethod
    async def append(self, happened: Happened, log_id: str, offset: int, received_ms: int) -> None:
        """Keep events, and how far the log was read: all of it, durably, or nothing.

        Args:
            happened: The events in the order in which they came in, and keys.
            log_id: The log that they are from.
            offset: Up to where it was read.
            received_ms: When; the keys are known for a day from then on.
        """

    @abstractmethod
    async def page(self, wanted: Filter, limit: int) -> list[Stored]:
        """The newest events that are wanted, newest first, at most `limit`."""

    @abstractmethod
    async def since(self, start: int, types: Collection[str] = ()) -> list[Event]:
        """All events from `start` on, of these types if any are told, oldest first.

        Their metadata are left out.
        """

    @abstractmethod
    async def known(self, keys: Sequence[int], received_from: int) -> set[int]:
        """Which of these keys came in from then on; a day, at most, is looked back on."""

    @abstractmethod
    async def maintain(self, now_ms: int) -> None:
        """Drop what is kept no longer, and give its disk back."""

    @abstractmethod
    def state(self) -> ActivityState:
        """What is kept as of now."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the files or connections."""
