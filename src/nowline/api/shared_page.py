"""The pages of links to dashboards: the page's one document, to be neither indexed nor kept.

The document is the same for everybody and holds nothing of a dashboard. That of an embed may stand
in a frame of the sites that its token names; no other page of the server may stand in any.
"""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from nowline.api.guard import policy_for
from nowline.api.page import Page
from nowline.auth.policy import Action
from nowline.dashboards.shares import Shares

_PUBLIC = {"action": Action.PUBLIC}
_HIDDEN = {"cache-control": "no-store", "x-robots-tag": "noindex, nofollow"}


@get("/s/{token:str}", opt=_PUBLIC, include_in_schema=False)
async def linked(request: Request[Any, Any, Any], page: NamedDependency[Page]) -> Response[bytes]:
    """What a link opens."""
    return _document(request, page, {})


@get("/embed/{token:str}", opt=_PUBLIC, include_in_schema=False)
async def embedded(
    request: Request[Any, Any, Any],
    page: NamedDependency[Page],
    token: FromPath[str],
    shares: NamedDependency[Shares],
) -> Response[bytes]:
    """What a frame shows in a page of a site that the token names."""
    origins = shares.origins_of(token)
    if not origins:
        return _document(request, page, {})
    framed = {
        "content-security-policy": policy_for(origins),
        # A page that isolates itself embeds only what says that it may be.
        "cross-origin-resource-policy": "cross-origin",
    }
    return _document(request, page, framed)


def _document(request: Request[Any, Any, Any], page: Page, more: dict[str, str]) -> Response[bytes]:
    found = page.index(request.headers.get("accept-encoding", ""))
    found.headers.update({**_HIDDEN, **more})
    return found


routes = [linked, embedded]
