"""What the parts count, as OpenMetrics."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from nowline.activity.following import ActivityWriter
from nowline.bus.base import Log
from nowline.ingest import native
from nowline.ingest.activity import Activity
from nowline.ingest.admission import Admission
from nowline.ingest.repeated_rows import Once
from nowline.ingest.service import Ingest
from nowline.live.delays import BOUNDS_MS, Delays
from nowline.live.hub import Hub
from nowline.live.kpis import KpiUpdates
from nowline.live.rooms import Rooms
from nowline.model.level import Level
from nowline.query.cache import Tally
from nowline.query.configurations import Configurations
from nowline.query.engine import Engine
from nowline.rollup.store_writer import StoreWriter
from nowline.rollup.supervision import WindowSupervisor
from nowline.rollup.upkeep import Upkeep
from nowline.rollup.window import Windows
from nowline.rollup.window_worker import WindowWorker
from nowline.store.activity import ActivityStore
from nowline.store.base import LevelState, Store
from nowline.store.shared import SharedTally

# A store that is this many batches behind the log does not keep up.
_MOST_BEHIND = 10_000
# How many of the metrics past a limit are told by name.
_WORST = 20


class SharedState(Protocol):
    """What a cache that outlives the server counts."""

    @property
    def tally(self) -> SharedTally: ...  # noqa: D102

    @property
    def errors(self) -> int: ...  # noqa: D102

    @property
    def is_up(self) -> bool: ...  # noqa: D102


class StatsdState(Protocol):
    """What came in by StatsD."""

    @property
    def lines(self) -> int: ...  # noqa: D102

    @property
    def malformed(self) -> int: ...  # noqa: D102

    @property
    def dropped(self) -> int: ...  # noqa: D102

    lost: int


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that are asked."""

    bus: Log
    admission: Admission
    ingest: Ingest
    once: Once
    windows: Windows
    window_worker: WindowWorker
    window_supervisor: WindowSupervisor
    store: Store
    store_writer: StoreWriter
    upkeep: Upkeep
    engine: Engine
    hub: Hub
    rooms: Rooms
    kpi_updates: KpiUpdates
    events: ActivityStore
    activity: Activity
    activity_writer: ActivityWriter
    configurations: Configurations
    restarts: Mapping[str, int]
    failing: Collection[str]
    shared: SharedState | None = None
    statsd: StatsdState | None = None


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
        if fault := parts.bus.state().fault:
            return f"log: {fault}."
        if fault := _store_fault(parts):
            return fault
        if fault := parts.window_supervisor.fault:
            return f"windows: {fault}."
        if parts.activity_writer.failures:
            return "activity: events cannot be kept; they wait in the log."
        if parts.failing:
            return f"{min(parts.failing)}: it failed and is started again."
        return None

    def warnings(self) -> tuple[str, ...]:
        """What the parts work with and do not promise, a sentence each."""
        return self._parts.bus.state().warnings

    def collect(self) -> Iterator[Metric]:
        """The families; called by the registry."""
        yield from self._admission()
        yield from self._ingest()
        yield from self._events()
        yield from self._bus()
        yield from self._store()
        yield from self._catalogue()
        yield from self._queries()
        yield from self._live()

    def _admission(self) -> Iterator[Metric]:
        admission = self._parts.admission
        refused = CounterMetricFamily(
            "nowline_ingest_refused_requests", "Requests refused as a whole.", labels=["reason"]
        )
        for reason, requests in admission.refused.items():
            refused.add_metric([reason], requests)
        yield refused
        yield _gauge("nowline_ingest_held_bytes", "Bodies in memory.", admission.held_bytes)
        yield _gauge("nowline_ingest_open_bodies", "Bodies being read.", admission.open_bodies)

    def _ingest(self) -> Iterator[Metric]:
        taken = self._parts.ingest.taken
        yield _gauge("nowline_ingest_native", "Whether a native scanner reads.", native.IS_BUILT)
        yield _counter("nowline_ingest_batches", "Batches taken in.", taken.batches)
        yield _counter("nowline_ingest_rows", "Rows made durable.", taken.accepted)
        yield _counter("nowline_ingest_rejected_rows", "Rows refused.", taken.rejected)
        repeated = self._parts.once.repeated
        yield _counter("nowline_ingest_repeated_rows", "Rows sent again, left out.", repeated)
        if (statsd := self._parts.statsd) is not None:
            yield from _statsd(statsd)
        rejected = CounterMetricFamily(
            "nowline_ingest_rejected",
            "Refused, by what is sent and why.",
            labels=["kind", "reason"],
        )
        by_kind = {"rows": taken.refusals, "events": self._parts.activity.counted.refusals}
        for kind, refusals in by_kind.items():
            for reason, refused in refusals.by_reason.items():
                rejected.add_metric([kind, reason], refused)
        yield rejected

    def _events(self) -> Iterator[Metric]:
        counted, state = self._parts.activity.counted, self._parts.events.state()
        yield _counter("nowline_events_accepted", "Events and tasks taken in.", counted.accepted)
        yield _counter("nowline_events_repeated", "Sent before, passed over.", counted.repeated)
        yield _counter("nowline_events_rejected", "Events and tasks refused.", counted.rejected)
        yield _gauge("nowline_activity_events", "Events in the store.", state.events)
        yield _gauge("nowline_activity_bytes", "Their size on disk.", state.bytes_on_disk)

    def _bus(self) -> Iterator[Metric]:
        bus = self._parts.bus
        state = bus.state()
        yield _counter("nowline_log_records", "Records appended to the log.", state.head)
        yield _gauge("nowline_log_pending_bytes", "Bytes not yet on disk.", state.pending_bytes)
        yield _by_group("nowline_log_depth_records", "Records held for a group.", state.depth)
        read = {
            "store": self._parts.store_writer.offset,
            "windows": self._parts.window_worker.offset,
            "activity": self._parts.activity_writer.offset,
        }
        records = {group: state.head - offset for group, offset in read.items()}
        yield _by_group("nowline_log_lag_records", "Records a group has yet to read.", records)
        seconds = {group: bus.waiting_s(offset) for group, offset in read.items()}
        yield _by_group("nowline_log_lag_seconds", "Age of the oldest of them.", seconds)
        dead = {"store": 0} | state.dead
        yield _by_group("nowline_dead_letters", "Batches that could not be taken in.", dead)
        yield _gauge("nowline_dead_letters_bytes", "Size of those batches.", state.dead_bytes)

    def _store(self) -> Iterator[Metric]:
        state = self._parts.store.state()
        yield _counter("nowline_store_rows", "Rows appended to the store.", state.appended_rows)
        yield _counter("nowline_store_append_seconds", "Time in appends.", state.append_seconds)
        yield _gauge("nowline_store_bytes", "Size of the store on disk.", state.bytes_on_disk)
        yield _counter("nowline_store_compactions", "Rewrites of closed rows.", state.compactions)
        yield _counter("nowline_store_compaction_seconds", "Spent on it.", state.compaction_seconds)
        yield from _levels(state.levels)
        upkeep = self._parts.upkeep
        yield _counter("nowline_upkeep_rounds", "Rounds of the store's upkeep.", upkeep.rounds)
        yield _counter("nowline_upkeep_seconds", "Time in upkeep.", upkeep.seconds)
        yield _counter("nowline_upkeep_failures", "Rounds that failed.", upkeep.failures)
        yield _gauge("nowline_window_cells", "Cells in memory.", self._parts.windows.cells)

    def _catalogue(self) -> Iterator[Metric]:
        catalogue = self._parts.engine.catalogue
        yield _gauge("nowline_metrics", "Metrics in the catalogue.", len(catalogue.metrics))
        yield _gauge("nowline_series", "Series in the catalogue.", catalogue.series)
        offenders = catalogue.offenders()
        over = sum(metric.overflowed for metric in offenders)
        yield _counter("nowline_overflow_rows", "Rows past a limit of series.", over)
        worst = sorted(offenders, key=lambda metric: (-metric.overflowed, metric.name))
        by_metric = CounterMetricFamily(
            "nowline_metric_overflow_rows",
            "Rows past a limit of series, of the metrics that have most.",
            labels=["metric"],
        )
        for metric in worst[:_WORST]:
            by_metric.add_metric([metric.name], metric.overflowed)
        yield by_metric

    def _queries(self) -> Iterator[Metric]:
        engine = self._parts.engine
        answered, shared = engine.answered, engine.shared_queries
        yield _counter("nowline_queries", "Queries answered.", answered.queries)
        yield _counter("nowline_query_seconds", "Time in queries.", answered.seconds)
        yield _counter("nowline_query_shared", "Queries that waited for another's answer.", shared)
        caches = {**engine.caches, "configurations": self._parts.configurations.tally}
        yield from _caches(caches, self._parts.shared)

    def _live(self) -> Iterator[Metric]:
        state = self._parts.hub.state()
        yield _gauge("nowline_live_connections", "Open live connections.", state.readers)
        yield _gauge("nowline_live_channels", "Channels that somebody watches.", state.channels)
        yield _gauge("nowline_live_idle_channels", "Channels kept for who comes back.", state.idle)
        yield _gauge("nowline_live_idle_bytes", "What these channels hold.", state.idle_bytes)
        yield _counter("nowline_live_evaluations", "Evaluations of channels.", state.evaluations)
        evaluated = self._parts.kpi_updates.evaluations
        yield _counter("nowline_live_kpi_evaluations", "Evaluations of watched KPIs.", evaluated)
        skipped = self._parts.rooms.skipped
        yield _counter(
            "nowline_live_skipped_events", "Messages that rooms' slow readers skipped.", skipped
        )
        yield _counter("nowline_live_frames", "Frames made.", state.frames)
        yield _counter("nowline_live_writes", "Frames written to readers.", state.writes)
        yield _counter(
            "nowline_live_skipped_frames", "Frames merged for slow readers.", state.skipped
        )
        parts = self._parts
        yield _gauge(
            "nowline_live_degraded",
            "Whether live views show what the store has, or are late.",
            parts.windows.is_degraded,
        )
        restarts = parts.window_supervisor.restarts
        yield _counter("nowline_live_restarts", "Windows that were built anew.", restarts)
        yield _restarts(parts.restarts)
        yield _delays("publish", "From a row's arrival to its frame.", state.published)
        yield _delays("write", "From a frame to a reader's socket.", state.written)


