"""The way of the rows: in, through the log, into windows and store, out to viewers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nowline.app.background import background, die_with
from nowline.app.opening import kept, ms, open_shared
from nowline.bus.base import Log
from nowline.clock import Clock
from nowline.collect.statsd import StatsdListener
from nowline.config import Settings
from nowline.ingest import derived
from nowline.ingest.admission import Admission, AdmissionLimits
from nowline.ingest.group_commit import GroupCommit
from nowline.ingest.histograms import Otlp
from nowline.ingest.repeated_rows import Once, StoredPast
from nowline.ingest.service import Ingest
from nowline.live import capacity
from nowline.live.hub import Hub
from nowline.live.session import Sessions
from nowline.model.level import Level
from nowline.query.engine import Engine
from nowline.query.watches import Watches
from nowline.rollup.increases import Increases
from nowline.rollup.store_writer import StoreWriter, window_start
from nowline.rollup.supervision import WindowSupervisor
from nowline.rollup.upkeep import Upkeep
from nowline.rollup.window import Windows
from nowline.rollup.window_worker import WindowWorker
from nowline.store.base import Store
from nowline.store.catalogue import Catalogue, Limits
from nowline.store.shared import Position

if TYPE_CHECKING:
    from nowline.store.redis import RedisCache


@dataclass(frozen=True, slots=True)
class Flow:
    """The way of the rows: in, through the log, into windows and store, out to viewers."""

    bus: Log
    store: Store
    catalogue: Catalogue
    windows: Windows
    admission: Admission
    ingest: Ingest
    group: GroupCommit
    once: Once
    otlp: Otlp
    statsd: StatsdListener | None
    window_worker: WindowWorker
    window_supervisor: WindowSupervisor
    store_writer: StoreWriter
    upkeep: Upkeep
    engine: Engine
    hub: Hub
    sessions: Sessions
    shared: RedisCache | None

    @classmethod
    async def open(cls, bus: Log, store: Store, clock: Clock, settings: Settings) -> Flow:
        """Put the parts together and bring the windows to where the log is."""
        now = clock.now_ms()
        catalogue, windows = Catalogue(_limits(settings), derived.TYPES), Windows(window_start(now))
        await store.load(catalogue)
        # Each reader of the log has its own: they are not equally far.
        of_writer, of_worker = (
            Increases(store, catalogue, clock, kept(settings)[Level.RAW]) for _ in range(2)
        )
        writer = StoreWriter(bus, store, catalogue, windows, of_writer, clock)
        await writer.start()
        worker = WindowWorker(bus, catalogue, windows, of_worker)
        newest = await store.rows_since(windows.start)
        writer.restore(newest, windows.start)
        worker.restore(newest, writer.offset)
        await worker.catch_up()
        # What a crash left in the log only may be older than the windows.
        await writer.flush()
        shared = open_shared(settings, bus)
        engine = Engine(catalogue, store, windows, clock, kept(settings), shared=shared)
        windows.on_late(engine.revise)
        hub = Hub(clock, capacity.most_readers(settings.live_connections))
        worker.on_fold(hub.news)
        keep_ms = ms(max(settings.retention.values()))
        ingest = Ingest(bus, catalogue, clock, keep_ms)
        past = StoredPast(store, catalogue, bus, lambda: writer.offset)
        once = Once(ingest, past)
        return cls(
            bus=bus,
            store=store,
            catalogue=catalogue,
            windows=windows,
            admission=Admission(_admitted(settings)),
            ingest=ingest,
            group=GroupCommit(ingest),
            once=once,
            otlp=Otlp(once, past),
            statsd=None if settings.statsd_port is None else StatsdListener(ingest),
            window_worker=worker,
            window_supervisor=WindowSupervisor(bus, store, windows, worker, writer),
            store_writer=writer,
            upkeep=Upkeep(store, clock),
            engine=engine,
            hub=hub,
            sessions=Sessions(
                hub,
                Watches(engine, windows, writer, clock),
                settings.live_subscriptions,
                worker.caught_up,
            ),
            shared=shared,
        )

    @contextlib.asynccontextmanager
    async def sharing(self, shared: RedisCache) -> AsyncIterator[None]:
        """Use what the server before left there, and leave it to the next one."""
        shared.resume(Position(self.store_writer.offset, self.windows.settled))
        async with background(shared.run()):
            yield
        await shared.close(Position(self.store_writer.offset, self.windows.settled))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the log; on the way out, store what it holds."""
        storing = asyncio.create_task(self.store_writer.run())
        storing.add_done_callback(die_with)
        async with background(
            self.window_supervisor.run(), self.upkeep.run(), self.admission.run()
        ):
            yield
            self.window_supervisor.stop()
            self.store_writer.stop()
            await storing


def _limits(settings: Settings) -> Limits:
    return Limits(series_per_metric=settings.max_series_per_metric, series=settings.max_series)


def _admitted(settings: Settings) -> AdmissionLimits:
    return AdmissionLimits(
        requests_per_s=settings.ingest_requests_per_s,
        bytes_per_s=settings.ingest_bytes_per_s,
        held_bytes=settings.ingest_memory,
        sent_bytes=settings.ingest_body,
        unpacked_bytes=settings.ingest_unpacked,
    )
