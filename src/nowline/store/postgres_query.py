"""The statements that roll up rows and read them: one branch a level, merged by group and bucket.

No text of a user is ever in them: series are numbers, and numbers are bound too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from nowline.model.level import Level
from nowline.store.base import Span
from nowline.store.catalogue import Selection
from nowline.store.levels import Part
from nowline.store.postgres_schema import bins_of, partials_of

PARTIAL_COLUMNS: Final[Mapping[str, str]] = {
    "key": "i8",
    "bucket": "i8",
    "count": "i8",
    "total": "f8",
    "low": "f8",
    "high": "f8",
    "last": "f8",
    "last_at": "i8",
}
BIN_COLUMNS: Final[Mapping[str, str]] = {"key": "i8", "bucket": "i8", "bin": "i8", "count": "i8"}
ROW_COLUMNS: Final[Mapping[str, str]] = {"series": "i8", "time": "i8", "value": "f8"}
# The key of the row of an answer that carries the log's offset instead of a bin.
OFFSET_KEY: Final = -1
# Sums of doubles fail in PostgreSQL where they overflow; these never do, but cost a third more.
_FAST_SUM: Final = "sum({value})"
_SAFE_SUM: Final = (
    "nowline_series.total(sum({value}) FILTER (WHERE abs({value}) < 1e290),"
    " sum({value} / 18446744073709551616) FILTER (WHERE abs({value}) >= 1e290))"
)
# The greatest of (time, value) is what arg_max(value, time) is elsewhere; times in milliseconds
# are exact in a double for 285,000 years.
_FOLD_RAW = (
    "count(*) AS count, {total} AS total, min(value) AS low, max(value) AS high,"
    " max(ARRAY[time::float8, value]) AS latest"
)
_MERGE = (
    "sum(count)::bigint AS count, {total} AS total, min(low) AS low, max(high) AS high,"
    " max(ARRAY[last_at::float8, last]) AS latest"
)
_MERGE_AGAIN = (
    "sum(count)::bigint AS count, {total} AS total, min(low) AS low, max(high) AS high,"
    " (max(latest))[2] AS last, (max(latest))[1]::bigint AS last_at"
)
_CHOSEN = "WITH chosen(series, grp) AS (SELECT * FROM unnest($1::int[], $2::bigint[])) "


def total_of(value: str, *, safe: bool) -> str:
    """The sum of a column."""
    return (_SAFE_SUM if safe else _FAST_SUM).format(value=value)


def fold_raw(*, safe: bool) -> str:
    """The aggregates that make a partial of raw rows; `latest` is (time, value) of the last."""
    return _FOLD_RAW.format(total=total_of("value", safe=safe))


def merge(*, safe: bool) -> str:
    """The aggregates that make a partial of partials."""
    return _MERGE.format(total=total_of("total", safe=safe))


def bucket_of(column: str, width: str) -> str:
    """The start of the bucket that a time is in; also before 1970, unlike plain division."""
    return f"{column} - mod(mod({column}, {width}) + {width}, {width})"


@dataclass(slots=True)
class Question:
    """One question to the store, as it becomes a statement.

    Attributes:
        selection: The series and their groups.
        span: The range and the bucket width.
        parts: Which levels answer which part of it.
        extras: Relations with more rows of a table, by its name.
        values: What the numbered parameters stand for.
    """

    selection: Selection
    span: Span
    parts: Sequence[Part]
    extras: Mapping[str, str]
    values: list[object] = field(default_factory=list)

    def partials(self, *, safe: bool) -> str:
        """The statement that answers with partials, ordered by group and bucket."""
        self._start()
        branches, total = [], total_of("total", safe=safe)
        for part in self.parts:
            is_raw = part.level is Level.RAW
            fold = fold_raw(safe=safe) if is_raw else merge(safe=safe)
            branches += self._branches(part, partials_of(part.level), fold, "1, 2")
        return (
            f"{_CHOSEN}SELECT key, bucket, {_MERGE_AGAIN.format(total=total)}"  # noqa: S608
            f" FROM ({' UNION ALL '.join(branches)}) AS parts GROUP BY 1, 2 ORDER BY 1, 2"
        )

    def bins(self) -> str:
        """The statement that answers with bins, and with the offset that they are as of."""
        self._start()
        branches = []
        for part in self.parts:
            is_raw = part.level is Level.RAW
            fold = "nowline_series.bin_of(value) AS bin, count(*) AS count"
            fold = fold if is_raw else "bin, sum(count)::bigint AS count"
            branches += self._branches(part, bins_of(part.level), fold, "1, 2, 3")
        return (
            f"{_CHOSEN}SELECT {OFFSET_KEY}::bigint AS key, 0::bigint AS bucket,"  # noqa: S608
            " 0::bigint AS bin, log_offset AS count FROM progress UNION ALL"
            " SELECT key, bucket, bin::bigint, sum(count)::bigint"
            f" FROM ({' UNION ALL '.join(branches)}) AS parts GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )

    def _start(self) -> None:
        selected = self.selection
        self.values = [selected.series.tolist(), selected.group.tolist(), self.span.width_ms]

    def _branches(self, part: Part, table: str, fold: str, by: str) -> list[str]:
        column = "time" if part.level is Level.RAW else "bucket"
        start, end = self._bind(part.start), self._bind(part.end)
        sources = [table, self.extras[table]] if table in self.extras else [table]
        return [
            f"SELECT grp AS key, {bucket_of(column, '$3::bigint')} AS bucket, {fold}"  # noqa: S608
            f' FROM "{source}" JOIN chosen USING (series)'
            f" WHERE {column} >= {start} AND {column} < {end} GROUP BY {by}"
            for source in sources
        ]

    def _bind(self, value: int) -> str:
        self.values.append(value)
        return f"${len(self.values)}::bigint"
