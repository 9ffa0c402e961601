"""What the parts count, as OpenMetrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from nowline.bus.base import Log
from nowline.ingest.service import Ingest
from nowline.live.hub import Hub
from nowline.query.engine import Engine
from nowline.rollup.window import Windows
from nowline.rollup.worker import StoreWriter, WindowWorker
from nowline.store.base import Store

# A store that is this many batches behind the log does not keep up.
_MOST_BEHIND = 10_000


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that are asked."""

    bus: Log
    ingest: Ingest
    windows: Windows
    window_worker: WindowWorker
    store: Store
    store_writer: StoreWriter
    engine: Engine
    hub: Hub


class Telemetry(Collector):
    """Reads the parts' counters when asked, so that counting costs them nothing more."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def openmetrics(self) -> bytes:
        """All of it as OpenMetrics 1.0 text."""
        text: bytes = generate_latest(self._registry)  # type: ignore[no-untyped-call]
        return text

    def fault(self) -> str | None:
        """Which part does not work, None if all do."""
        parts = self._parts
        if parts.store_writer.failures:
            return "store: it refuses appends; accepted rows wait in the log."
        if parts.bus.head - parts.store_writer.offset > _MOST_BEHIND:
            return "store: it is far behind the log."
        return None

    def collect(self) -> Iterator[Metric]:
        """The families; called by the registry."""
        yield from self._ingest()
        yield from self._bus()
        yield from self._store()
        yield from self._queries()
        yield from self._live()

    def _ingest(self) -> Iterator[Metric]:
        taken = self._parts.ingest.taken
        yield _counter("nowline_ingest_batches", "Batches taken in.", taken.batches)
        yield _counter("nowline_ingest_rows", "Rows made durable.", taken.accepted)
        yield _counter("nowline_ingest_rejected_rows", "Rows refused.", taken.rejected)

    def _bus(self) -> Iterator[Metric]:
        state = self._parts.bus.state()
        yield _counter("nowline_log_records", "Records appended to the log.", state.head)
        yield _gauge("nowline_log_pending_bytes", "Bytes not yet on disk.", state.pending_bytes)
        lag = GaugeMetricFamily(
            "nowline_log_lag_records", "Records a consumer group has yet to read.", labels=["group"]
        )
        lag.add_metric(["store"], state.head - self._parts.store_writer.offset)
        lag.add_metric(["windows"], state.head - self._parts.window_worker.offset)
        yield lag

    def _store(self) -> Iterator[Metric]:
        state = self._parts.store.state()
        catalogue = self._parts.engine.catalogue
        yield _counter("nowline_store_rows", "Rows appended to the store.", state.appended_rows)
        yield _counter("nowline_store_append_seconds", "Time in appends.", state.append_seconds)
        yield _gauge("nowline_store_bytes", "Size of the store on disk.", state.bytes_on_disk)
        yield _gauge("nowline_metrics", "Metrics in the catalogue.", len(catalogue.metrics))
        yield _gauge("nowline_series", "Series in the catalogue.", len(catalogue.keys))
        yield _gauge("nowline_window_cells", "Cells in memory.", self._parts.windows.cells)

    def _queries(self) -> Iterator[Metric]:
        answered = self._parts.engine.answered
        yield _counter("nowline_queries", "Queries answered.", answered.queries)
        yield _counter("nowline_query_seconds", "Time in queries.", answered.seconds)

    def _live(self) -> Iterator[Metric]:
        state = self._parts.hub.state()
        yield _gauge("nowline_live_connections", "Open live connections.", state.readers)
        yield _gauge("nowline_live_channels", "Channels that somebody watches.", state.channels)
        yield _counter("nowline_live_evaluations", "Evaluations of channels.", state.evaluations)
        yield _counter("nowline_live_frames", "Frames made.", state.frames)
        yield _counter("nowline_live_writes", "Frames written to readers.", state.writes)
        yield _counter(
            "nowline_live_skipped_frames", "Frames merged for slow readers.", state.skipped
        )


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
