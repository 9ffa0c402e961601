"""What every log promises: durable appends, offsets that only grow, groups that read on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One appended blob and the offset that the log gave it."""

    offset: int
    blob: bytes


@dataclass(frozen=True, slots=True)
class LogState:
    """How full the log is, for `/metrics`.

    Attributes:
        head: The newest offset.
        depth: By consumer group, how many records it has not committed.
        pending_bytes: Bytes taken in but not yet durable.
    """

    head: int
    depth: dict[str, int]
    pending_bytes: int


class Log(ABC):
    """A durable, ordered log with consumer groups.

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
            NowlineError: DISK_FULL when it cannot be written, UNAVAILABLE when too much waits.
        """

    @abstractmethod
    async def read(self, after: int, limit_bytes: int) -> list[Record]:
        """Records with offsets above `after`, in order, until `limit_bytes` are exceeded."""

    @abstractmethod
    async def wait(self, after: int) -> None:
        """Return once the head is above `after`."""

    @abstractmethod
    async def committed(self, group: str) -> int:
        """The offset that the group committed last, 0 for a new group."""

    @abstractmethod
    async def commit(self, group: str, offset: int) -> None:
        """Say that the group is done with everything up to `offset`."""

    @abstractmethod
    def state(self) -> LogState:
        """Depth and head as of now."""

    @abstractmethod
    async def close(self) -> None:
        """Make everything that was appended durable, then let go of the files."""
