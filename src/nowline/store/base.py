"""What every time-series store promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nowline.model.histogram import Bins
from nowline.model.level import Level
from nowline.model.partials import Floats, Ints, Need, Partials
from nowline.store.catalogue import Catalogue, Metric, NewSeries, Selection


@dataclass(frozen=True, slots=True)
class Rows:
    """Raw rows as columns: series id, time in epoch milliseconds, value."""

    series: Ints
    time: Ints
    value: Floats


@dataclass(frozen=True, slots=True)
class Append:
    """What is added at once: rows, what is new in the catalogue, how far the log was read.

    Attributes:
        rows: The raw rows.
        metrics: Metrics that are new or have changed.
        series: Series that are new.
        log_id: The log the rows come from.
        offset: The log's offset up to which everything is now in the store.
        closed_before: The time up to which the clock had come, less what rows may be late: a store
            that rolls up closed buckets rolls up those that end by then.
    """

    rows: Rows
    metrics: list[Metric]
    series: list[NewSeries]
    log_id: str
    offset: int
    closed_before: int


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)` of the rows that a query wants, in buckets of `width_ms`."""

    start: int
    end: int
    width_ms: int


@dataclass(frozen=True, slots=True)
class Binned:
    """Histogram bins by group and bucket, as of one moment.

    Attributes:
        bins: Ordered by group, bucket and bin.
        offset: The log's offset up to which every row is in them.
    """

    bins: Bins
    offset: int


@dataclass(frozen=True, slots=True)
class LevelState:
    """What is kept of one level.

    Attributes:
        rows: How many rows; an estimate where counting would cost.
        bytes: What they take on disk.
        oldest: The time of the oldest row, epoch milliseconds, to the day; None if there is none.
        keep_ms: How long rows are kept.
    """

    rows: int
    bytes: int
    oldest: int | None
    keep_ms: int


@dataclass(frozen=True, slots=True)
class StoreState:
    """What the store holds and did, for `/metrics` and `nowline doctor`.

    Attributes:
        appended_rows: Raw rows appended since the start.
        append_seconds: Time spent on that.
        bytes_on_disk: All of it.
        levels: What is kept, by level.
        compactions: How often closed rows were rewritten, since the start.
        compaction_seconds: Time spent on that.
    """

    appended_rows: int
    append_seconds: float
    bytes_on_disk: int
    levels: Mapping[Level, LevelState]
    compactions: int = 0
    compaction_seconds: float = 0.0


class Store(ABC):
    """Rows at rest, at full detail and rolled up.

    Every store is opened with how long each level is kept, in milliseconds. Rows that come in
    for a time that the raw level does not keep any more count in the levels that still do.
    """

    @abstractmethod
    async def load(self, catalogue: Catalogue) -> None:
        """Fill the catalogue with the metrics and series that the store holds."""

    @abstractmethod
    async def offset(self, log_id: str) -> int:
        """The offset of that log up to which everything is on disk, 0 if nothing is."""

    @abstractmethod
    async def append(self, append: Append) -> int:
        """Take in rows and what is new in the catalogue: all of it or nothing.

        They are seen by every question asked from then on. On disk they are when `offset` says
        so: a store may gather appends in memory, as the log has them until then.

        Returns:
            The log's offset up to which everything is on disk.
        """

    def blames_rows(self, error: Exception) -> bool:
        """Whether an append failed for what it holds: trying again will not help, leaving out may.

        Everything else counts as a store that is down, for however long.
        """
        return isinstance(error, (ValueError, TypeError, LookupError, ArithmeticError))

    @abstractmethod
    async def flush(self) -> int:
        """Have everything that was appended on disk.

        Returns:
            The log's offset up to which everything is, which is that of the last append.
        """

    @abstractmethod
    async def rows_since(self, start: int) -> Rows:
        """Raw rows with times from `start` on, oldest first."""

    @abstractmethod
    async def rows_of(self, series: Ints, start: int, end: int) -> Rows:
        """Raw rows of these series with times in `[start, end)`, oldest first."""

    @abstractmethod
    async def last_before(self, series: Ints, time: int) -> Rows:
        """The newest raw row of each of these series with a time before `time`, if any."""

    @abstractmethod
    async def partials(
        self, selection: Selection, span: Span, *, need: Need = Need.ALL
    ) -> Partials:
        """Partials of the selected rows by group and bucket, ordered by group, then bucket.

        Reads the coarsest level whose buckets the span's buckets and edges are made of, so the
        answer is that of the raw rows.

        Args:
            selection: The series by group.
            span: The range and bucket width.
            need: What of them is of use.
        """

    @property
    def at_hand_until(self) -> int:
        """Rows of before this time, epoch milliseconds, may be at hand; 0 where none ever are."""
        return 0

    def partials_at_hand(
        self,
        selection: Selection,  # noqa: ARG002
        span: Span,  # noqa: ARG002
        *,
        need: Need = Need.ALL,  # noqa: ARG002
    ) -> Partials | None:
        """As `partials`, where that waits for nothing and takes less than a millisecond.

        Returns:
            None where it may not be so: nothing is known then.
        """
        return None

    @abstractmethod
    async def bins(self, selection: Selection, span: Span, *, distribution: bool) -> Binned:
        """Histogram bins of the selected rows by group and bucket.

        Args:
            selection: Series of one metric.
            span: The range and bucket width.
            distribution: Whether the metric is a distribution: those have bins at each level,
                others at `BINNED`, and raw rows below that.
        """

    @abstractmethod
    async def maintain(self, now_ms: int) -> None:
        """One round of upkeep: compact what is closed, drop what is kept no longer."""

    @abstractmethod
    async def backup(self, folder: Path, log_id: str) -> int:
        """Write a consistent copy of everything to an empty folder, while appends go on.

        Args:
            folder: Where the copy goes.
            log_id: The log that the server reads.

        Returns:
            The offset of that log up to which every row is in the copy, 0 if none is.

        Raises:
            NowlineError: UNSUPPORTED: this store is backed up in another way.
        """

    @abstractmethod
    def state(self) -> StoreState:
        """Counters as of now."""

    def faults(self) -> list[str]:
        """What is wrong with the files at rest, a line each; it is cheap to ask."""
        return []

    @abstractmethod
    async def close(self) -> None:
        """Let go of the files."""
