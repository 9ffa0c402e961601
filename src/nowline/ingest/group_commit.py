"""Small bodies that come in while others are on their way to the disk are taken in together.

Checking, encoding and writing a batch costs much the same for one row as for hundreds. The first
body goes on at once; what comes in until it is durable makes the next batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import msgspec

from nowline.errors import Code, NowlineError
from nowline.ingest.columns import Columns
from nowline.ingest.service import Ingest, Outcome

Told: TypeAlias = Outcome | Exception
"""What became of a body: its outcome, or why nothing of it was kept."""
Tell: TypeAlias = Callable[[Told], None]

SMALL_BYTES: Final = 1 << 10
"""How long a body may be that waits undecoded: it has no more than `_MOST_ROWS` rows."""
_MOST_ROWS = 256
# All their rows are fewer than may be refused of one batch.
_MOST_TOGETHER = 256

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """How bodies of one kind are read.

    Attributes:
        decode: The rows of one, those without a time having the one that is given; raises
            `NowlineError`.
        decode_all: The rows of several, as `joint` has them; None if they are to be read one by
            one.
    """

    decode: Callable[[bytes, int], Columns]
    decode_all: Callable[[Sequence[bytes], int], Columns | None]


class _Waiting(msgspec.Struct, frozen=True):
    """A body that waits.

    Attributes:
        form: How it is read with others; None if its rows are there already.
        body: The text that is read so.
        decode: Its rows, given the time of rows without one.
        tell: Is told what became of it.
    """

    form: Form | None
    body: bytes
    decode: Callable[[int], Columns]
    tell: Tell


class GroupCommit:
    """Takes rows in, those of small bodies together.

    Args:
        ingest: Checks them and makes them durable.
    """

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._waiting: list[_Waiting] = []
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
        waiting = _Waiting(None, b"", lambda _now_ms: columns, tell)
        if is_small(columns):
            self._join(waiting)
            return
        task = asyncio.create_task(self._write([waiting]))
        self._alone.add(task)
        task.add_done_callback(self._alone.discard)

    def submit_body(self, form: Form, body: bytes, tell: Tell) -> None:
        """As `submit`, for a body of up to `SMALL_BYTES`: it is read with others of its form."""
        self._join(_Waiting(form, body, partial(form.decode, body), tell))

    def _join(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting())

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                await self._write(self._next_group())
        finally:
            # Empty but for a writer that is stopped: nobody would write these any more.
            group, self._waiting, self._writer = self._waiting, [], None
            _tell(group, [_stopped()] * len(group))

    def _next_group(self) -> list[_Waiting]:
        """Those that came first and others of their form, in order; they wait no longer."""
        form = self._waiting[0].form
        same = [each for each in self._waiting if each.form is form]
        others = [each for each in self._waiting if each.form is not form]
        self._waiting = others + same[_MOST_TOGETHER:]
        return same[:_MOST_TOGETHER]

    async def _write(self, group: Sequence[_Waiting]) -> None:
        told: Sequence[Told] = [_stopped()] * len(group)
        try:
            told = await self._accept(group)
        except Exception as error:  # noqa: BLE001 - told to each of them
            told = [error] * len(group)
        finally:
            _tell(group, told)

    async def _accept(self, group: Sequence[_Waiting]) -> Sequence[Told]:
        """What becomes of these, which have one form."""
        columns = self._decode_all(group)
        if columns is not None:
            return await self._ingest.accept_joined(columns, [[] for _ in group])
        parts = [self._decode(each) for each in group]
        good = [part for part in parts if isinstance(part, Columns)]
        outcomes = iter(await self._ingest.accept_together(good) if good else ())
        return [next(outcomes) if isinstance(part, Columns) else part for part in parts]

    def _decode_all(self, group: Sequence[_Waiting]) -> Columns | None:
        form = group[0].form
        if form is None or len(group) == 1:
            return None
        bodies = [each.body for each in group]
        return form.decode_all(bodies, self.now_ms())

    def _decode(self, waiting: _Waiting) -> Columns | Exception:
        try:
            return waiting.decode(self.now_ms())
        except Exception as error:  # noqa: BLE001 - told to whoever sent it
            return error


def is_small(columns: Columns) -> bool:
    """Whether a body is one of those that are taken in together."""
    return len(columns.label) <= _MOST_ROWS and not columns.metadata


def _tell(group: Sequence[_Waiting], told: Sequence[Told]) -> None:
    for each, outcome in zip(group, told, strict=True):
        try:
            each.tell(outcome)
        except Exception:
            log.exception("What became of some rows could not be told.")


def _stopped() -> NowlineError:
    return NowlineError(Code.UNAVAILABLE, "The server is being stopped.", retry_after_s=5)
