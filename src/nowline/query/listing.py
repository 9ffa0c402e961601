"""The list of metrics as people read it, and what watches it."""

from __future__ import annotations

import msgspec

from nowline.clock import rfc3339
from nowline.model.series import MetricType
from nowline.query.watch import News
from nowline.store.catalogue import Catalogue, Metric


class Entry(msgspec.Struct, frozen=True):
    """One metric as the catalogue lists it; times are RFC 3339.

    `overflow` says whether rows past a limit of series went into its `overflow` series.
    """

    name: str
    type: MetricType
    unit: str | None
    tags: list[str]
    series: int
    overflow: bool
    first_seen: str
    last_seen: str
    metadata: dict[str, object]


_entries = msgspec.json.Decoder(list[Entry])


def entry(metric: Metric) -> Entry:
    """A metric as the catalogue lists it."""
    unit = metric.metadata.get("unit")
    return Entry(
        name=metric.name,
        type=metric.type,
        unit=unit if isinstance(unit, str) else None,
        tags=sorted(metric.tags),
        series=len(metric.series),
        overflow=metric.overflow is not None,
        first_seen=rfc3339(metric.first_seen),
        last_seen=rfc3339(metric.last_seen),
        metadata=metric.metadata,
    )


def entries(metrics: list[Metric]) -> bytes:
    """The JSON array of these metrics."""
    return msgspec.json.encode([entry(metric) for metric in metrics])


class CatalogueWatch:
    """Follows which metrics there are."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @property
    def position(self) -> int:
        """The catalogue's revision now."""
        return self._catalogue.revision

    @property
    def waiting(self) -> bool:
        """Nothing ever waits here."""
        return False

    @property
    def is_degraded(self) -> bool:
        """The list is in memory whatever happens."""
        return False

    async def snapshot(self) -> News:
        """All entries."""
        return News(entries(self._catalogue.search("")), self.position, None)

    async def changes(self, since: int) -> News:
        """Entries that changed after `since`, apart from when they were last seen."""
        return News(entries(self._catalogue.changed_since(since)), self.position, None)

    def merge(self, parts: list[bytes]) -> bytes:
        """The entries of consecutive updates as one update."""
        latest = {each.name: each for part in parts for each in _entries.decode(part)}
        return msgspec.json.encode([latest[name] for name in sorted(latest)])
