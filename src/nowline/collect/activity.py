"""How many people are at it, second by second."""

from __future__ import annotations

from collections.abc import Callable

from nowline.collect.metrics import Describer, Metric
from nowline.model.series import Point

USERS = Metric(
    "activity.active_users", "count", "Different users with an event in the last 5 minutes"
)


class ActivityCollector:
    """Samples how many users are active, from the first one on: without events there is no metric.

    Args:
        active_users: Counts them.
    """

    def __init__(self, active_users: Callable[[], int]) -> None:
        self._active_users = active_users
        self._point = Describer().point
        self._has_begun = False

    def sample(self) -> list[Point]:
        """The point of now, without a time (see `collect.schedule`)."""
        users = self._active_users()
        self._has_begun = self._has_begun or users > 0
        return [self._point(USERS, users)] if self._has_begun else []
