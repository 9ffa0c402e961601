"""The shop's world as points of the public ingest API, second by second or in coarser steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nowline.demo.shop import (
    CREATE,
    ENDPOINTS,
    LOGIN,
    OBSERVED,
    REGIONS,
    REGISTER,
    SERVER_ERRORS,
    WORK,
    World,
)
from nowline.model.series import MetricType, Point

_DEMO = {"source": "demo"}
_OBSERVED_PER_STEP = 3
# name: (type, unit, description)
_METRICS = {
    "shop.users.active": (MetricType.GAUGE, "count", "Visitors in the shop"),
    "shop.logins": (MetricType.COUNTER, "count", "Successful logins"),
    "shop.registrations": (MetricType.COUNTER, "count", "New customers"),
    "shop.products.created": (MetricType.COUNTER, "count", "Products added to the catalogue"),
    "shop.orders": (MetricType.COUNTER, "count", "Orders placed"),
    "shop.revenue": (MetricType.COUNTER, "EUR", "Value of the orders placed"),
    "shop.api.requests": (MetricType.COUNTER, "count", "Requests to the shop's API"),
    "shop.api.errors": (MetricType.COUNTER, "count", "Requests that failed with a 5xx"),
    "shop.api.duration_ms": (MetricType.DISTRIBUTION, "ms", "Duration of API requests, sampled"),
    "shop.tasks.completed": (MetricType.COUNTER, "count", "Background tasks finished"),
    "shop.tasks.duration_ms": (MetricType.DISTRIBUTION, "ms", "Duration of tasks, sampled"),
    "shop.queue.depth": (MetricType.GAUGE, "count", "Background tasks waiting"),
}


class _Column(NamedTuple):
    """One series: a value per step; zeros are left out where the series is `rare`."""

    name: str
    values: list[float]
    tags: dict[str, str]
    rare: bool = False


class _Observations(NamedTuple):
    """One series of a distribution: the values observed in each step."""

    name: str
    values: list[list[float]]
    tags: dict[str, str]


class ShopPoints:
    """Makes points; the first of each metric says its unit and that it is demo data."""

    def __init__(self) -> None:
        self._described: set[str] = set()

    def of(self, world: World, step_s: int = 1) -> list[Point]:
        """The points of a stretch of time, oldest first, one step's at the step's first second.

        Increments of a step are the sums of its seconds, so that no total depends on the step;
        gauges are those of its first second. Of the durations in a second up to 8 per series
        are given, of those in a longer step the first 3.

        Raises:
            ValueError: The stretch is no whole number of steps.
        """
        if len(world.seconds) % step_s:
            raise ValueError(f"{len(world.seconds)} s are no whole number of {step_s} s steps")
        columns = list(_columns(world, step_s))
        observations = list(_observations(world, step_s))
        points: list[Point] = []
        for row, second in enumerate(world.seconds[::step_s].tolist()):
            for column in columns:
                value = column.values[row]
                if value or not column.rare:
                    points.append(self._point(column.name, value, column.tags, second))
            for series in observations:
                points.extend(
                    self._point(series.name, value, series.tags, second)
                    for value in series.values[row]
                )
        return points

    def _point(self, name: str, value: float, tags: dict[str, str], second: int) -> Point:
        kind, unit, description = _METRICS[name]
        metadata = {}
        if name not in self._described:
            self._described.add(name)
            metadata = {"unit": unit, "description": f"{description} (demo data)", **_DEMO}
        return Point(
            name=name, value=value, time=second * 1000, type=kind, tags=tags, metadata=metadata
        )


def _sums(values: NDArray[np.int64] | NDArray[np.float64], step_s: int) -> list[float]:
    sums: list[float] = values.reshape(-1, step_s).sum(axis=1).round(2).tolist()
    return sums


def _columns(world: World, step_s: int) -> Iterator[_Column]:
    succeeded = world.answers[:, :, 0]
    yield _Column("shop.users.active", world.users[::step_s].tolist(), _DEMO)
    yield _Column("shop.logins", _sums(succeeded[:, LOGIN], step_s), _DEMO)
    yield _Column("shop.registrations", _sums(succeeded[:, REGISTER], step_s), _DEMO)
    yield _Column("shop.products.created", _sums(succeeded[:, CREATE], step_s), _DEMO)
    for index, region in enumerate(REGIONS):
        tags = {**_DEMO, "region": region}
        yield _Column("shop.orders", _sums(world.orders[:, index], step_s), tags)
        yield _Column("shop.revenue", _sums(world.revenue[:, index], step_s), tags)
    yield from _api_columns(world, step_s)
    yield from _task_columns(world, step_s)


def _api_columns(world: World, step_s: int) -> Iterator[_Column]:
    for index, endpoint in enumerate(ENDPOINTS):
        tags = {**_DEMO, "endpoint": endpoint.path, "method": endpoint.method}
        statuses = (endpoint.success, endpoint.client_error, *SERVER_ERRORS)
        for outcome, status in enumerate(statuses):
            counts = _sums(world.answers[:, index, outcome], step_s)
            tagged = {**tags, "status": str(status)}
            yield _Column("shop.api.requests", counts, tagged, rare=outcome > 0)
    for path in dict.fromkeys(endpoint.path for endpoint in ENDPOINTS):
        routes = [index for index, endpoint in enumerate(ENDPOINTS) if endpoint.path == path]
        errors = world.answers[:, routes, 2:].sum(axis=(1, 2))
        yield _Column("shop.api.errors", _sums(errors, step_s), {**_DEMO, "endpoint": path})


def _task_columns(world: World, step_s: int) -> Iterator[_Column]:
    for index, work in enumerate(WORK):
        tags = {**_DEMO, "task_type": work.task_type}
        failed, completed = world.failed[:, index], world.completed[:, index]
        name = "shop.tasks.completed"
        yield _Column(name, _sums(completed - failed, step_s), {**tags, "status": "success"})
        yield _Column(name, _sums(failed, step_s), {**tags, "status": "failure"}, rare=True)
        depth: list[float] = world.depth[::step_s, index].tolist()
        yield _Column("shop.queue.depth", depth, {**_DEMO, "queue": work.queue})


def _observations(world: World, step_s: int) -> Iterator[_Observations]:
    requests = world.answers.sum(axis=2)
    for index, endpoint in enumerate(ENDPOINTS):
        observed = _observed(world.api_ms[:, index], requests[:, index], step_s)
        tags = {**_DEMO, "endpoint": endpoint.path}
        yield _Observations("shop.api.duration_ms", observed, tags)
    for index, work in enumerate(WORK):
        observed = _observed(world.task_ms[:, index], world.completed[:, index], step_s)
        tags = {**_DEMO, "task_type": work.task_type}
        yield _Observations("shop.tasks.duration_ms", observed, tags)


def _observed(
    durations: NDArray[np.float64], happened: NDArray[np.int64], step_s: int
) -> list[list[float]]:
    """The durations that were observed in each step, thinned out where steps are coarse."""
    exists = (np.arange(OBSERVED) < happened[:, None]).reshape(-1, step_s * OBSERVED)
    if step_s > 1:
        exists &= exists.cumsum(axis=1) <= _OBSERVED_PER_STEP
    rows = durations.reshape(-1, step_s * OBSERVED)
    return [row[wanted].tolist() for row, wanted in zip(rows, exists, strict=True)]
