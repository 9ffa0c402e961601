"""The ASGI application: all routes, one guard, one way to tell errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar import Litestar, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.routes import ASGIRoute

from nowline import __version__
from nowline.activity.history import History
from nowline.activity.present import Present
from nowline.api import (
    activity,
    audit,
    auth,
    backup,
    dashboard_templates,
    dashboards,
    dead_letters,
    events,
    ingest,
    keys,
    kpis,
    lines,
    live,
    live_activity,
    live_kpi,
    metrics,
    operations,
    otlp,
    page,
    prometheus,
    shared,
    shared_page,
    shares,
    stars,
    store,
    users,
)
from nowline.api.body import JsonRequest
from nowline.api.description import actions, describe
from nowline.api.direct import answer_directly
from nowline.api.exposition import Telemetry
from nowline.api.express import Express
from nowline.api.freshness import answer_fresh
from nowline.api.guard import require, secure_headers, undeclared
from nowline.api.head import answer_head
from nowline.api.ingest_schemas import LINES
from nowline.api.problems import exception_handlers
from nowline.api.questions import Questions
from nowline.api.upgrades import Upgrades
from nowline.auth.policy import Action
from nowline.auth.service import Auth
from nowline.backup.service import Backups
from nowline.collect.requests import RequestStats, observe_requests
from nowline.dashboards.files import Files
from nowline.dashboards.service import Dashboards
from nowline.dashboards.shares import Shares
from nowline.dashboards.stars import Stars
from nowline.ingest.activity import Activity
from nowline.ingest.admission import Admission
from nowline.ingest.group_commit import GroupCommit
from nowline.ingest.histograms import Otlp
from nowline.ingest.protobuf import ProtobufDecoders
from nowline.ingest.repeated_rows import Once
from nowline.live.transport import App, expose_transport
from nowline.query.engine import Engine
from nowline.query.kpi import Kpis
from nowline.rollup.dead_letters import DeadLetters
from nowline.store.activity import ActivityStore
from nowline.store.base import Store
from nowline.store.documents import Documents

_MODULES = (
    operations,
    store,
    backup,
    dead_letters,
    auth,
    users,
    keys,
    audit,
    ingest,
    events,
    activity,
    lines,
    prometheus,
    otlp,
    metrics,
    kpis,
    dashboard_templates,
    dashboards,
    shares,
    shared,
    stars,
    live,
    live_kpi,
    live_activity,
    page,
    shared_page,
)
_BY_NAME = (
    "activity",
    "auth",
    "backups",
    "dashboards",
    "dead_letters",
    "documents",
    "engine",
    "events",
    "files",
    "group",
    "history",
    "kpis",
    "once",
    "otlp",
    "page",
    "present",
    "protobuf",
    "shared",
    "shares",
    "stars",
    "store",
    "telemetry",
    "templates",
)
# Streams are no handlers that services are given to by name.
_STREAMS = ("live", "live_kpi", "live_activity", "shared")
_MOST_BODY = 1 << 20
_TAGS = ("ingest", "metrics", "kpis", "live", "activity", "dashboards", "sharing", "auth")


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes work with."""

    auth: Auth
    documents: Documents
    store: Store
    events: ActivityStore
    backups: Backups
    dead_letters: DeadLetters
    admission: Admission
    group: GroupCommit
    caught_up: Callable[[], Awaitable[None]]
    is_caught_up: Callable[[], bool]
    activity: Activity
    present: Present
    history: History
    once: Once
    otlp: Otlp
    protobuf: ProtobufDecoders
    engine: Engine
    kpis: Kpis
    live: live.Live
    live_kpi: live_kpi.LiveKpi
    live_activity: live_activity.LiveActivity
    telemetry: Telemetry
    dashboards: Dashboards
    files: Files
    shares: Shares
    stars: Stars
    shared: shared.SharedViews
    templates: dashboard_templates.Templates
    page: page.Page
    requests: RequestStats


def routes(services: Services) -> Litestar:
    """The routes, each with the services it asks for by name.

    Raises:
        RuntimeError: A route does not say who may call it.
    """
    app = _litestar(services, middleware=[require(services.auth, services.shared)])
    if missing := undeclared(app):
        raise RuntimeError(f"Routes without an action: {', '.join(missing)}")
    return app


def openapi() -> dict[str, Any]:
    """The OpenAPI document, without any service running."""
    return describe(_litestar(None, middleware=[]))


def declared() -> list[tuple[str, Action]]:
    """Every route's path and action, the hidden ones included."""
    return [(path, action) for path, _, action in actions(_litestar(None, middleware=[]))]


def application(services: Services) -> App:
    """The routes with what surrounds every request: its transport, its headers, its count."""
    app = routes(services)
    streams = {route.path for route in app.routes if isinstance(route, ASGIRoute)}
    direct = answer_directly(app, services.auth, _named(services), services.admission)
    fresh = answer_fresh(direct, _doors(app), services.caught_up)
    secured = secure_headers(answer_head(fresh, streams=streams))
    return expose_transport(observe_requests(secured, services.requests))


def _doors(app: Litestar) -> set[str]:
    """Where rows come in."""
    return {path for path, _, action in actions(app) if action is Action.INGEST}


def express(services: Services) -> Express:
    """The short way to the doors that take it."""
    doors = {ingest.PATH: ingest.METRICS, **dict.fromkeys(LINES, lines.WRITE)}
    questions = Questions(services.engine, services.is_caught_up)
    given = services.admission, services.group, services.requests
    return Express(doors, questions, services.auth, *given)


def upgrades(services: Services) -> Upgrades:
    """The short way to the WebSockets of viewers."""
    live = services.live
    return Upgrades(live.sessions.hub, services.auth, services.requests, live.seat)


def _litestar(services: Services | None, middleware: list[Any]) -> Litestar:
    return Litestar(
        route_handlers=[route for module in _MODULES for route in module.routes],
        middleware=middleware,
        dependencies={name: _provide(service) for name, service in _named(services).items()},
        exception_handlers=_exception_handlers(services),
        request_class=JsonRequest,
        request_max_body_size=_MOST_BODY,
        # Served from a file, so the running server needs neither it nor the routes it brings.
        openapi_config=_openapi() if services is None else None,
        state=State({name: getattr(services, name, None) for name in _STREAMS}),
        logging_config=None,
    )


def _exception_handlers(
    services: Services | None,
) -> dict[type[Exception] | int, Callable[..., Response[bytes]]]:
    handlers = exception_handlers()
    if services is not None:
        handlers[NotFoundException] = page.unknown_address(services.page)
    return handlers


def _named(services: Services | None) -> dict[str, object]:
    return {name: getattr(services, name, None) for name in _BY_NAME}


def _provide(service: object) -> Provide:
    return Provide(lambda: service, sync_to_thread=False)


def _openapi() -> OpenAPIConfig:
    bearer = SecurityScheme(type="http", scheme="bearer", description="Access token or API key.")
    link = SecurityScheme(type="http", scheme="bearer", description="Token of a link or an embed.")
    return OpenAPIConfig(
        title="Nowline",
        version=__version__,
        description="Real-time analytics: metrics in, live dashboards out.",
        components=Components(security_schemes={"bearer": bearer, "link": link}),
        security=[{"bearer": []}],
        tags=[
            Tag(name)
            for name in (
                "ingest",
                "metrics",
                "kpis",
                "live",
                "activity",
                "dashboards",
                "sharing",
                "auth",
            )
        ],
        render_plugins=[],
        path=None,
    )
