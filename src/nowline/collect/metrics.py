"""What the collectors measure: each metric's name, type, unit and description, and its points."""

from __future__ import annotations

from typing import NamedTuple

from nowline.model.series import MetricType, Point


class Metric(NamedTuple):
    """A metric that a collector emits. `unit` is e.g. `percent`, `bytes`, `ms` or `count`."""

    name: str
    unit: str
    description: str
    type: MetricType = MetricType.GAUGE


class Describer:
    """Makes points; the first point of each metric carries its unit and description.

    Points carry no time: who takes the sample knows when (see `collect.schedule`).
    """

    def __init__(self) -> None:
        self._described: set[str] = set()

    def point(self, metric: Metric, value: float, tags: dict[str, str] | None = None) -> Point:
        """One value of `metric`."""
        return Point(
            name=metric.name,
            value=value,
            type=metric.type,
            tags=tags or {},
            metadata=self._metadata(metric),
        )

    def _metadata(self, metric: Metric) -> dict[str, str]:
        if metric.name in self._described:
            return {}
        self._described.add(metric.name)
        return {"unit": metric.unit, "description": metric.description}
