"""A question whose answer is one number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nowline.model.query import Aggregation
from nowline.query.plan import ALL_TIME_MS, Plan


class Figure(NamedTuple):
    """One number over `[start, end)` of all matching series together.

    Attributes:
        metric: The metric's name.
        aggregation: A rate is per second of the whole range.
        filters: For each tag, the values of which a series must have one.
        start: Epoch milliseconds.
        end: Epoch milliseconds, after `start`.
    """

    metric: str
    aggregation: Aggregation
    filters: Mapping[str, tuple[str, ...]]
    start: int
    end: int

    def plan(self, now: int) -> Plan:
        """What to read for it: the whole range is one bucket."""
        metric, aggregation, filters, start, end = self
        return Plan(metric, aggregation, filters, (), start, end, ALL_TIME_MS, 1, now=now)
