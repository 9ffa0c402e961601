"""Exact counts over windows that end now. Pure."""

from __future__ import annotations

from array import array

_SECOND_MS = 1000
_NEVER = -1


class Rolling:
    """How many moments there were in any window of the recent past, to the millisecond.

    Keeps two bytes a moment: for each second, how far into it each of its moments was.

    Args:
        reach_ms: How far back a window may begin.
    """

    def __init__(self, reach_ms: int) -> None:
        self._reach_ms = reach_ms
        self._seconds: dict[int, array[int]] = {}
        self._forgotten_before = 0

    def add(self, time_ms: int) -> None:
        """Count a moment; what is further back than any window is let be."""
        second, offset = divmod(time_ms, _SECOND_MS)
        if second >= self._forgotten_before:
            self._seconds.setdefault(second, array("H")).append(offset)

    def count(self, after_ms: int, until_ms: int) -> int:
        """How many there were in `(after_ms, until_ms]`."""
        edges = after_ms // _SECOND_MS, until_ms // _SECOND_MS
        inside = sum(len(of) for at, of in self._seconds.items() if edges[0] < at < edges[1])
        return inside + sum(
            after_ms < second * _SECOND_MS + offset <= until_ms
            for second in {*edges}
            for offset in self._seconds.get(second, ())
        )

    def forget(self, now_ms: int) -> None:
        """Let go of what no window that ends now or later reaches."""
        self._forgotten_before = (now_ms - self._reach_ms) // _SECOND_MS
        for second in [each for each in self._seconds if each < self._forgotten_before]:
            del self._seconds[second]


class Distinct:
    """How many different names there were in a window that ends now.

    Args:
        window_ms: How long it is.
    """

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._last: dict[str, int] = {}
        # Each name under the second of its last time, and of earlier ones, which say nothing.
        self._by_second: dict[int, set[str]] = {}

    def add(self, name: str, time_ms: int) -> None:
        """Count a name; the times are not to be later than now."""
        if time_ms > self._last.get(name, _NEVER):
            self._last[name] = time_ms
            self._by_second.setdefault(time_ms // _SECOND_MS, set()).add(name)

    def count(self, now_ms: int) -> int:
        """How many names there were in `(now - window, now]`."""
        self.forget(now_ms)
        after = now_ms - self._window_ms
        edge = self._by_second.get(after // _SECOND_MS, ())
        return len(self._last) - sum(self._last[name] <= after for name in edge)

    def forget(self, now_ms: int) -> None:
        """Let go of names that no window that ends now or later has."""
        second = (now_ms - self._window_ms) // _SECOND_MS
        for old in [each for each in self._by_second if each < second]:
            for name in self._by_second.pop(old):
                if self._last.get(name, _NEVER) // _SECOND_MS == old:
                    del self._last[name]
