"""Reads what has to be asked for, such as the depth of a queue, at intervals."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nowline_client.complaints import Complaints, Quiet


class Sampler:
    """Calls a function now and at intervals, in a daemon thread, whatever it raises.

    Args:
        read: Reads something and sets gauges; it may wait for other servers.
        interval_s: Seconds from the end of one call to the next.
    """

    def __init__(self, read: Callable[[], None], interval_s: float) -> None:
        self._read = read
        self._interval_s = interval_s
        self._quiet = Quiet(Complaints())
        self._ending = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="nowline-sampler", daemon=True).start()

    def stop(self) -> None:
        """End after the call that is going on, if one is."""
        self._ending.set()

    def _run(self) -> None:
        while True:
            with self._quiet:
                self._read()
            if self._ending.wait(self._interval_s):
                return
