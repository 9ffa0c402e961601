"""Small bodies that come in while others are on their way to the disk are taken in together.

Checking, encoding and writing a batch costs much the same for one row as for hundreds. The first
body goes on at once; what comes in until it is durable makes the next batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from nowline.errors import Code, NowlineError
from nowline.ingest.columns import Columns
from nowline.ingest.service import Ingest, Outcome

Told: TypeAlias = Outcome | Exception
"""What became of a body: its outcome, or why nothing of it was kept."""
Tell: TypeAlias = Callable[[Told], None]

_MOST_ROWS = 256
# All their rows are fewer than may be refused of one batch.
_MOST_TOGETHER = 256

log = logging.getLogger(__name__)


class GroupCommit:
    """Takes columns in, those of small bodies together.

    Args:
        ingest: Checks them and makes them durable.
    """

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._waiting: list[tuple[Columns, Tell]] = []
        self._writer: asyncio.Task[None] | None = None
        self._alone: set[asyncio.Task[None]] = set()

    def now_ms(self) -> int:
        """The time that rows without one get."""
        return self._ingest.now_ms()

    async def accept(self, columns: Columns) -> Outcome:
        """Keep the good rows, name the bad ones; returns when the good ones are durable.

        Whoever stops waiting does not keep the rows from being taken in.

        Raises:
            NowlineError: As `Ingest.accept`.
        """
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()

        def tell(outcome: Told) -> None:
            if not told.done():
                told.set_result(outcome)

        self.submit(columns, tell)
        outcome = await told
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def submit(self, columns: Columns, tell: Tell) -> None:
        """Take in a body; `tell` is called once, when the good rows are durable."""
        if not is_small(columns):
            task = asyncio.create_task(self._write([(columns, tell)]))
            self._alone.add(task)
            task.add_done_callback(self._alone.discard)
            return
        self._waiting.append((columns, tell))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting())

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                group = self._waiting[:_MOST_TOGETHER]
                del self._waiting[:_MOST_TOGETHER]
                await self._write(group)
        finally:
            # Empty but for a writer that is stopped: nobody would write these any more.
            group, self._waiting, self._writer = self._waiting, [], None
            _tell(group, [_stopped()] * len(group))

    async def _write(self, group: Sequence[tuple[Columns, Tell]]) -> None:
        told: Sequence[Told] = [_stopped()] * len(group)
        try:
            told = await self._ingest.accept_together([columns for columns, _ in group])
        except Exception as error:  # noqa: BLE001 - told to each of them
            told = [error] * len(group)
        finally:
            _tell(group, told)


def is_small(columns: Columns) -> bool:
    """Whether a body is one of those that are taken in together."""
    return len(columns.label) <= _MOST_ROWS and not columns.metadata


def _tell(group: Sequence[tuple[Columns, Tell]], told: Sequence[Told]) -> None:
    for (_, tell), outcome in zip(group, told, strict=True):
        try:
            tell(outcome)
        except Exception:
            log.exception("What became of some rows could not be told.")


def _stopped() -> NowlineError:
    return NowlineError(Code.UNAVAILABLE, "The server is being stopped.", retry_after_s=5)
