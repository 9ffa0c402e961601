"""What goes wrong is logged, once, and never raised into the application."""

from __future__ import annotations

import logging
from types import TracebackType

_logger = logging.getLogger("nowline_client")


class Complaints:
    """Warnings in the application's log, each kind once until what it is about has passed."""

    def __init__(self) -> None:
        self._made: set[str] = set()

    def once(self, kind: str, message: str, *values: object) -> None:
        """Log a warning unless one of this kind was logged and not settled since."""
        if kind not in self._made:
            self._made.add(kind)
            _logger.warning(message, *values)

    def settle(self, kind: str) -> bool:
        """Let the next of this kind be logged again; whether there had been one."""
        settled = kind in self._made
        self._made.discard(kind)
        return settled


class Quiet:
    """A `with` block out of which no error gets: it is logged, the first of its kind."""

    def __init__(self, complaints: Complaints) -> None:
        self._complaints = complaints

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, Exception):
            message = "Nowline: not recorded, %s: %s"
            self._complaints.once(f"quiet {kind}", message, type(error).__name__, error)
            return True
        return False
