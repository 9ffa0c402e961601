"""Rows that come in for closed buckets: folded here, then merged into the buckets' own rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nowline.model import histogram
from nowline.model.grouping import fold
from nowline.store.postgres_copy import copy_in

if TYPE_CHECKING:
    from asyncpg import Connection
    from numpy.typing import NDArray

    from nowline.model.level import Level
    from nowline.store.postgres_layout import Incoming

INCOMING: Final = """
CREATE TEMPORARY TABLE incoming_partials (
    series int, bucket bigint, count bigint, total float8, low float8, high float8,
    last float8, last_at bigint
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE incoming_bins (series int, bucket bigint, bin int, count bigint)
ON COMMIT DELETE ROWS;
"""
"""What a connection needs that merges: tables of its own, for rows on their way."""

LATE: Final = "late_"
"""What the names of tables begin with that hold rows beside a level."""
_MERGE_LATE: Final = """
INSERT INTO "{target}" AS held SELECT * FROM incoming_partials
ON CONFLICT (series, bucket) DO UPDATE SET
    count = held.count + excluded.count,
    total = nowline_series.plus(held.total, excluded.total),
    low = least(held.low, excluded.low),
    high = greatest(held.high, excluded.high),
    last = CASE WHEN excluded.last_at >= held.last_at THEN excluded.last ELSE held.last END,
    last_at = greatest(held.last_at, excluded.last_at)
"""
_MERGE_LATE_BINS: Final = """
INSERT INTO "{target}" AS held SELECT * FROM incoming_bins
ON CONFLICT (series, bucket, bin) DO UPDATE SET count = held.count + excluded.count
"""


async def merge_partials(connection: Connection, level: Level, late: Incoming, table: str) -> None:
    """Merge rows into a table of that level's partials."""
    rows = late.rows
    if not len(rows.time):
        return
    # An infinite sum is what absurd values add up to; it is no reason to refuse the others.
    with np.errstate(over="ignore", invalid="ignore"):
        partials = fold(rows.series, rows.time, rows.value, level.width_ms)
    columns: dict[str, NDArray[Any]] = {
        "series": partials.key.astype(np.int32),
        "bucket": partials.bucket,
        "count": partials.count,
        "total": partials.total,
        "low": partials.low,
        "high": partials.high,
        "last": partials.last,
        "last_at": partials.last_at,
    }
    await copy_in(connection, "incoming_partials", columns)
    await connection.execute(_MERGE_LATE.format(target=table))
    await connection.execute("TRUNCATE incoming_partials")


async def merge_bins(connection: Connection, level: Level, late: Incoming, table: str) -> None:
    """Merge rows into a table of that level's bins."""
    rows = late.rows
    if not len(rows.time):
        return
    bins = histogram.fold(rows.series, rows.time, rows.value, level.width_ms)
    columns: dict[str, NDArray[Any]] = {
        "series": bins.key.astype(np.int32),
        "bucket": bins.bucket,
        "bin": bins.bin.astype(np.int32),
        "count": bins.count,
    }
    await copy_in(connection, "incoming_bins", columns)
    await connection.execute(_MERGE_LATE_BINS.format(target=table))
    await connection.execute("TRUNCATE incoming_bins")
