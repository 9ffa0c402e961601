"""The newest rows of the embedded store, in memory: sorted runs, merged as they grow in number.

The log has every one of these rows until they are in files, so nothing is lost with the memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from nowline.model.level import BINNED, Level
from nowline.store import rolling
from nowline.store.base import Rows
from nowline.store.blockfile import Columns

# So many runs of about one size become one.
_FAN_IN = 8


@dataclass(frozen=True, eq=False)
class Run:
    """Rows that came in one after the other, ordered by series, then time; never empty.

    Attributes:
        rows: Their series, time and value.
        is_kept_raw: False of rows older than what is kept at full detail: they count in roll-ups.
    """

    rows: Columns
    is_kept_raw: bool

    def __len__(self) -> int:
        return len(self.rows["time"])

    @cached_property
    def oldest(self) -> int:
        """The time of the oldest row, epoch milliseconds."""
        return int(self.rows["time"].min())

    @cached_property
    def minutes(self) -> Columns:
        """Partials of its minutes."""
        return rolling.partials(self.rows, Level.MINUTE.width_ms)

    @cached_property
    def bins(self) -> Columns:
        """Bins at the finest level at which all series have them."""
        return rolling.bins(self.rows, BINNED[0].width_ms)

    @cached_property
    def minute_bins(self) -> Columns:
        """Bins of its minutes."""
        return rolling.bins(self.rows, Level.MINUTE.width_ms)


def runs_of(rows: Rows, raw_from: int) -> tuple[Run, ...]:
    """Runs of some rows: of those that are kept raw, from `raw_from` on, and of the others."""
    if not len(rows.time):
        return ()
    columns = rolling.ordered(rows)
    is_kept = columns["time"] >= raw_from
    halves = (
        Run(rolling.where(columns, is_kept), True),
        Run(rolling.where(columns, ~is_kept), False),
    )
    return tuple(run for run in halves if len(run))


def added(runs: tuple[Run, ...], new: Sequence[Run]) -> tuple[Run, ...]:
    """All of these runs, fewer where many are of one size."""
    for run in new:
        runs = _compacted((*runs, run))
    return runs


def rows_in(runs: Sequence[Run]) -> int:
    """How many rows they have."""
    return sum(map(len, runs))


def _compacted(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    while True:
        size, kept = _size_class(runs[-1]), runs[-1].is_kept_raw
        own = [run for run in reversed(runs) if run.is_kept_raw == kept]
        # Only the newest, so that of equal times those that came first stay first.
        alike = list(takewhile(lambda run: _size_class(run) <= size, own))  # noqa: B023
        if len(alike) < _FAN_IN:
            return runs
        rest = tuple(run for run in runs if run not in alike)
        runs = (*rest, Run(rolling.merged_rows([run.rows for run in reversed(alike)]), kept))


def _size_class(run: Run) -> int:
    return int(math.log(len(run), _FAN_IN))
