"""The composition root: what a server is made of, from where data comes in to where it leaves.

Parts are started in the order of the flow and stopped in the order in which they stop being
needed: first the doors, then what reads the log, then the files.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import uvloop

from nowline import __version__
from nowline.activity.following import ACTIVITY_GROUP, ActivityWriter, PresentWorker
from nowline.activity.history import History
from nowline.activity.present import Present
from nowline.api import application as http
from nowline.api import dashboards
from nowline.api.exposition import Parts, Telemetry
from nowline.api.live import Live
from nowline.api.page import Page
from nowline.api.server import Served, Server
from nowline.auth.service import Auth
from nowline.backup.archive import ACTIVITY
from nowline.backup.service import Backups
from nowline.backup.staging import Sources
from nowline.bus.base import Log
from nowline.bus.opening import open_log
from nowline.clock import Clock, SystemClock
from nowline.collect.host import HostCollector
from nowline.collect.requests import RequestStats
from nowline.collect.schedule import Sample, run_every_second
from nowline.collect.server import ProcessCollector
from nowline.collect.statsd import StatsdListener
from nowline.config import ConfigError, Settings, signing_key
from nowline.errors import NowlineError
from nowline.ingest.activity import Activity
from nowline.ingest.admission import Admission, AdmissionLimits
from nowline.ingest.dedupe import Repeats
from nowline.ingest.histograms import Otlp
from nowline.ingest.masking import Masker
from nowline.ingest.protobuf import ProtobufDecoders
from nowline.ingest.repeats import Once, StoredPast
from nowline.ingest.service import Ingest
from nowline.live import capacity, transport
from nowline.live.hub import Hub
from nowline.live.session import Sessions
from nowline.lock import DirectoryLock
from nowline.model.level import Level
from nowline.query.configurations import Configurations
from nowline.query.engine import Engine
from nowline.query.kpi import Kpis
from nowline.query.watches import Watches
from nowline.rollup.dead_letters import DeadLetters
from nowline.rollup.increases import Increases
from nowline.rollup.upkeep import Upkeep
from nowline.rollup.window import Windows
from nowline.rollup.worker import STORE_GROUP, StoreWriter, WindowWorker, window_start
from nowline.store.activity import ActivityStore
from nowline.store.activity_sqlite import SqliteActivity
from nowline.store.base import Store
from nowline.store.catalogue import Catalogue, Limits
from nowline.store.documents import Documents
from nowline.store.embedded import EmbeddedStore
from nowline.store.shared import Position

if TYPE_CHECKING:
    from nowline.store.redis import RedisCache


log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then stop with everything acknowledged on disk.

    Raises:
        ConfigError: The address is not to be had, or a setting cannot be used.
        LockedError: Another server uses the data folder.
        NowlineError: A database of another version, or one that cannot be opened.
    """
    transport.check()
    # Whatever the log, the store and their write-ahead files make is nobody else's to read.
    os.umask(0o077)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


def openapi() -> dict[str, Any]:
    """The OpenAPI document."""
    return http.openapi()


async def _serve(settings: Settings) -> None:
    with DirectoryLock.acquire(settings.data_dir) as lock:
        listener = _listen(settings)
        address = _address(settings.host, listener)
        async with _running(settings, SystemClock()) as served:
            server = Server(served, lock, address)
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, server.stop)
            await server.serve(sockets=[listener])


@contextlib.asynccontextmanager
async def _running(settings: Settings, clock: Clock) -> AsyncIterator[Served]:
    """Everything behind the HTTP server; on the way out, closed in the opposite order."""
    async with contextlib.AsyncExitStack() as stack:
        bus = await open_log(settings.bus_url, settings.data_dir)
        stack.push_async_callback(bus.close)
        # Both before either: what one of them has not read yet is not trimmed for the other.
        for group in (STORE_GROUP, ACTIVITY_GROUP):
            bus.join(group)
        store = await _open_store(settings)
        stack.push_async_callback(store.close)
        events = await _open_events(settings)
        stack.push_async_callback(events.close)
        documents = await Documents.open(settings.documents_url)
        stack.push_async_callback(documents.close)
        auth = Auth(documents, clock, signing_key(settings), settings.ingest_key)
        if settings.admin_email and settings.admin_password:
            await _create_first_admin(auth, settings.admin_email, settings.admin_password)
        flow = await _Flow.open(bus, store, clock, settings)
        acts = await _Acts.open(flow, events, clock, settings)
        requests = RequestStats()
        sources = Sources.of(settings.data_dir, settings.store_path)
        backups = Backups(store, documents, sources, clock)
        services = _services(flow, acts, documents, backups, auth, clock, requests)
        app = http.application(services)
        auth.on_revoked(flow.hub.revoke)
        if flow.shared is not None:
            await stack.enter_async_context(flow.sharing(flow.shared))
        await stack.enter_async_context(flow.running())
        await stack.enter_async_context(acts.running())
        await stack.enter_async_context(_background(auth.watch(), flow.hub.run()))
        if flow.statsd is not None and settings.statsd_port is not None:
            await _enter_statsd(stack, flow.statsd, settings.statsd_port)
        collecting = run_every_second(_samples(settings, requests), flow.ingest, clock)
        await stack.enter_async_context(_background(collecting))
        await stack.enter_async_context(_background(*_following(settings, flow.ingest, clock)))
        yield Served(app, flow.hub, auth)