def _store_fault(parts: Parts) -> str | None:
    if parts.store_writer.failures and parts.store_writer.has_unburied:
        return "log: no more dead letters can be kept; replay or drop some."
    if parts.store_writer.failures:
        return "store: it refuses appends; accepted rows wait in the log."
    if parts.bus.head - parts.store_writer.offset > _MOST_BEHIND:
        return "store: it is far behind the log."
    return None


def _statsd(state: StatsdState) -> Iterator[Metric]:
    yield _counter("nowline_statsd_lines", "Lines that came by StatsD.", state.lines)
    yield _counter("nowline_statsd_malformed_lines", "Lines not understood.", state.malformed)
    yield _counter("nowline_statsd_dropped_lines", "Lines there was no room for.", state.dropped)
    yield _counter("nowline_statsd_lost_rows", "Rows that the log did not take.", state.lost)


def _caches(tallies: Mapping[str, Tally], shared: SharedState | None) -> Iterator[Metric]:
    counters = (("hits", "Found in the cache."), ("misses", "Not found, or not good any more."))
    for name, text in (*counters, ("evictions", "Dropped for want of room.")):
        counted = CounterMetricFamily(f"nowline_cache_{name}", text, labels=["kind"])
        for kind, tally in tallies.items():
            counted.add_metric([kind], getattr(tally, name))
        if shared is not None and name != "evictions":
            counted.add_metric(["shared"], getattr(shared.tally, name))
        yield counted
    for name, text in (("entries", "Entries of the cache."), ("bytes", "Size of the cache.")):
        gauge = GaugeMetricFamily(f"nowline_cache_{name}", text, labels=["kind"])
        for kind, tally in tallies.items():
            gauge.add_metric([kind], getattr(tally, name))
        yield gauge
    if shared is not None:
        yield from _shared(shared)


