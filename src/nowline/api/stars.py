"""What people have starred: each their own."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from nowline.api.dashboard_templates import Templates, find_template
from nowline.api.guard import principal_of
from nowline.auth.policy import Action
from nowline.dashboards.stars import Stars

_OF_DASHBOARD = "/api/v1/dashboards/{dashboard_id:str}/star"
_OF_TEMPLATE = "/api/v1/templates/{template_id:str}/star"
# Stars are people's: a key has none.
_OWN = {"action": Action.SESSION}
_TAGS = ["dashboards"]


class StarList(msgspec.Struct):
    """The ids of dashboards and templates, the first that was starred first."""

    stars: list[str]


@get("/api/v1/stars", opt=_OWN, tags=_TAGS)
async def list_stars(request: Request[Any, Any, Any], stars: NamedDependency[Stars]) -> StarList:
    """List what you have starred and may see."""
    return StarList(await stars.of(principal_of(request)))


@put(_OF_DASHBOARD, opt=_OWN, tags=_TAGS, status_code=HTTPStatus.NO_CONTENT)
async def star_dashboard(
    request: Request[Any, Any, Any], dashboard_id: FromPath[str], stars: NamedDependency[Stars]
) -> None:
    """Star a dashboard, for yourself."""
    await stars.add(dashboard_id, principal_of(request))


@delete(_OF_DASHBOARD, opt=_OWN, tags=_TAGS)
async def unstar_dashboard(
    request: Request[Any, Any, Any], dashboard_id: FromPath[str], stars: NamedDependency[Stars]
) -> None:
    """Take your star of a dashboard away."""
    await stars.remove(dashboard_id, principal_of(request))


@put(_OF_TEMPLATE, opt=_OWN, tags=_TAGS, status_code=HTTPStatus.NO_CONTENT)
async def star_template(
    request: Request[Any, Any, Any],
    template_id: FromPath[str],
    templates: NamedDependency[Templates],
    stars: NamedDependency[Stars],
) -> None:
    """Star a built-in dashboard, for yourself."""
    await stars.add_built_in(find_template(templates, template_id).id, principal_of(request))


@delete(_OF_TEMPLATE, opt=_OWN, tags=_TAGS)
async def unstar_template(
    request: Request[Any, Any, Any],
    template_id: FromPath[str],
    templates: NamedDependency[Templates],
    stars: NamedDependency[Stars],
) -> None:
    """Take your star of a built-in dashboard away."""
    await stars.remove_built_in(find_template(templates, template_id).id, principal_of(request))


routes = [list_stars, star_dashboard, unstar_dashboard, star_template, unstar_template]