async def _enter_statsd(
    stack: contextlib.AsyncExitStack, statsd: StatsdListener, port: int
) -> None:
    try:
        await stack.enter_async_context(statsd.listening(port))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"NOWLINE_STATSD_PORT: cannot listen on port {port}: {reason}") from error


async def _open_store(settings: Settings) -> Store:
    if not settings.store_url.startswith("postgresql:"):
        return await EmbeddedStore.open(settings.store_path, _kept(settings))
    # Its driver takes a good part of the start-up time, and most do without.
    from nowline.store.postgres import PostgresStore  # noqa: PLC0415

    return await PostgresStore.open(settings.store_url, _kept(settings))


async def _open_events(settings: Settings) -> ActivityStore:
    keep_ms = _ms(settings.activity_retention)
    if not settings.store_url.startswith("postgresql:"):
        return await SqliteActivity.open(settings.data_dir / ACTIVITY, keep_ms)
    from nowline.store.activity_postgres import PostgresActivity  # noqa: PLC0415 - as above

    return await PostgresActivity.open(settings.store_url, keep_ms)


async def _create_first_admin(auth: Auth, email: str, password: str) -> None:
    """Add the admin of the settings where there is no user yet.

    Raises:
        ConfigError: The address or password is not acceptable.
    """
    try:
        await auth.accounts.create_first_admin(email, password)
    except NowlineError as error:
        if not error.errors:
            raise
        field, message = str(error.errors[0].field), error.errors[0].message
        raise ConfigError(f"NOWLINE_ADMIN_{field.upper()}: {message}") from error


def _open_shared(settings: Settings, bus: Log) -> RedisCache | None:
    """The cache of the settings; of each version apart, which may give other answers."""
    if settings.cache_url is None:
        return None
    from nowline.store.redis import RedisCache  # noqa: PLC0415 - as with PostgreSQL

    return RedisCache(settings.cache_url, f"{__version__}:{bus.id}", signing_key(settings))


@dataclass(frozen=True, slots=True)
class _Flow:
    """The way of the rows: in, through the log, into windows and store, out to viewers."""

    bus: Log
    store: Store
    catalogue: Catalogue
    windows: Windows
    admission: Admission
    ingest: Ingest
    once: Once
    otlp: Otlp
    statsd: StatsdListener | None
    window_worker: WindowWorker
    store_writer: StoreWriter
    upkeep: Upkeep
    engine: Engine
    hub: Hub
    sessions: Sessions
    shared: RedisCache | None

    @classmethod
    async def open(cls, bus: Log, store: Store, clock: Clock, settings: Settings) -> _Flow:
        """Put the parts together and bring the windows to where the log is."""
        now = clock.now_ms()
        catalogue, windows = Catalogue(_limits(settings)), Windows(window_start(now))
        await store.load(catalogue)
        # Each reader of the log has its own: they are not equally far.
        of_writer, of_worker = (
            Increases(store, catalogue, clock, _kept(settings)[Level.RAW]) for _ in range(2)
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
        shared = _open_shared(settings, bus)
        engine = Engine(catalogue, store, windows, clock, _kept(settings), shared=shared)
        windows.on_late(engine.revise)
        hub = Hub(clock, capacity.most_readers())
        worker.on_fold(hub.news)
        keep_ms = _ms(max(settings.retention.values()))
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
            once=once,
            otlp=Otlp(once, past),
            statsd=None if settings.statsd_port is None else StatsdListener(ingest),
            window_worker=worker,
            store_writer=writer,
            upkeep=Upkeep(store, clock),
            engine=engine,
            hub=hub,
            sessions=Sessions(hub, Watches(engine, windows, writer, clock)),
            shared=shared,
        )

    @contextlib.asynccontextmanager
    async def sharing(self, shared: RedisCache) -> AsyncIterator[None]:
        """Use what the server before left there, and leave it to the next one."""
        shared.resume(Position(self.store_writer.offset, self.windows.start))
        async with _background(shared.run()):
            yield
        await shared.close(Position(self.store_writer.offset, self.windows.start))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the log; on the way out, store what it holds."""
        storing = asyncio.create_task(self.store_writer.run())
        storing.add_done_callback(_die_with)
        async with _background(self.window_worker.run(), self.upkeep.run(), self.admission.run()):
            yield
            self.store_writer.stop()
            await storing


@dataclass(frozen=True, slots=True)
class _Acts:
    """The way of what people do: in, through the log, into memory and the store."""

    store: ActivityStore
    activity: Activity
    present: Present
    history: History
    worker: PresentWorker
    writer: ActivityWriter
    upkeep: Upkeep

    @classmethod
    async def open(
        cls, flow: _Flow, store: ActivityStore, clock: Clock, settings: Settings
    ) -> _Acts:
        """Put the parts together, and bring them to where the log is."""
        masker = Masker(signing_key(settings), settings.mask)
        repeats = Repeats(store)
        writer = ActivityWriter(flow.bus, store, clock, repeats.forget)
        await writer.start()
        present = Present(clock)
        worker = PresentWorker(flow.bus, present, clock)
        await worker.restore(store, writer.offset)
        keep_ms = _ms(settings.activity_retention)
        return cls(
            store=store,
            activity=Activity(flow.ingest, repeats, masker, clock, keep_ms),
            present=present,
            history=History(store, clock, masker.text),
            worker=worker,
            writer=writer,
            upkeep=Upkeep(store, clock),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the log; on the way out, keep what it holds."""
        storing = asyncio.create_task(self.writer.run())
        storing.add_done_callback(_die_with)
        async with _background(self.worker.run(), self.upkeep.run()):
            yield
            self.writer.stop()
            await storing


