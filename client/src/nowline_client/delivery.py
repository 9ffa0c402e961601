"""What of a queue goes into the next request, and what its answer means. Free of I/O."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from nowline_client.complaints import Complaints
from nowline_client.connection import Answer
from nowline_client.waiting import BATCH_ROWS, Waiting
from nowline_client.wire import body

Row = TypeVar("Row")

# No answer (0), timed out, too many, a gateway without a server, overloaded, a full disk.
_PASSING = {0, 408, 429, 502, 503, 504, 507}
_TOO_LARGE = 413
# Before compression; many proxies take no more than a megabyte.
_BODY_BYTES = 1 << 20
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_LONGEST_ASKED_WAIT_S = 300.0
# Python lets a thread go on for 5 ms while others wait: the application's shall not.
_ROWS_AT_A_TIME = 50
_LETTING_OTHERS_S = 0.0001
_random = random.SystemRandom()


class Delivery(Generic[Row]):
    """One door of the server and the rows on their way to it, in order.

    Args:
        door: The last part of the door's path, and the field its rows are sent in.
        waiting: The queue to take rows from.
        encode: One row as JSON.
        complaints: Where to say what is lost.

    Attributes:
        dropped: How many rows could not be encoded or were refused by the server.
    """

    def __init__(
        self,
        door: str,
        waiting: Waiting[Row],
        encode: Callable[[Row], bytes],
        complaints: Complaints,
    ) -> None:
        self.door = door
        self.dropped = 0
        self.waiting = waiting
        self._encode = encode
        self._complaints = complaints
        self._rows: list[bytes] = []
        self._sending = 0
        self._passed = 0
        self._most = BATCH_ROWS
        self._failures = 0
        self._not_before = 0.0

    @property
    def passed(self) -> int:
        """How many rows have left the line so far: delivered, refused or dropped."""
        return self._passed + self.waiting.dropped

    @property
    def path(self) -> str:
        """Where its bodies are posted."""
        return f"/api/v1/ingest/{self.door}"

    def __len__(self) -> int:
        """How many rows are not delivered yet."""
        return len(self._rows) + len(self.waiting)

    def wait_s(self, now: float) -> float:
        """Seconds until something may be sent, 0 or less if that is now."""
        return self._not_before - now

    def next_body(self) -> bytes | None:
        """The next body to send, None if no row waits.

        Until `answered` is told what became of it, it begins with the same rows.
        """
        if not self._rows:
            self._rows = list(self._encoded_rows())
        if not self._rows:
            return None
        self._sending = self._fitting()
        return body(self.door, self._rows[: self._sending])

    def answered(self, answer: Answer, now: float) -> bool:
        """Let go of what was taken or refused for good; whether more may be sent at once."""
        if answer.status in _PASSING:
            return self._put_off(answer, now)
        if answer.status == _TOO_LARGE and self._sending > 1:
            self._most = self._sending // 2
            return True
        if 200 <= answer.status < 300:
            self._taken(answer)
        else:
            self._refused(answer, self._sending)
        del self._rows[: self._sending]
        self._passed += self._sending
        self._most = BATCH_ROWS
        self._failures = 0
        self._not_before = 0.0
        return True

    def _encoded_rows(self) -> Iterator[bytes]:
        for number, row in enumerate(self.waiting.take(BATCH_ROWS), start=1):
            if (encoded := self._encoded(row)) is not None:
                yield encoded
            if number % _ROWS_AT_A_TIME == 0:
                time.sleep(_LETTING_OTHERS_S)

    def _encoded(self, row: Row) -> bytes | None:
        try:
            return self._encode(row)
        except Exception as error:  # noqa: BLE001 (values of the application encode themselves)
            self.dropped += 1
            self._passed += 1
            message = "Nowline: a row for %s cannot be sent and is dropped: %s"
            self._complaints.once(f"encode {self.door}", message, self.door, error)
            return None

    def _fitting(self) -> int:
        size = 0
        for count, row in enumerate(self._rows[: self._most]):
            size += len(row) + 1
            if count and size > _BODY_BYTES:
                return count
        return min(self._most, len(self._rows))

    def _put_off(self, answer: Answer, now: float) -> bool:
        wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(self._failures, 10))
        # Apart from each other, so that many processes do not come back at the same moment.
        wait *= _random.uniform(0.5, 1.0)
        if answer.retry_after_s is not None:
            wait = min(max(wait, answer.retry_after_s), _LONGEST_ASKED_WAIT_S)
        self._failures += 1
        self._not_before = now + wait
        message = "Nowline: %s cannot be delivered for now and are kept: %s"
        self._complaints.once(f"deliver {self.door}", message, self.door, _cause(answer))
        return False

    def _taken(self, answer: Answer) -> None:
        if answer.refused:
            self._refused(answer, answer.refused)
        self._complaints.settle(f"deliver {self.door}")

    def _refused(self, answer: Answer, rows: int) -> None:
        self.dropped += rows
        message = "Nowline: the server refused %d of the %s, which are dropped: %s"
        self._complaints.once(f"refuse {self.door}", message, rows, self.door, _cause(answer))


def _cause(answer: Answer) -> str:
    return f"{answer.status} {answer.reason}".strip() if answer.status else answer.reason
