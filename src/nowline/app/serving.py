"""Serving: everything opened in its order, listened on, and closed in the opposite order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import uvloop

from nowline.activity.following import ACTIVITY_GROUP
from nowline.api import application as http
from nowline.api import protocol
from nowline.api.server import Served, Server
from nowline.app.acts import Acts
from nowline.app.background import background
from nowline.app.counted import counted
from nowline.app.flow import Flow
from nowline.app.interpreter import keep_collecting, prepare
from nowline.app.opening import open_events, open_store
from nowline.app.services import services
from nowline.auth.service import Auth
from nowline.backup.service import Backups
from nowline.backup.staging import Sources
from nowline.bus.opening import open_log
from nowline.clock import Clock, SystemClock
from nowline.collect.activity import ActivityCollector
from nowline.collect.flow import FlowCollector
from nowline.collect.host import HostCollector
from nowline.collect.live import LiveCollector
from nowline.collect.requests import RequestStats
from nowline.collect.schedule import Sample, run_every_second
from nowline.collect.server import ProcessCollector
from nowline.collect.statsd import StatsdListener
from nowline.config import ConfigError, Settings, signing_key
from nowline.dashboards.embeds import EmbedTokens
from nowline.errors import NowlineError
from nowline.ingest.service import Ingest
from nowline.live import transport
from nowline.live.pace import ViewerLimits
from nowline.lock import DirectoryLock
from nowline.render.process import Renderer
from nowline.rollup.store_writer import STORE_GROUP
from nowline.store.documents import Documents


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then stop with everything acknowledged on disk.

    Raises:
        ConfigError: The address is not to be had, or a setting cannot be used.
        LockedError: Another server uses the data folder.
        NowlineError: A database of another version, or one that cannot be opened.
    """
    transport.check()
    protocol.check()
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
        store = await open_store(settings)
        stack.push_async_callback(store.close)
        events = await open_events(settings)
        stack.push_async_callback(events.close)
        documents = await Documents.open(settings.documents_url)
        stack.push_async_callback(documents.close)
        auth = Auth(documents, clock, signing_key(settings), settings.ingest_key)
        if settings.admin_email and settings.admin_password:
            await _create_first_admin(auth, settings.admin_email, settings.admin_password)
        flow = await Flow.open(bus, store, clock, settings)
        acts = await Acts.open(flow, events, clock, settings)
        requests = RequestStats()
        viewers = ViewerLimits(settings.live_subscriptions, settings.live_messages_per_s)
        sources = Sources.of(settings.data_dir, settings.store_path)
        backups = Backups(store, documents, sources, clock)
        renderer = Renderer(settings.data_dir / "render")
        stack.push_async_callback(renderer.close)
        embeds = EmbedTokens(signing_key(settings))
        given = services(
            flow, acts, documents, backups, auth, clock, requests, viewers, renderer, embeds
        )
        app = http.application(given)
        auth.on_revoked(flow.hub.revoke)
        if flow.shared is not None:
            await stack.enter_async_context(flow.sharing(flow.shared))
        await stack.enter_async_context(flow.running())
        await stack.enter_async_context(acts.running())
        await stack.enter_async_context(background(auth.watch(), flow.hub.run()))
        await stack.enter_async_context(
            background(
                acts.persistence.keep("kpis", given.live_kpi.updates.run),
                given.shared.streams.watch(),
            )
        )
        if flow.statsd is not None and settings.statsd_port is not None:
            await _enter_statsd(stack, flow.statsd, settings.statsd_port)
        samples = _samples(settings, requests, flow, acts)
        collecting = run_every_second(samples, flow.ingest, clock)
        await stack.enter_async_context(background(collecting))
        await stack.enter_async_context(background(*_following(settings, flow.ingest, clock)))
        prepare()
        await stack.enter_async_context(background(keep_collecting()))
        yield Served(app, http.express(given), http.upgrades(given), flow.hub, auth)


async def _enter_statsd(
    stack: contextlib.AsyncExitStack, statsd: StatsdListener, port: int
) -> None:
    try:
        await stack.enter_async_context(statsd.listening(port))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"NOWLINE_STATSD_PORT: cannot listen on port {port}: {reason}") from error


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


def _samples(settings: Settings, requests: RequestStats, flow: Flow, acts: Acts) -> list[Sample]:
    own: list[Sample] = [
        ProcessCollector().sample,
        requests.sample,
        LiveCollector(flow.hub.state).sample,
        FlowCollector(lambda: counted(flow, acts)).sample,
        ActivityCollector(acts.present.active_users).sample,
    ]
    return [HostCollector().sample, *own] if settings.host_metrics else own


def _following(settings: Settings, ingest: Ingest, clock: Clock) -> list[Coroutine[Any, Any, None]]:
    if not settings.collect.targets:
        return []
    from nowline.collect.fleet import follow  # noqa: PLC0415 - its clients, as with PostgreSQL

    return follow(settings.collect, ingest, clock)


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
