"""Sharing a dashboard with those who do not sign in: links to it, and tokens to embed it."""

from __future__ import annotations

from typing import Annotated, Any, Self

import msgspec
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from nowline.api.guard import caller, principal_of
from nowline.auth.policy import Action
from nowline.clock import rfc3339
from nowline.dashboards.shares import USUAL_LOOK_BACK, Shares, Wish
from nowline.model.dashboard import Tag
from nowline.model.share import Share, ShareKind

_ONE = "/api/v1/dashboards/{dashboard_id:str}"
_WRITE = {"action": Action.WRITE}
_TAGS = ["sharing"]
_YEAR_S = 366 * 86_400

Label = Annotated[str, msgspec.Meta(max_length=100)]
LivesFor = Annotated[int, msgspec.Meta(ge=60, le=10 * _YEAR_S)]
LookBack = Annotated[str, msgspec.Meta(max_length=12)]
Origin = Annotated[str, msgspec.Meta(max_length=300)]
Origins = Annotated[list[Origin], msgspec.Meta(min_length=1, max_length=20)]
Values = Annotated[list[str], msgspec.Meta(min_length=1, max_length=50)]
LockedFilters = Annotated[dict[Tag, Values], msgspec.Meta(max_length=8)]


class NewLink(msgspec.Struct, forbid_unknown_fields=True):
    """A link to be made.

    Attributes:
        label: What you call it.
        expires_in: Seconds after which it ends; never, where it is left out.
        look_back: How far back it shows what names no span of its own, such as `1d`.
    """

    label: Label = ""
    expires_in: LivesFor | None = None
    look_back: LookBack = USUAL_LOOK_BACK


class NewEmbed(msgspec.Struct, forbid_unknown_fields=True):
    """A token to be made with which other sites embed a dashboard.

    Attributes:
        origins: The sites whose pages may embed it, such as `https://app.example.com`.
        expires_in: Seconds after which it ends.
        filters: By tag, the values that all queries are narrowed to; nobody can loosen them.
        label: What you call it.
        look_back: As for a link.
    """

    origins: Origins
    expires_in: LivesFor
    filters: LockedFilters = {}
    label: Label = ""
    look_back: LookBack = USUAL_LOOK_BACK


class LinkView(msgspec.Struct, kw_only=True):
    """A link without its token. Times are RFC 3339; `expires_at` is null for never."""

    id: str
    label: str
    created_at: str
    created_by: str
    expires_at: str | None
    look_back: str

    @classmethod
    def of(cls, share: Share, **more: Any) -> Self:  # noqa: ANN401 - what a subclass adds
        """The view of a share."""
        ends = share.expires_at
        return cls(
            id=share.id,
            label=share.label,
            created_at=rfc3339(share.created_at),
            created_by=share.created_by,
            expires_at=None if ends is None else rfc3339(ends),
            look_back=_words(share.look_back_ms),
            **more,
        )


class CreatedLink(LinkView, kw_only=True):
    """A new link. Its token cannot be seen again; `url` is where its page is on this server."""

    token: str
    url: str


class EmbedView(LinkView, kw_only=True):
    """An embed without its token."""

    origins: list[str]
    filters: dict[str, list[str]]


class CreatedEmbed(EmbedView, kw_only=True):
    """A new embed. Its token cannot be seen again; `url` is what a frame shows."""

    token: str
    url: str


class LinkList(msgspec.Struct):
    """The links to a dashboard that have not ended, the newest first."""

    shares: list[LinkView]


class EmbedList(msgspec.Struct):
    """The embeds of a dashboard that have not ended, the newest first."""

    embeds: list[EmbedView]


@get(_ONE + "/shares", opt=_WRITE, tags=_TAGS)
async def list_shares(
    request: Request[Any, Any, Any], dashboard_id: FromPath[str], shares: NamedDependency[Shares]
) -> LinkList:
    """List the links to a dashboard; for its owner and admins."""
    found = await shares.of_dashboard(dashboard_id, ShareKind.LINK, principal_of(request))
    return LinkList([LinkView.of(share) for share in found])


@post(_ONE + "/shares", opt=_WRITE, tags=_TAGS)
async def create_share(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    data: JSONBody[NewLink],
    shares: NamedDependency[Shares],
) -> CreatedLink:
    """Make a link by which anybody sees a dashboard, live, without signing in."""
    wish = Wish(label=data.label, expires_in_s=data.expires_in, look_back=data.look_back)
    principal, by = principal_of(request), caller(request)
    share, token = await shares.create_link(dashboard_id, wish, principal, by)
    return CreatedLink.of(share, token=token, url=f"/s/{token}")


@delete(_ONE + "/shares/{share_id:str}", opt=_WRITE, tags=_TAGS)
async def revoke_share(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    share_id: FromPath[str],
    shares: NamedDependency[Shares],
) -> None:
    """Revoke a link: whoever watches by it is cut off at once."""
    who = principal_of(request), caller(request)
    await shares.revoke(dashboard_id, ShareKind.LINK, share_id, *who)


@get(_ONE + "/embeds", opt=_WRITE, tags=_TAGS)
async def list_embeds(
    request: Request[Any, Any, Any], dashboard_id: FromPath[str], shares: NamedDependency[Shares]
) -> EmbedList:
    """List the embeds of a dashboard; for its owner and admins."""
    found = await shares.of_dashboard(dashboard_id, ShareKind.EMBED, principal_of(request))
    return EmbedList([EmbedView.of(share, **_more(share)) for share in found])


@post(_ONE + "/embeds", opt=_WRITE, tags=_TAGS)
async def create_embed(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    data: JSONBody[NewEmbed],
    shares: NamedDependency[Shares],
) -> CreatedEmbed:
    """Make a signed token with which the pages of some sites embed a dashboard."""
    wish = Wish(
        label=data.label,
        expires_in_s=data.expires_in,
        look_back=data.look_back,
        origins=tuple(data.origins),
        filters=data.filters,
    )
    principal, by = principal_of(request), caller(request)
    share, token = await shares.create_embed(dashboard_id, wish, principal, by)
    return CreatedEmbed.of(share, token=token, url=f"/embed/{token}", **_more(share))


@delete(_ONE + "/embeds/{share_id:str}", opt=_WRITE, tags=_TAGS)
async def revoke_embed(
    request: Request[Any, Any, Any],
    dashboard_id: FromPath[str],
    share_id: FromPath[str],
    shares: NamedDependency[Shares],
) -> None:
    """Revoke an embed: whoever watches it is cut off at once."""
    who = principal_of(request), caller(request)
    await shares.revoke(dashboard_id, ShareKind.EMBED, share_id, *who)


def _more(share: Share) -> dict[str, Any]:
    return {"origins": list(share.origins), "filters": share.filters}


def _words(duration_ms: int) -> str:
    """A duration as people write it, in the largest unit that fits."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)):
        if duration_ms % size == 0:
            return f"{duration_ms // size}{unit}"
    return f"{duration_ms // 1000}s"


routes = [list_shares, create_share, revoke_share, list_embeds, create_embed, revoke_embed]
