"""The thread that sends what waits, every interval, and what it does about failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from nowline_client.complaints import Complaints, Quiet
from nowline_client.connection import Connection
from nowline_client.delivery import Delivery


class Sender:
    """Sends from a daemon thread, which starts with the first row that waits.

    Args:
        connection: To the server; used by one thread at a time.
        deliveries: What to send, each independent of the others' failures.
        prepare: Called before each round, to queue what is gathered by interval.
        complaints: Where to say what goes wrong.
        interval_s: Seconds from one round to the next.
    """

    def __init__(
        self,
        connection: Connection,
        deliveries: Sequence[Delivery[Any]],
        prepare: Callable[[], None],
        complaints: Complaints,
        interval_s: float,
    ) -> None:
        self._connection = connection
        self._deliveries = deliveries
        self._prepare = prepare
        self._quiet = Quiet(complaints)
        self._interval_s = interval_s
        self._thread: threading.Thread | None = None
        self._starting = threading.RLock()
        self._wake = threading.Event()
        self._changed = threading.Condition()
        self._asked = 0
        self._done = 0
        self._closing = False

    def wake(self, at_once: bool) -> None:
        """See that there is a thread to send what waits, and let it begin at once if asked to."""
        if self._thread is None and not self._closing:
            self._start()
        if at_once:
            self._wake.set()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that waits now is delivered; False if it takes too long or has ended."""
        if self._closing:
            return False
        if self._thread is None and not self._start():
            return self._round()
        with self._changed:
            self._asked += 1
            asked = self._asked
            self._wake.set()
            return self._changed.wait_for(lambda: self._done >= asked, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Deliver what waits, for so long at most, then end the thread."""
        if self._thread is not None or any(map(len, self._deliveries)):
            self.flush(timeout_s)
        self._closing = True
        self._wake.set()

    def _start(self) -> bool:
        """Start the thread; False where that cannot be done, as when Python is ending."""
        with self._starting:
            if self._thread is not None:
                return True
            # Known before it runs: a signal handler that comes in between would start another.
            self._thread = threading.Thread(target=self._run, name="nowline-client", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:
                self._thread = None
                return False
            return True

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(self._pause())
            self._wake.clear()
            asked = self._asked
            with self._quiet:
                if self._round():
                    self._report(asked)
        self._connection.close()

    def _pause(self) -> float:
        """Seconds until the next round; while somebody waits for it, until it makes sense."""
        if self._done == self._asked:
            return self._interval_s
        now = time.monotonic()
        waits = [each.wait_s(now) for each in self._deliveries if len(each)]
        return min(max(0.0, *waits, 0.01), self._interval_s)

    def _report(self, asked: int) -> None:
        with self._changed:
            self._done = asked
            self._changed.notify_all()

    def _round(self) -> bool:
        """Send what waits at its beginning; whether nothing of that is left."""
        self._prepare()
        outcomes = [self._deliver(each) for each in self._deliveries]
        return all(outcomes)

    def _deliver(self, delivery: Delivery[Any]) -> bool:
        end = delivery.passed + len(delivery)
        while delivery.passed < end:
            if delivery.wait_s(time.monotonic()) > 0:
                return False
            if (body := delivery.next_body()) is None:
                return True
            answer = self._connection.post(delivery.path, body)
            if not delivery.answered(answer, time.monotonic()):
                return False
        return True
