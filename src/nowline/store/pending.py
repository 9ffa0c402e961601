"""What was appended and is not on disk yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from nowline.store import hot
from nowline.store.base import Append
from nowline.store.catalogue import Metric, NewSeries
from nowline.store.hot import Run
from nowline.store.registry import Progress

_NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Pending:
    """Appends in a row.

    Attributes:
        progress: How far the log is read with them, and the clock.
        runs: Their rows.
        metrics: Metrics that are new or have changed, by name.
        series: Series that are new, append by append.
        since: When the first append came in, epoch milliseconds; far in the future without any.
    """

    progress: Progress
    runs: tuple[Run, ...] = ()
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    series: tuple[list[NewSeries], ...] = ()
    since: int = _NEVER

    @property
    def rows(self) -> int:
        """How many rows."""
        return hot.rows_in(self.runs)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was appended."""
        return self.since == _NEVER

    def with_append(self, append: Append, raw_from: int) -> Pending:
        """One append more.

        Args:
            append: What was appended.
            raw_from: From which time on rows are kept at full detail.

        Raises:
            OverflowError: Its offset is more than 64 bits.
        """
        closed = max(self.progress.closed_before, append.closed_before)
        return Pending(
            Progress(append.log_id, int(np.int64(append.offset)), closed),
            hot.added(self.runs, hot.runs_of(append.rows, raw_from)),
            {**self.metrics, **{metric.name: metric for metric in append.metrics}},
            (*self.series, append.series) if append.series else self.series,
            min(self.since, closed),
        )

    def after(self, earlier: Pending) -> Pending:
        """Earlier appends, and then these."""
        return replace(
            self,
            runs=earlier.runs + self.runs,
            metrics={**earlier.metrics, **self.metrics},
            series=earlier.series + self.series,
            since=min(earlier.since, self.since),
        )
