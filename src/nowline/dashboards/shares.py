"""Links to dashboards: made and revoked by those who may change them, opened by who holds one."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from nowline.clock import Clock
from nowline.dashboards.permitted import Permitted
from nowline.errors import Code, NowlineError, invalid
from nowline.model.dashboard import Dashboard
from nowline.model.query import DAY_MS, MINUTE_MS, duration_ms
from nowline.model.share import Share, ShareKind
from nowline.model.user import AuditEntry, Caller, Principal, Scope
from nowline.store import audit
from nowline.store import dashboards as store
from nowline.store import shares as kept
from nowline.store.documents import Documents

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from nowline.dashboards.embeds import EmbedTokens

USUAL_LOOK_BACK = "1d"
MOST_SHARES = {ShareKind.LINK: 100, ShareKind.EMBED: 10_000}
"""How many of each kind one dashboard may have at a time."""
_LONGEST_LOOK_BACK_MS = 3660 * DAY_MS
_PREFIX = "nls_"
_ACTIONS = {
    ShareKind.LINK: ("dashboard.share", "dashboard.unshare"),
    ShareKind.EMBED: ("dashboard.embed", "dashboard.unembed"),
}
# As the header that names them takes them, and nothing that would end it.
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


class Makers(Protocol):
    """Knows what those who make links may do."""

    async def principal(self, principal_id: str) -> Principal | None:
        """A user or a key with the rights of this moment; None if it has none any more."""
        ...


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a share is to be.

    Attributes:
        label: What it is called.
        expires_in_s: After how many seconds it ends; None for never.
        look_back: How far back it shows, such as `1d`.
        origins: For an embed, the sites that may embed it.
        filters: By tag, the values that all queries are narrowed to.
    """

    label: str = ""
    expires_in_s: int | None = None
    look_back: str = USUAL_LOOK_BACK
    origins: tuple[str, ...] = ()
    filters: dict[str, list[str]] = {}


@dataclass(frozen=True, slots=True)
class Opened:
    """A share that holds, and the dashboard that it shows as it is now."""

    share: Share
    dashboard: Dashboard

    def permitted(self) -> Permitted:
        """What its holder may see and ask."""
        return Permitted(self.dashboard.content, self.share)


