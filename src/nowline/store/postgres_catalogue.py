"""Metrics and series as rows of PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from nowline.model.series import MetricType, SeriesKey
from nowline.store.catalogue import Metric, NewSeries

if TYPE_CHECKING:
    from asyncpg import Connection, Record
    from numpy.typing import NDArray

    from nowline.store.base import Append
    from nowline.store.postgres_copy import AnyConnection

_ADD_SERIES: Final = "INSERT INTO series VALUES ($1, $2, $3, $4)"
_PUT_METRIC: Final = """
INSERT INTO metrics VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET
    type = excluded.type, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
    metadata = excluded.metadata
"""


async def write(connection: Connection, append: Append) -> None:
    """Enter new series, and metrics that are new or have changed."""
    if append.series:
        rows = [
            (new.id, _escaped(new.key.name), _json(dict(new.key.tags)), new.type.value)
            for new in append.series
        ]
        await connection.executemany(_ADD_SERIES, rows)
    if append.metrics:
        await connection.executemany(_PUT_METRIC, [_metric_row(each) for each in append.metrics])


async def read(connection: AnyConnection) -> tuple[list[Metric], dict[str, list[NewSeries]]]:
    """All metrics, and the series of each by its name."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        metrics = await connection.fetch("SELECT * FROM metrics")
        rows = await connection.fetch("SELECT id, metric, tags, type FROM series ORDER BY id")
    series: dict[str, list[NewSeries]] = {}
    for number, escaped, tags, kind in rows:
        name = _unescaped(escaped)
        key = SeriesKey.of(name, msgspec.json.decode(tags, type=dict[str, str]))
        series.setdefault(name, []).append(NewSeries(number, key, MetricType(kind)))
    return [_metric(row) for row in metrics], series


async def distributions(connection: AnyConnection) -> NDArray[np.bool_]:
    """By series id, whether it is of a distribution."""
    sql = "SELECT id FROM series WHERE type = $1"
    ids = [row[0] for row in await connection.fetch(sql, MetricType.DISTRIBUTION.value)]
    known = np.zeros(max(ids, default=-1) + 1, bool)
    known[ids] = True
    return known


def with_new(known: NDArray[np.bool_], append: Append) -> NDArray[np.bool_]:
    """The same, with the series of an append and room for those of its rows."""
    ids = [new.id for new in append.series if new.type is MetricType.DISTRIBUTION]
    size = max(max(ids, default=-1), int(append.rows.series.max(initial=-1))) + 1
    if size <= len(known) and not ids:
        return known
    # Twice as many, so that a few new series an append do not copy it each time.
    grown = np.zeros(max(len(known), 2 * size), bool)
    grown[: len(known)] = known
    grown[ids] = True
    return grown


def _metric_row(metric: Metric) -> tuple[str, str, int, int, str]:
    described = _json(metric.metadata)
    name = _escaped(metric.name)
    return name, metric.type.value, metric.first_seen, metric.last_seen, described


def _metric(row: Record) -> Metric:
    name, kind, first_seen, last_seen, metadata = row
    described: dict[str, Any] = msgspec.json.decode(metadata, type=dict[str, object])
    return Metric(_unescaped(name), MetricType(kind), first_seen, last_seen, described)


def _escaped(name: str) -> str:
    r"""PostgreSQL has no NUL in its texts: it becomes `\0`, and a backslash becomes two."""
    return name.replace("\\", "\\\\").replace("\0", "\\0")


def _unescaped(text: str) -> str:
    return "\\".join(part.replace("\\0", "\0") for part in text.split("\\\\"))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
