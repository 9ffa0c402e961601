"""What the routes work with."""

from __future__ import annotations

from nowline.api import application as http
from nowline.api import dashboard_templates
from nowline.api.connections import Sockets, error_message
from nowline.api.exposition import Parts, Telemetry
from nowline.api.link_streams import LinkStreams
from nowline.api.live import Live
from nowline.api.live_activity import LiveActivity
from nowline.api.live_kpi import LiveKpi
from nowline.api.page import Page
from nowline.api.shared import SharedViews
from nowline.api.watched import Watched
from nowline.app.acts import Acts
from nowline.app.flow import Flow
from nowline.app.sheets import Newest
from nowline.auth.service import Auth
from nowline.backup.service import Backups
from nowline.clock import Clock
from nowline.collect.requests import RequestStats
from nowline.dashboards.embeds import EmbedTokens
from nowline.dashboards.files import Files
from nowline.dashboards.service import Dashboards
from nowline.dashboards.shares import Shares
from nowline.dashboards.stars import Stars
from nowline.ingest.protobuf import ProtobufDecoders
from nowline.live.kpis import KpiUpdates
from nowline.live.pace import ViewerLimits
from nowline.query.configurations import Configurations
from nowline.query.kpi import Kpis
from nowline.render.process import Renderer
from nowline.rollup.dead_letters import DeadLetters
from nowline.store.documents import Documents


def services(  # noqa: PLR0913, PLR0917 - all that routes work with
    flow: Flow,
    acts: Acts,
    documents: Documents,
    backups: Backups,
    auth: Auth,
    clock: Clock,
    requests: RequestStats,
    viewers: ViewerLimits,
    renderer: Renderer,
    embeds: EmbedTokens,
) -> http.Services:
    """The parts by the names that routes ask for them by."""
    configurations = Configurations(documents, clock)
    kpis = Kpis(configurations, flow.engine, clock)
    updates = KpiUpdates(kpis, clock, error_message)
    sockets = Sockets(flow.hub, auth, clock, viewers)
    templates = dashboard_templates.load()
    dashboards = Dashboards(documents, clock)
    live = Live(flow.sessions, auth, sockets, Watched(templates, dashboards))
    shares = Shares(documents, clock, auth, embeds)
    links = LinkStreams(shares)
    shares.on_revoked(links.revoked)
    dashboards.on_changed(links.look_soon)
    auth.on_revoked(links.look_soon)
    return http.Services(
        auth=auth,
        documents=documents,
        store=flow.store,
        events=acts.store,
        backups=backups,
        dead_letters=DeadLetters(flow.bus, documents, clock),
        admission=flow.admission,
        group=flow.group,
        caught_up=flow.window_worker.caught_up,
        is_caught_up=flow.window_worker.is_caught_up,
        once=flow.once,
        otlp=flow.otlp,
        protobuf=ProtobufDecoders(),
        engine=flow.engine,
        activity=acts.activity,
        present=acts.present,
        history=acts.history,
        kpis=kpis,
        dashboards=dashboards,
        files=Files(flow.engine, Newest(acts.history), renderer, clock),
        shares=shares,
        stars=Stars(documents, clock),
        shared=SharedViews(shares, links, live, sockets, clock),
        live=live,
        live_kpi=LiveKpi(updates, sockets),
        live_activity=LiveActivity(acts.rooms, sockets),
        telemetry=Telemetry(_counted(flow, acts, configurations, updates)),
        templates=templates,
        page=Page(),
        requests=requests,
    )


def _counted(flow: Flow, acts: Acts, configurations: Configurations, updates: KpiUpdates) -> Parts:
    """The parts that `/metrics` asks."""
    return Parts(
        bus=flow.bus,
        admission=flow.admission,
        ingest=flow.ingest,
        once=flow.once,
        windows=flow.windows,
        window_worker=flow.window_worker,
        window_supervisor=flow.window_supervisor,
        store=flow.store,
        store_writer=flow.store_writer,
        upkeep=flow.upkeep,
        engine=flow.engine,
        hub=flow.hub,
        rooms=acts.rooms,
        kpi_updates=updates,
        events=acts.store,
        activity=acts.activity,
        activity_writer=acts.writer,
        configurations=configurations,
        restarts=acts.persistence.restarts,
        failing=acts.persistence.failing,
        shared=flow.shared,
        statsd=flow.statsd,
    )