class Shares:
    """Keeps the links to dashboards, and opens them.

    Args:
        documents: Where they are kept.
        clock: Where the time comes from.
        makers: Knows who made them: a share holds no longer than its maker may change the
            dashboard.
        embeds: Signs the tokens of those that are embedded.
    """

    def __init__(
        self, documents: Documents, clock: Clock, makers: Makers, embeds: EmbedTokens
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._makers = makers
        self._embeds = embeds
        self._callbacks: list[Callable[[str], None]] = []

    def on_revoked(self, callback: Callable[[str], None]) -> None:
        """Call back with the id of each share that is revoked here."""
        self._callbacks.append(callback)

    async def of_dashboard(
        self, dashboard_id: str, kind: ShareKind, principal: Principal
    ) -> list[Share]:
        """Those of a dashboard that have not ended, the newest first.

        Raises:
            NowlineError: NOT_FOUND or FORBIDDEN: it is not the principal's to share.
        """
        now_ms = self._clock.now_ms()
        async with self._documents.read() as connection:
            await _changeable(connection, dashboard_id, principal)
            found = await kept.list_shares(connection, dashboard_id, kind)
        return [share for share in found if not _has_ended(share, now_ms)]

    async def create_link(
        self, dashboard_id: str, wish: Wish, principal: Principal, by: Caller
    ) -> tuple[Share, str]:
        """Make a link; its token is returned here and never again.

        Raises:
            NowlineError: INVALID with the field at fault; NOT_FOUND, FORBIDDEN; CONFLICT: there
                are too many.
        """
        share = self._made(dashboard_id, ShareKind.LINK, wish, principal)
        token = _PREFIX + secrets.token_urlsafe(32)
        await self._keep(share, _digest(token), principal, by)
        return share, token

    async def create_embed(
        self, dashboard_id: str, wish: Wish, principal: Principal, by: Caller
    ) -> tuple[Share, str]:
        """Make a token with which the pages of some sites embed a dashboard.

        Raises:
            NowlineError: As `create_link`.
        """
        _check_origins(wish.origins)
        _check_filters(wish.filters)
        share = self._made(dashboard_id, ShareKind.EMBED, wish, principal)
        if share.expires_at is None:
            raise invalid("expires_in", "is required")
        await self._keep(share, None, principal, by)
        return share, self._embeds.issue(share, share.expires_at)

    async def revoke(
        self,
        dashboard_id: str,
        kind: ShareKind,
        share_id: str,
        principal: Principal,
        by: Caller,
    ) -> None:
        """End a share at once, open streams included.

        Raises:
            NowlineError: NOT_FOUND or FORBIDDEN.
        """
        async with self._documents.write() as connection:
            await _changeable(connection, dashboard_id, principal)
            known = share_id.isprintable()
            if not known or not await kept.delete_share(connection, dashboard_id, kind, share_id):
                raise NowlineError(Code.NOT_FOUND, f"The dashboard has no {kind.value} like that.")
            await self._record(connection, by, _ACTIONS[kind][1], dashboard_id, share_id)
        for callback in self._callbacks:
            callback(share_id)

    async def open(self, token: str) -> Opened:
        """What a token shows.

        Raises:
            NowlineError: UNAUTHENTICATED: it is none, or does not hold any more. Which of these
                is nobody's business.
        """
        async with self._documents.read() as connection:
            share = await self._of_token(connection, token)
            dashboard = await _shown(connection, share)
        return await self._checked(share, dashboard)

    async def reopen(self, share: Share) -> Opened:
        """What a share that was opened before shows now.

        Raises:
            NowlineError: UNAUTHENTICATED: it does not hold any more.
        """
        async with self._documents.read() as connection:
            if await kept.find_share(connection, share.id) is None:
                raise closed()
            dashboard = await _shown(connection, share)
        return await self._checked(share, dashboard)

    def origins_of(self, token: str) -> tuple[str, ...]:
        """The sites whose pages may show an embed; none where the token is not ours.

        They may show one that has ended as well, which then says so.
        """
        claims = self._embeds.read(token)
        return () if claims is None else claims.origins

    async def _of_token(self, connection: AsyncConnection, token: str) -> Share:
        if token.startswith(_PREFIX):
            found = await kept.find_by_digest(connection, _digest(token))
        else:
            found = await self._of_claims(connection, token)
        if found is None:
            raise closed()
        return found

    async def _of_claims(self, connection: AsyncConnection, token: str) -> Share | None:
        """The share of a signed token: what is signed counts, what is kept says that it holds."""
        claims = self._embeds.read(token)
        found = None if claims is None else await kept.find_share(connection, claims.jti)
        if claims is None or found is None or found.kind is not ShareKind.EMBED:
            return None
        return msgspec.structs.replace(
            found,
            dashboard_id=claims.dashboard,
            origins=claims.origins,
            filters=claims.filters,
            look_back_ms=claims.look_back_ms,
            expires_at=claims.exp * 1000,
        )

    async def _checked(self, share: Share, dashboard: Dashboard) -> Opened:
        maker = await self._makers.principal(share.created_by_id)
        ended = _has_ended(share, self._clock.now_ms())
        if ended or maker is None or not _may_share(dashboard, maker):
            raise closed()
        return Opened(share, dashboard)

    def _made(self, dashboard_id: str, kind: ShareKind, wish: Wish, principal: Principal) -> Share:
        now_ms = self._clock.now_ms()
        lives_s = wish.expires_in_s
        return Share(
            id=secrets.token_hex(8),
            kind=kind,
            dashboard_id=dashboard_id,
            label=wish.label.strip(),
            created_by_id=principal.id,
            created_by=principal.name,
            created_at=now_ms,
            # A signed token counts whole seconds.
            expires_at=None if lives_s is None else (now_ms // 1000 + lives_s) * 1000,
            look_back_ms=_look_back_ms(wish.look_back),
            origins=tuple(dict.fromkeys(wish.origins)),
            filters=wish.filters,
        )

    async def _keep(
        self, share: Share, digest: str | None, principal: Principal, by: Caller
    ) -> None:
        async with self._documents.write() as connection:
            await _changeable(connection, share.dashboard_id, principal)
            await kept.delete_expired(connection, share.dashboard_id, share.created_at)
            most = MOST_SHARES[share.kind]
            if await kept.count_shares(connection, share.dashboard_id, share.kind) >= most:
                detail = f"The dashboard has {most} of these, as many as there may be: revoke some."
                raise NowlineError(Code.CONFLICT, detail)
            await kept.add_share(connection, share, digest)
            await self._record(
                connection, by, _ACTIONS[share.kind][0], share.dashboard_id, share.id
            )

    async def _record(
        self, connection: AsyncConnection, by: Caller, action: str, dashboard_id: str, share_id: str
    ) -> None:
        target = f"{dashboard_id}/{share_id}"
        entry = AuditEntry(self._clock.now_ms(), by.name, action, target, "success", by.ip)
        await audit.append(connection, entry)


def closed() -> NowlineError:
    """The one answer to whoever holds nothing that opens anything."""
    detail = "This link does not work: it was revoked, it has expired, or it never was one."
    return NowlineError(Code.UNAUTHENTICATED, detail)


async def _shown(connection: AsyncConnection, share: Share) -> Dashboard:
    try:
        return await store.get_dashboard(connection, share.dashboard_id)
    except NowlineError as error:
        raise closed() from error


async def _changeable(
    connection: AsyncConnection, dashboard_id: str, principal: Principal
) -> Dashboard:
    # No database is asked for what no id can be: PostgreSQL cannot even compare a NUL.
    if not dashboard_id.isprintable():
        raise store.unknown(dashboard_id)
    found = await store.get_dashboard(connection, dashboard_id)
    if not found.is_seen_by(principal):
        raise store.unknown(dashboard_id)
    if not found.is_changed_by(principal):
        raise NowlineError(Code.FORBIDDEN, "Only its owner and admins may share this dashboard.")
    return found


def _may_share(dashboard: Dashboard, maker: Principal) -> bool:
    return Scope.WRITE in maker.scopes and dashboard.is_changed_by(maker)


def _has_ended(share: Share, now_ms: int) -> bool:
    return share.expires_at is not None and share.expires_at <= now_ms


def _digest(token: str) -> str:
    """What is kept of a token, which is too long to guess from it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _look_back_ms(text: str) -> int:
    found = duration_ms(text)
    if found is None or not MINUTE_MS <= found <= _LONGEST_LOOK_BACK_MS:
        raise invalid("look_back", f"`{text[:40]}` is not a duration such as 1h, 1d or 30d")
    return found


def _check_origins(origins: Iterable[str]) -> None:
    for at, origin in enumerate(origins):
        if not _ORIGIN.fullmatch(origin):
            shown = "is not the origin of a site, such as https://app.example.com"
            raise invalid(f"origins[{at}]", shown)


def _check_filters(filters: dict[str, list[str]]) -> None:
    for tag, values in filters.items():
        if not values:
            raise invalid(f"filters.{tag}", "must name at least one value")
