"""How fresh the live views of this server are, second by second."""

from __future__ import annotations

import random
from collections.abc import Callable

from nowline.collect.metrics import Describer, Metric
from nowline.live.delays import Delays
from nowline.live.state import HubState
from nowline.model.series import MetricType, Point

PUBLISH = Metric(
    "nowline.live.publish_ms",
    "ms",
    "Time from the arrival of a row to the live update that has it; at most 32 a second",
    MetricType.DISTRIBUTION,
)
WRITE = Metric(
    "nowline.live.write_ms",
    "ms",
    "Time from a live update to the socket of each of its readers; at most 32 a second",
    MetricType.DISTRIBUTION,
)
READERS = Metric("nowline.live.readers", "count", "Open live connections")

_MOST = 32


class LiveCollector:
    """Samples what the hub has counted since the previous sample.

    Of more than 32 delays a second it takes that many, evenly by their rank and beginning at
    random, so that percentiles over a longer time are those of all.

    Args:
        state: Asks the hub.
        seed: Of what begins at random.
    """

    def __init__(self, state: Callable[[], HubState], seed: int | None = None) -> None:
        self._state = state
        self._random = random.Random(seed).random  # noqa: S311 - a sample, not a secret
        self._describer = Describer()
        self._published, self._written = Delays(), Delays()

    def sample(self) -> list[Point]:
        """The points of now, without a time (see `collect.schedule`)."""
        state = self._state()
        published, written = state.published.copy(), state.written.copy()
        points = [
            self._describer.point(READERS, state.readers),
            *self._points(PUBLISH, published.since(self._published)),
            *self._points(WRITE, written.since(self._written)),
        ]
        self._published, self._written = published, written
        return points

    def _points(self, metric: Metric, delays: Delays) -> list[Point]:
        told = delays.spread(_MOST, self._random())
        return [self._describer.point(metric, round(ms, 3)) for ms in told]