def _shared(shared: SharedState) -> Iterator[Metric]:
    tally = shared.tally
    is_up = GaugeMetricFamily("nowline_cache_up", "Whether the cache is used.", labels=["kind"])
    is_up.add_metric(["shared"], shared.is_up)
    yield is_up
    for name, text, value in (
        ("errors", "Calls and commands that failed.", shared.errors),
        ("read_bytes", "Bytes of values found.", tally.read_bytes),
        ("written_bytes", "Bytes of values kept.", tally.written_bytes),
    ):
        counted = CounterMetricFamily(f"nowline_cache_{name}", text, labels=["kind"])
        counted.add_metric(["shared"], value)
        yield counted


def _delays(step: str, text: str, delays: Delays) -> Metric:
    bounds = [str(bound / 1000) for bound in BOUNDS_MS]
    buckets = [*zip(bounds, delays.up_to(), strict=True), ("+Inf", delays.count)]
    name = f"nowline_live_{step}_seconds"
    return HistogramMetricFamily(name, text, buckets, delays.sum_ms / 1000)


def _levels(levels: Mapping[Level, LevelState]) -> Iterator[Metric]:
    """What is kept of each level, and what it costs."""
    rows = _by_level("rows", "Rows of a level.")
    size = _by_level("bytes", "What a level takes on disk.")
    oldest = _by_level("oldest_timestamp_seconds", "The first day with rows of a level.")
    keep = _by_level("keep_seconds", "How long rows of a level are kept.")
    for level, state in levels.items():
        rows.add_metric([level.value], state.rows)
        size.add_metric([level.value], state.bytes)
        keep.add_metric([level.value], state.keep_ms / 1000)
        if state.oldest is not None:
            oldest.add_metric([level.value], state.oldest / 1000)
    yield from (rows, size, oldest, keep)


def _by_level(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"nowline_store_level_{name}", text, labels=["level"])


def _by_group(name: str, text: str, values: Mapping[str, float]) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=["group"])
    for group, value in values.items():
        gauge.add_metric([group], value)
    return gauge


def _restarts(restarts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "nowline_part_restarts", "Parts that failed and were started again.", labels=["part"]
    )
    for part, number in restarts.items():
        family.add_metric([part], number)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
