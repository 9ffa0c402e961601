"""The dashboards that people make."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from enum import Enum
from http import HTTPStatus
from typing import Annotated, Any, Self

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from nowline.api import tables
from nowline.api.disposition import disposition
from nowline.api.etags import etag, expected, is_known
from nowline.api.guard import caller, principal_of
from nowline.api.leaving import while_there
from nowline.api.sent_dashboards import YAML, SentDashboard, read_dashboard
from nowline.auth.policy import Action
from nowline.clock import rfc3339
from nowline.dashboards import exchange
from nowline.dashboards.files import Files
from nowline.dashboards.service import Dashboards
from nowline.dashboards.stars import Stars
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Content, Dashboard, Version
from nowline.model.sheet import (
    LEAST_SCALE,
    LEAST_WIDTH,
    MOST_SCALE,
    MOST_WIDTH,
    USUAL_SCALE,
    USUAL_WIDTH,
    Drawn,
    Look,
    Theme,
)
from nowline.model.user import Principal

_PATH = "/api/v1/dashboards"
_ONE = _PATH + "/{dashboard_id:str}"
_READ = {"action": Action.READ}
_WRITE = {"action": Action.WRITE}
_TAGS = ["dashboards"]


class Format(Enum):
    """What a dashboard is exported as."""

    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    PDF = "pdf"
    PNG = "png"


_MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.YAML: YAML,
    Format.CSV: tables.MEDIA_TYPE,
    Format.PDF: "application/pdf",
    Format.PNG: "image/png",
}
_RANGE = QueryParameter(name="range", description="The span of time up to `to`, such as `1h`.")
_FROM = QueryParameter(name="from", description="RFC 3339 or epoch milliseconds.")
_TO = QueryParameter(name="to", description="RFC 3339 or epoch milliseconds; now if left out.")
_WIDTH = QueryParameter(
    description="Of a PNG, in pixels of the page.", ge=LEAST_WIDTH, le=MOST_WIDTH
)
_SCALE = QueryParameter(description="Of a PNG, pixels for each.", ge=LEAST_SCALE, le=MOST_SCALE)


class DashboardView(Content, frozen=True, kw_only=True):
    """A dashboard. Times are RFC 3339; `can_edit` is whether the one who asks may change it."""

    id: str
    owner: str
    version: int
    created_at: str
    updated_at: str
    can_edit: bool

    @classmethod
    def of(cls, dashboard: Dashboard, principal: Principal) -> Self:
        """The view that somebody has of a dashboard."""
        content = dashboard.content
        shown = {name: getattr(content, name) for name in Content.__struct_fields__}
        return cls(**shown, **_about(dashboard, principal))


class DashboardSummary(msgspec.Struct, kw_only=True):
    """A dashboard without its widgets, of which there are so many."""

    id: str
    name: str
    description: str | None
    is_public: bool
    widget_count: int
    owner: str
    version: int
    created_at: str
    updated_at: str
    can_edit: bool
    starred: bool


class DashboardList(msgspec.Struct):
    """All that one may see, the last changed first."""

    dashboards: list[DashboardSummary]


class VersionSummary(msgspec.Struct):
    """What somebody made of a dashboard, without its widgets. `at` is RFC 3339."""

    version: int
    at: str
    by: str
    name: str
    widget_count: int


class VersionList(msgspec.Struct):
    """The versions that are kept, the newest first."""

    versions: list[VersionSummary]


@get(_PATH, opt=_READ, tags=_TAGS)
async def list_dashboards(
    request: Request[Any, Any, Any],
    dashboards: NamedDependency[Dashboards],
    stars: NamedDependency[Stars],
) -> DashboardList:
    """List the dashboards that you may see: yours and public ones, and for admins all."""
    principal = principal_of(request)
    found, starred = await dashboards.seen_by(principal), frozenset(await stars.of(principal))
    return DashboardList([_summary(each, principal, starred) for each in found])


@post(_PATH, opt=_WRITE, tags=_TAGS)
async def create_dashboard(
    request: Request[Any, Any, Any],
    data: JSONBody[SentDashboard],
    dashboards: NamedDependency[Dashboards],
) -> Response[DashboardView]:
    """Make a dashboard, which is yours."""
    principal = principal_of(request)
    return _shown(await dashboards.create(data.content(), principal, caller(request)), principal)


@post(f"{_PATH}/import", opt=_WRITE, tags=_TAGS)
async def import_dashboard(
    request: Request[Any, Any, Any], dashboards: NamedDependency[Dashboards]
) -> Response[DashboardView]:
    """Make a dashboard of an exported file, JSON or YAML."""
    # Others are served meanwhile: YAML is read and written slowly.
    content = await asyncio.to_thread(read_dashboard, request.content_type[0], await request.body())
    principal = principal_of(request)
    return _shown(await dashboards.create(content, principal, caller(request)), principal)


@get(_ONE, opt=_READ, tags=_TAGS)
async def get_dashboard(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    dashboards: NamedDependency[Dashboards],
) -> Response[DashboardView | None]:
    """Get a dashboard; with `If-None-Match` only if it is another version."""
    principal = principal_of(request)
    found = await dashboards.get(dashboard_id, principal)
    if is_known(request.headers.get("if-none-match"), found.version):
        headers = {"etag": etag(found.version)}
        return Response(None, status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return _shown(found, principal)


@put(_ONE, opt=_WRITE, tags=_TAGS)
async def replace_dashboard(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    data: JSONBody[SentDashboard],
    dashboards: NamedDependency[Dashboards],
) -> Response[DashboardView]:
    """Change a dashboard; with `If-Match` only if nobody else did meanwhile."""
    principal, versions = principal_of(request), expected(request.headers.get("if-match"))
    content = data.content(dashboard_id)
    by = caller(request)
    return _shown(
        await dashboards.replace(dashboard_id, content, principal, by, versions), principal
    )


@delete(_ONE, opt=_WRITE, tags=_TAGS)
async def delete_dashboard(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    dashboards: NamedDependency[Dashboards],
) -> None:
    """Delete a dashboard and its versions; with `If-Match` as for a change."""
    versions = expected(request.headers.get("if-match"))
    await dashboards.delete(dashboard_id, principal_of(request), caller(request), versions)


@post(_ONE + "/duplicate", opt=_WRITE, tags=_TAGS)
async def duplicate_dashboard(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    dashboards: NamedDependency[Dashboards],
) -> Response[DashboardView]:
    """Make a private dashboard, which is yours, that shows the same."""
    principal = principal_of(request)
    return _shown(await dashboards.duplicate(dashboard_id, principal, caller(request)), principal)


@get(_ONE + "/versions", opt=_READ, tags=_TAGS)
async def list_versions(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    dashboards: NamedDependency[Dashboards],
) -> VersionList:
    """List what the dashboard was, the newest version first; the last 50 are kept."""
    versions = await dashboards.versions(dashboard_id, principal_of(request))
    return VersionList([_version(each) for each in versions])


@get(_ONE + "/versions/{version:str}", opt=_READ, tags=_TAGS)
async def get_version(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    version: FromPath[str],
    dashboards: NamedDependency[Dashboards],
) -> Content:
    """Get what the dashboard was in one version; to restore it, PUT that."""
    for each in await dashboards.versions(dashboard_id, principal_of(request)):
        if str(each.version) == version:
            return each.content
    raise NowlineError(
        Code.NOT_FOUND, f"The dashboard has no version `{version}`, or not any more."
    )


@get(_ONE + "/export", opt=_READ, tags=_TAGS)
async def export_dashboard(  # noqa: PLR0913, PLR0917 - the parameters of the contract
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    dashboards: NamedDependency[Dashboards],
    files: NamedDependency[Files],
    format: FromQuery[Format] = Format.JSON,  # noqa: A002 - the parameter's name
    span: Annotated[str | None, _RANGE] = None,
    since: Annotated[str | None, _FROM] = None,
    until: Annotated[str | None, _TO] = None,
    timezone: FromQuery[str] = "UTC",
    theme: FromQuery[Theme] = Theme.LIGHT,
    width: Annotated[int, _WIDTH] = USUAL_WIDTH,
    scale: Annotated[float, _SCALE] = USUAL_SCALE,
) -> Response[bytes]:
    """Get a dashboard as a file: JSON or YAML to import, or what it shows as CSV, PDF or PNG."""
    principal = principal_of(request)
    content = (await dashboards.get(dashboard_id, principal)).content
    if format is Format.JSON:
        return _file(exchange.to_json(content), content.name, format)
    if format is Format.YAML:
        return _file(await asyncio.to_thread(exchange.to_yaml, content), content.name, format)
    window = files.window(span, since, until, timezone)
    if format is Format.CSV:
        names = {name is not None for name in (span, since, until)}
        rows = await while_there(request, files.rows(content, window if any(names) else None))
        return _file(await asyncio.to_thread(tables.widgets_csv, rows), content.name, format)
    look = Look(Drawn(format.value), theme, width, scale)
    drawn = files.draw(content, window, look, principal.id)
    return _file(await while_there(request, drawn), content.name, format)


def _about(dashboard: Dashboard, principal: Principal) -> dict[str, Any]:
    return {
        "id": dashboard.id,
        "owner": dashboard.owner,
        "version": dashboard.version,
        "created_at": rfc3339(dashboard.created_at),
        "updated_at": rfc3339(dashboard.updated_at),
        "can_edit": dashboard.is_changed_by(principal),
    }


def _summary(
    dashboard: Dashboard, principal: Principal, starred: Collection[str]
) -> DashboardSummary:
    content = dashboard.content
    return DashboardSummary(
        name=content.name,
        description=content.description,
        is_public=content.is_public,
        widget_count=len(content.widgets),
        starred=dashboard.id in starred,
        **_about(dashboard, principal),
    )


def _version(version: Version) -> VersionSummary:
    content = version.content
    return VersionSummary(
        version.version, rfc3339(version.at), version.by, content.name, len(content.widgets)
    )


def _shown(dashboard: Dashboard, principal: Principal) -> Response[Any]:
    view = DashboardView.of(dashboard, principal)
    return Response(view, headers={"etag": etag(dashboard.version)})


def _file(body: bytes, name: str, kind: Format) -> Response[bytes]:
    headers = {
        "content-disposition": disposition(name, kind.value),
        "cache-control": "no-store",
    }
    return Response(body, media_type=_MEDIA_TYPES[kind], headers=headers)


routes = [
    list_dashboards,
    create_dashboard,
    import_dashboard,
    get_dashboard,
    replace_dashboard,
    delete_dashboard,
    duplicate_dashboard,
    list_versions,
    get_version,
    export_dashboard,
]
