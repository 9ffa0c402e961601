"""The statements that read the embedded store: a branch a source, merged by group and bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import numpy as np

from nowline.model import histogram, partials
from nowline.model.histogram import LOG_GAMMA, OFFSET, Bins
from nowline.model.level import BINNED, Level
from nowline.model.partials import Partials
from nowline.model.query import SECOND_MS
from nowline.store.base import Span
from nowline.store.catalogue import Selection
from nowline.store.levels import Part, cover, outline
from nowline.store.segments import Manifest, relations

Columns: TypeAlias = dict[str, Any]

# Levels that are so few rows that they stay in tables, all days in one.
COARSE_TABLES = {Level.HOUR: "rollup_1h", Level.DAY: "rollup_1d"}

# The bin of a value, as `model.histogram.codes` has it.
BIN = (
    "CASE WHEN value = 0 THEN 0 ELSE sign(value)::INTEGER * "
    f"(floor(ln(abs(value)) / {LOG_GAMMA!r})::INTEGER + {OFFSET}) END"
)
RAW_PARTIAL = "1::BIGINT, value, value, value, value, time"
MERGED = (
    "sum(count)::BIGINT AS count, sum(total) AS total, min(low) AS low, max(high) AS high, "
    "arg_max(last, last_at) AS last, max(last_at) AS last_at"
)
_PARTIAL = "count, total, low, high, last, last_at"
_RAW_BIN = f"{BIN}, 1::BIGINT"
_BINNED = "bin, count"

# Where no more rows than this are expected they are merged by NumPy: DuckDB's grouping alone
# takes longer than reading them.
_FEW_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Branch:
    """Rows of one source in `[start, end)`, by the time in `column`."""

    source: str
    column: str
    start: int
    end: int
    values: str


@dataclass(frozen=True, slots=True)
class Scan:
    """One question to the store.

    Attributes:
        manifest: What there is.
        folder: Where its files are.
        selection: The series and their groups.
        span: The range and the bucket width.
    """

    manifest: Manifest
    folder: Path
    selection: Selection
    span: Span

    def partials(self, db: duckdb.DuckDBPyConnection) -> Partials:
        """Partials by group and bucket, ordered."""
        parts = cover(self.span, list(Level))
        branches = [*self._stored_partials(parts), *self._hot_partials(*outline(parts))]
        if not branches:
            return partials.empty()
        union = self._union(branches, f"key, bucket, {_PARTIAL}")
        if self._is_small(parts):
            return partials.merge([Partials(**self._fetch(db, union))])
        merged = f"SELECT key, bucket, {MERGED} FROM ({union}) GROUP BY ALL ORDER BY key, bucket"  # noqa: S608
        return Partials(**self._fetch(db, merged))

    def bins(self, db: duckdb.DuckDBPyConnection, *, distribution: bool) -> Bins:
        """Histogram bins by group and bucket, ordered."""
        parts = cover(self.span, list(Level) if distribution else [Level.RAW, *BINNED])
        hot = self._hot_bins(outline(parts) if distribution else None)
        branches = [*self._stored_bins(parts), *hot]
        if not branches:
            return histogram.empty()
        union = self._union(branches, "key, bucket, bin, count")
        merged = (
            f"SELECT key, bucket, bin::BIGINT AS bin, sum(count)::BIGINT AS count FROM ({union}) "  # noqa: S608
            "GROUP BY ALL ORDER BY key, bucket, bin"
        )
        return Bins(**self._fetch(db, merged))

    def _stored_partials(self, parts: Sequence[Part]) -> list[Branch]:
        branches = []
        for part in parts:
            at = (part.start, part.end)
            if part.level in COARSE_TABLES:
                branches.append(Branch(COARSE_TABLES[part.level], "bucket", *at, _PARTIAL))
            elif part.level is Level.RAW:
                branches += self._segments(part, "time", RAW_PARTIAL, binned=False)
            else:
                branches += self._segments(part, "bucket", _PARTIAL, binned=False)
        return branches

    def _stored_bins(self, parts: Sequence[Part]) -> list[Branch]:
        branches = []
        for part in parts:
            if part.level is Level.RAW:
                branches += self._segments(part, "time", _RAW_BIN, binned=False)
            else:
                branches += self._segments(part, "bucket", _BINNED, binned=True)
        return branches

    def _segments(self, part: Part, column: str, values: str, *, binned: bool) -> list[Branch]:
        found = self.manifest.segments_in(part.level, part.start, part.end, binned=binned)
        return [
            Branch(source, column, part.start, part.end, values)
            for source in relations(self.folder, found)
        ]

    def _hot_partials(self, first: int, last: int) -> list[Branch]:
        """Partials of closed minutes in `[first, last)`, raw rows of the rest of the span."""
        last = max(first, min(last, self.manifest.closed_before))
        branches = [
            Branch(hot.minutes, "bucket", first, last, _PARTIAL)
            for hot in self.manifest.hot_in(first, last)
        ]
        return branches + self._hot_points(first, last, RAW_PARTIAL)

    def _hot_bins(self, rolled: tuple[int, int] | None) -> list[Branch]:
        """Bins of closed minutes, raw rows of the rest; `None` where minutes have no bins.

        Bins without raw rows, of rows that came in too late to be kept raw, are always read.
        """
        span = self.span
        first, last = rolled or (span.start, span.start)
        last = max(first, min(last, self.manifest.closed_before))
        wanted = (first, last) if rolled else (span.start, span.end)
        branches = [
            Branch(hot.bins, "bucket", *wanted, _BINNED) for hot in self.manifest.hot_in(*wanted)
        ]
        return branches + self._hot_points(first, last, _RAW_BIN)

    def _hot_points(self, first: int, last: int, values: str) -> list[Branch]:
        """Hot raw rows of the span outside `[first, last)`."""
        span = self.span
        whole = [(span.start, span.end)]
        edges = [(span.start, first), (last, span.end)] if first < last else whole
        return [
            Branch(hot.points, "time", start, end, values)
            for start, end in edges
            if start < end
            for hot in self.manifest.hot_in(start, end)
        ]

    def _union(self, branches: Sequence[Branch], names: str) -> str:
        """One relation with these column names of all branches."""
        union = " UNION ALL ".join(self._select(branch) for branch in branches)
        return f"SELECT * FROM ({union}) AS rows({names})"  # noqa: S608

    def _select(self, branch: Branch) -> str:
        series, width = self.selection.series, self.span.width_ms
        key = "0::BIGINT" if self._is_one_stretch() else "chosen.grp"
        join = "" if self._is_one_stretch() else "JOIN chosen USING (series)"
        # The bounds let whole row groups be passed over.
        return (
            f"SELECT {key}, {branch.column} // {width} * {width}, {branch.values} "  # noqa: S608
            f"FROM {branch.source} {join} "
            f"WHERE {branch.column} >= {branch.start} AND {branch.column} < {branch.end} "
            f"AND series BETWEEN {series.min()} AND {series.max()}"
        )

    def _is_one_stretch(self) -> bool:
        """Whether the selection is all series from its first to its last, in one group."""
        series = self.selection.series
        is_whole = int(series.max()) - int(series.min()) + 1 == len(np.unique(series))
        return is_whole and len(np.unique(series)) == len(series) and self._groups() == 1

    def _groups(self) -> int:
        return int(self.selection.group.max()) + 1

    def _is_small(self, parts: Sequence[Part]) -> bool:
        cells = sum((p.end - p.start) // max(p.level.width_ms, SECOND_MS) + 1 for p in parts)
        return cells * len(self.selection.series) <= _FEW_ROWS

    def _fetch(self, db: duckdb.DuckDBPyConnection, sql: str) -> Columns:
        if not self._is_one_stretch():
            chosen = {"series": self.selection.series.astype(np.int32), "grp": self.selection.group}
            db.register("chosen", chosen)
        columns = db.execute(sql).fetchnumpy()
        return {name: np.ma.getdata(column) for name, column in columns.items()}