def _services(  # noqa: PLR0913, PLR0917 - all that routes work with
    flow: _Flow,
    acts: _Acts,
    documents: Documents,
    backups: Backups,
    auth: Auth,
    clock: Clock,
    requests: RequestStats,
) -> http.Services:
    configurations = Configurations(documents, clock)
    parts = Parts(
        bus=flow.bus,
        admission=flow.admission,
        ingest=flow.ingest,
        once=flow.once,
        windows=flow.windows,
        window_worker=flow.window_worker,
        store=flow.store,
        store_writer=flow.store_writer,
        upkeep=flow.upkeep,
        engine=flow.engine,
        hub=flow.hub,
        events=acts.store,
        activity=acts.activity,
        configurations=configurations,
        shared=flow.shared,
        statsd=flow.statsd,
    )
    templates = dashboards.load()
    watched = {name: dashboards.wanted(template) for name, template in templates.items()}
    return http.Services(
        auth=auth,
        documents=documents,
        store=flow.store,
        events=acts.store,
        backups=backups,
        dead_letters=DeadLetters(flow.bus, documents, clock),
        admission=flow.admission,
        ingest=flow.ingest,
        once=flow.once,
        otlp=flow.otlp,
        protobuf=ProtobufDecoders(),
        engine=flow.engine,
        activity=acts.activity,
        present=acts.present,
        history=acts.history,
        kpis=Kpis(configurations, flow.engine, clock),
        live=Live(flow.sessions, auth, clock, watched),
        telemetry=Telemetry(parts),
        templates=templates,
        page=Page(),
        requests=requests,
    )


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


def _kept(settings: Settings) -> dict[Level, int]:
    """How long each level is kept, in milliseconds."""
    return {Level(name): _ms(age) for name, age in settings.retention.items()}


def _limits(settings: Settings) -> Limits:
    return Limits(series_per_metric=settings.max_series_per_metric, series=settings.max_series)


def _admitted(settings: Settings) -> AdmissionLimits:
    return AdmissionLimits(
        requests_per_s=settings.ingest_requests_per_s,
        bytes_per_s=settings.ingest_bytes_per_s,
        held_bytes=settings.ingest_memory,
    )


def _samples(settings: Settings, requests: RequestStats) -> list[Sample]:
    own: list[Sample] = [ProcessCollector().sample, requests.sample]
    return [HostCollector().sample, *own] if settings.host_metrics else own


def _following(settings: Settings, ingest: Ingest, clock: Clock) -> list[Coroutine[Any, Any, None]]:
    if not settings.collect.targets:
        return []
    from nowline.collect.fleet import follow  # noqa: PLC0415 - its clients, as with PostgreSQL

    return follow(settings.collect, ingest, clock)


@contextlib.asynccontextmanager
async def _background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run until the block is left, then cancel; a task that dies takes the server with it."""
    tasks = [asyncio.create_task(each) for each in work]
    for task in tasks:
        task.add_done_callback(_die_with)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _die_with(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception():
        log.critical("A part of the server died; stopping.", exc_info=task.exception())
        signal.raise_signal(signal.SIGTERM)


def _listen(settings: Settings) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"NOWLINE_HOST/NOWLINE_PORT: cannot listen on {settings.host}:{settings.port}: {reason}"
        ) from error
    listener.setblocking(False)
    return listener


def _address(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"
