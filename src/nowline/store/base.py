"""What every time-series store promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from nowline.model.partials import Floats, Ints, Partials
from nowline.store.catalogue import Catalogue, Metric, NewSeries, Selection


@dataclass(frozen=True, slots=True)
class Rows:
    """Raw rows as columns: series id, time in epoch milliseconds, value."""

    series: Ints
    time: Ints
    value: Floats


@dataclass(frozen=True, slots=True)
class Append:
    """What one transaction adds: rows, what is new in the catalogue, how far the log was read.

    Attributes:
        rows: The raw rows.
        metrics: Metrics that are new or have changed.
        series: Series that are new.
        log_id: The log the rows come from.
        offset: The log's offset up to which everything is now in the store.
        closed_before: Buckets that end at or before this time are rolled up now.
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
class StoreState:
    """What the store holds, for `/metrics`."""

    appended_rows: int
    append_seconds: float
    bytes_on_disk: int


class Store(ABC):
    """Rows at rest, at full detail and rolled up."""

    @abstractmethod
    async def load(self, catalogue: Catalogue) -> None:
        """Fill the catalogue with the metrics and series that the store holds."""

    @abstractmethod
    async def offset(self, log_id: str) -> int:
        """The offset of that log up to which everything is stored, 0 if nothing is."""

    @abstractmethod
    async def append(self, append: Append) -> None:
        """Write rows, their roll-ups and the offset in one transaction: all of it or nothing."""

    @abstractmethod
    async def rows_since(self, start: int) -> Rows:
        """Raw rows with times from `start` on, oldest first."""

    @abstractmethod
    async def partials(self, selection: Selection, span: Span) -> Partials:
        """Partials of the selected rows by group and bucket, ordered by group, then bucket."""

    @abstractmethod
    def state(self) -> StoreState:
        """Counters as of now."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of the files."""
