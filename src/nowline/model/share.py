"""Links to dashboards for those who do not sign in: to open, or to embed in another page."""

from __future__ import annotations

from enum import Enum

import msgspec


class ShareKind(Enum):
    """What a share is for."""

    LINK = "link"
    """A page of its own."""
    EMBED = "embed"
    """A frame in the pages of some other sites."""


class Share(msgspec.Struct, frozen=True):
    """What whoever holds a link may see. Times are epoch milliseconds.

    Attributes:
        id: By which it is revoked.
        kind: What it is for.
        dashboard_id: The one dashboard that it shows.
        label: What its maker calls it.
        created_by_id: The user, or the key, that made it: it holds as long as that one may
            change the dashboard.
        created_by: That one's name, as it was then.
        created_at: When it was made.
        expires_at: When it ends; None for never.
        look_back_ms: How far back it shows what a query without a range of its own asks.
        origins: The sites whose pages may embed it; none for a link.
        filters: By tag, the values that all queries are narrowed to.
    """

    id: str
    kind: ShareKind
    dashboard_id: str
    label: str
    created_by_id: str
    created_by: str
    created_at: int
    expires_at: int | None
    look_back_ms: int
    origins: tuple[str, ...] = ()
    filters: dict[str, list[str]] = {}
