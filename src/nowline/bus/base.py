"""What every log promises: durable appends, offsets that only grow, groups that read on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

MOST_DEAD = 10_000
MOST_DEAD_BYTES = 128 << 20
"""How many dead letters are kept, and how many bytes of them; one alone may be larger."""


@dataclass(frozen=True, slots=True)
class Record:
    """One appended blob and the offset that the log gave it.

    The blob is empty where the log still knows of the record and cannot read it any more.
    """

    offset: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that a consumer group could not take in, kept apart from the log.

    Attributes:
        id: The record's offset: it dies once.
        group: Who could not take it in.
        reason: Why not.
        at: Since when it is here, epoch milliseconds.
        rows: How many rows it has; None if that cannot be told.
        size: Of its blob, in bytes.
    """

    id: int
    group: str
    reason: str
    at: int
    rows: int | None
    size: int


@dataclass(frozen=True, slots=True)
class LogState:
    """How full the log is, for `/metrics`.

    Attributes:
        head: The newest offset.
        depth: By consumer group, how many records it has not committed.
        pending_bytes: Bytes taken in but not yet durable.
        dead: By consumer group, how many dead letters there are.
        dead_bytes: How many bytes they have.
        fault: What keeps the log from taking anything in; None if nothing does.
        warnings: What it does not promise, a sentence each.
    """

    head: int
    depth: dict[str, int]
    pending_bytes: int
    dead: dict[str, int] = field(default_factory=dict)
    dead_bytes: int = 0
    fault: str | None = None
    warnings: tuple[str, ...] = ()


class Log(ABC):
    """A durable, ordered log with consumer groups, and the records that none could take in.

    `append` returns only when the blob survives the death of the process. Each group reads from
    its own offset and commits it when what it made of the records is itself durable; records
    that every group has committed may be trimmed.
    """

    @property
    @abstractmethod
    def id(self) -> str:
        """Which log this is: offsets of one log mean nothing in another."""

    @property
    @abstractmethod
    def head(self) -> int:
        """The newest durable offset, 0 for an empty log."""

    @abstractmethod
    async def append(self, blob: bytes) -> int:
        """Append and return the offset once it is durable.

        Raises:
            NowlineError: DISK_FULL when it cannot be written, UNAVAILABLE when too much waits or
                the log cannot be reached.
        """

    @abstractmethod
    async def read(self, after: int, limit_bytes: int) -> list[Record]:
        """Records with offsets above `after`, in order, until `limit_bytes` are exceeded.

        Nothing while the log cannot be reached, for which `wait` waits.
        """

    @abstractmethod
    async def wait(self, after: int) -> None:
        """Return once the head is above `after`."""

    @abstractmethod
    def waiting_s(self, after: int) -> float:
        """For how long the oldest record above `after` has been here; 0 if there is none.

        What came before this process began to use the log counts from then on.
        """

    @abstractmethod
    def join(self, group: str) -> None:
        """Have a group from now on: what it has not committed is not trimmed, be it everything."""

    @abstractmethod
    async def committed(self, group: str) -> int:
        """The offset that the group committed last, 0 for a new group."""

    @abstractmethod
    async def commit(self, group: str, offset: int) -> None:
        """Say that the group is done with everything up to `offset`.

        An offset above the head is one of records that the log has lost: it is not given again.
        """

    @abstractmethod
    async def bury(self, letter: DeadLetter, blob: bytes) -> None:
        """Keep a record as a dead letter, durably; one that is there already stays as it is.

        Raises:
            NowlineError: There are as many as may be kept, or it cannot be written.
        """

    @abstractmethod
    def dead_letters(self) -> list[DeadLetter]:
        """All of them, by id."""

    @abstractmethod
    async def replay(self, letter: int) -> int:
        """Append a dead letter again and drop it, both or neither; returns its new offset.

        Raises:
            NowlineError: NOT_FOUND if there is none of that id; else as `append`.
        """

    @abstractmethod
    async def drop(self, letter: int) -> None:
        """Delete a dead letter for good.

        Raises:
            NowlineError: NOT_FOUND if there is none of that id; else as `append`.
        """

    @abstractmethod
    def state(self) -> LogState:
        """Depth and head as of now."""

    @abstractmethod
    async def close(self) -> None:
        """Make everything that was appended durable, then let go of the files."""
