"""Sign-in and out, and the question of every request: who is this?"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from nowline.auth import policy, sessions, tokens
from nowline.auth.accounts import Accounts
from nowline.auth.directory import Directory
from nowline.auth.passwords import Passwords
from nowline.auth.throttle import SignInThrottle
from nowline.auth.tickets import Tickets
from nowline.errors import Code, NowlineError
from nowline.model.user import AuditEntry, Principal
from nowline.store import accounts as store
from nowline.store import audit

if TYPE_CHECKING:
    from collections.abc import Callable

    from nowline.auth.sessions import RefreshToken
    from nowline.clock import Clock
    from nowline.model.user import ApiKey, Session, User
    from nowline.store.documents import Documents

_POLL_S = 2
_SCHEMES = frozenset({"bearer", "token"})
_logger = logging.getLogger(__name__)


class SignedIn(msgspec.Struct, frozen=True):
    """What a sign-in gives: the access token for requests, and the refresh token for the cookie."""

    access_token: str
    access_expires_in_s: int
    refresh_token: str
    refresh_expires_in_s: int


class Auth:
    """Knows who a credential stands for, and gives out credentials.

    Args:
        documents: Where users, keys and sessions are stored.
        clock: Where the time comes from.
        secret: The key that signs access tokens, at least 32 bytes.
        ingest_key: An API key with the scope `ingest` that is valid as long as this runs.

    Attributes:
        accounts: Changes of users and keys.
    """

    def __init__(
        self, documents: Documents, clock: Clock, secret: bytes, ingest_key: str | None = None
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._tokens = tokens.AccessTokens(secret)
        self._passwords = Passwords()
        self._throttle = SignInThrottle()
        self._tickets = Tickets[Principal]()
        self._directory = Directory(documents, start_key=ingest_key, now_ms=clock.now_ms())
        self.accounts = Accounts(documents, clock, self._passwords, self._directory)

    def on_revoked(self, callback: Callable[[str], None]) -> None:
        """Call back at once with the id of each user, key or session that loses rights."""
        self._directory.on_revoked(callback)

    async def poll_changes(self) -> None:
        """See what other processes changed in the database: one short query if nothing."""
        await self._directory.poll()

    async def watch(self) -> None:
        """Poll for changes every two seconds, until cancelled."""
        while True:
            try:
                await self.poll_changes()
            except Exception:
                _logger.exception("cannot look for changed users and keys; trying again")
            await asyncio.sleep(_POLL_S)

    async def authenticate(self, authorization: str | None) -> Principal | None:
        """Who an `Authorization` header stands for; None without one.

        Raises:
            NowlineError: The credential is not valid, or not any more.
        """
        if authorization is None:
            return None
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if scheme.lower() not in _SCHEMES or not credential:
            detail = "The Authorization header must be 'Bearer' and an access token or API key."
            raise NowlineError(Code.UNAUTHENTICATED, detail)
        if key := await self._directory.key(credential):
            return _key_principal(key)
        session_id = self._tokens.session_id(credential, self._clock.now_ms())
        return await self._session_principal(session_id)

    @property
    def revision(self) -> int:
        """Another number whenever a credential may stand for something else than before."""
        return self._directory.revision

    def known(self, authorization: str) -> Principal | None:
        """Who an `Authorization` header stands for, if that takes no look into the database.

        Of any other credential `authenticate` says what it is, or what is wrong with it.
        """
        scheme, _, credential = authorization.partition(" ")
        credential = credential.strip()
        if scheme.lower() not in _SCHEMES or not credential:
            return None
        if key := self._directory.known_key(credential):
            return _key_principal(key)
        try:
            session_id = self._tokens.session_id(credential, self._clock.now_ms())
        except NowlineError:
            return None
        return self._known_session_principal(session_id)

    def known_holder(self, ticket: str) -> Principal | None:
        """Who a ticket was given to, if that takes no look into the database; it stays good.

        Of any other ticket `redeem_ticket` says whose it is, or what is wrong with it.
        """
        holder = self._tickets.holder(ticket, self._clock.now_ms())
        if holder is None:
            return None
        if holder.session_id is not None:
            return self._known_session_principal(holder.session_id)
        key = self._directory.key_by_id(holder.id)
        return None if key is None else _key_principal(key)

    def spend_ticket(self, ticket: str) -> None:
        """Let a ticket open nothing more."""
        self._tickets.redeem(ticket, self._clock.now_ms())

    async def user(self, principal: Principal) -> User:
        """The user that a principal is.

        Raises:
            NowlineError: It is an API key, or the user has been deleted.
        """
        if user := await self._directory.user(principal.id):
            return user
        raise NowlineError(Code.NOT_FOUND, "There is no such user.")

    async def principal(self, principal_id: str) -> Principal | None:
        """A user or an API key with the rights of this moment, in no session; None without any."""
        if key := self._directory.key_by_id(principal_id):
            return _key_principal(key)
        user = await self._directory.user(principal_id)
        if user is None or not user.is_active:
            return None
        return Principal(user.id, user.email, policy.scopes_of_role(user.role))

    def issue_ticket(self, principal: Principal) -> str:
        """A single-use ticket that lets the principal open one stream within 30 s."""
        return self._tickets.issue(principal, self._clock.now_ms())

    async def redeem_ticket(self, ticket: str) -> Principal:
        """Who a ticket was given to, with the rights of this moment.

        Raises:
            NowlineError: It is unknown, used, too old, or its holder has lost access.
        """
        holder = self._tickets.redeem(ticket, self._clock.now_ms())
        if holder is None:
            detail = "The ticket is not valid: each opens one stream, within 30 seconds."
            raise NowlineError(Code.UNAUTHENTICATED, detail)
        if holder.session_id is not None:
            return await self._session_principal(holder.session_id)
        if key := self._directory.key_by_id(holder.id):
            return _key_principal(key)
        raise NowlineError(Code.UNAUTHENTICATED, "The API key has been deleted.")

    async def sign_in(self, email: str, password: str, ip: str | None) -> SignedIn:
        """Open a session for a user.

        Raises:
            NowlineError: The address or password is wrong, there were too many failures, or
                too many sign in at once.
        """
        address = store.email_key(email.strip())
        self._throttle_sign_in(address, ip)
        async with self._documents.read() as connection:
            found = await store.find_by_email(connection, address)
        user, password_hash = found or (None, None)
        right = await self._passwords.verify(password_hash, password)
        # Those who came while this one waited may have used up the guesses.
        self._throttle_sign_in(address, ip)
        if user is None or not right or not user.is_active:
            self._throttle.fail(address, ip, self._clock.now_ms() / 1000)
            await self._record(email, "sign_in", "failure", ip)
            raise NowlineError(Code.UNAUTHENTICATED, "The e-mail address or password is wrong.")
        self._throttle.succeed(address, ip)
        return await self._open_session(user, ip)

    async def setup_token(self) -> str | None:
        """A fresh one-time token for `set_up`, to be shown to who starts the server.

        The one before it is void, and only its digest is kept. None if an admin exists.
        """
        return await self.accounts.setup_token()

    async def set_up(self, token: str, email: str, password: str, ip: str | None) -> SignedIn:
        """Create the first admin with the set-up token, and sign in.

        Raises:
            NowlineError: The token is wrong or used, or the address or password not acceptable.
        """
        user = await self.accounts.set_up(token, email, password, ip)
        return await self._open_session(user, ip)

    async def refresh(self, cookie: str | None, ip: str | None) -> SignedIn:
        """Exchange a refresh token for new tokens; an old one ends the session.

        Raises:
            NowlineError: It is not, or not any more, the current token of a live session.
        """
        token = sessions.parse(cookie or "")
        session = None if token is None else await self._session(token.session_id)
        user = None if session is None else await self._directory.user(session.user_id)
        if token is None or session is None or not self._is_live(session, user):
            raise NowlineError(Code.UNAUTHENTICATED, "You are signed out: sign in again.")
        successor = token.successor()
        extended = sessions.extend(session, self._clock.now_ms())
        if not await self._rotate(extended, token, successor):
            await self._revoke(session, "session.replay", "failure", ip)
            detail = "This refresh token was used before, so its session has been ended."
            raise NowlineError(Code.UNAUTHENTICATED, detail)
        self._directory.remember(extended)
        return self._signed_in(extended, successor)

    async def sign_out(self, authorization: str | None, cookie: str | None, ip: str | None) -> None:
        """End the session of the refresh token, and that of the access token if it is another.

        Raises:
            NowlineError: Neither is of a session.
        """
        found = [await self._of_cookie(cookie), await self._of_header(authorization)]
        ended = {session.id: session for session in found if session is not None}
        if not ended:
            raise NowlineError(Code.UNAUTHENTICATED, "You are signed out already.")
        for session in ended.values():
            await self._revoke(session, "sign_out", "success", ip)

    async def _of_cookie(self, cookie: str | None) -> Session | None:
        token = sessions.parse(cookie or "")
        return None if token is None else await self._session(token.session_id)

    async def _of_header(self, authorization: str | None) -> Session | None:
        try:
            principal = await self.authenticate(authorization)
        except NowlineError:
            # Who signs out after the access token has expired still has the cookie.
            return None
        if principal is None or principal.session_id is None:
            return None
        return await self._session(principal.session_id)

    def _throttle_sign_in(self, address: str, ip: str | None) -> None:
        wait_s = self._throttle.wait_s(address, ip, self._clock.now_ms() / 1000)
        if wait_s > 0:
            detail = f"Too many failed sign-ins: try again in {wait_s} s."
            raise NowlineError(Code.LIMITED, detail, retry_after_s=wait_s)

    async def _open_session(self, user: User, ip: str | None) -> SignedIn:
        now_ms = self._clock.now_ms()
        session, token = sessions.begin(user.id, now_ms)
        async with self._documents.write() as connection:
            await store.delete_expired_sessions(connection, now_ms)
            await store.add_session(connection, session, token.digest())
            entry = AuditEntry(now_ms, user.email, "sign_in", user.email, "success", ip)
            await audit.append(connection, entry)
        self._directory.remember(session)
        if await self._directory.user(user.id) != user:
            await self._directory.refresh()
        return self._signed_in(session, token)

    def _signed_in(self, session: Session, token: RefreshToken) -> SignedIn:
        now_ms = self._clock.now_ms()
        return SignedIn(
            self._tokens.issue(session.user_id, session.id, now_ms),
            tokens.LIFETIME_S,
            str(token),
            (session.expires_at - now_ms) // 1000,
        )

    async def _rotate(self, session: Session, token: RefreshToken, successor: RefreshToken) -> bool:
        async with self._documents.write() as connection:
            return await store.rotate_session(
                connection, session, digest=token.digest(), new_digest=successor.digest()
            )

    async def _revoke(self, session: Session, action: str, outcome: str, ip: str | None) -> None:
        user = await self._directory.user(session.user_id)
        email = session.user_id if user is None else user.email
        async with self._documents.write() as connection:
            if await store.delete_session(connection, session.id):
                entry = AuditEntry(self._clock.now_ms(), email, action, email, outcome, ip)
                await audit.append(connection, entry)
                await store.touch(connection)
        self._directory.forget(session.id)

    async def _record(self, actor: str, action: str, outcome: str, ip: str | None) -> None:
        entry = AuditEntry(self._clock.now_ms(), actor, action, actor, outcome, ip)
        async with self._documents.write() as connection:
            await audit.append(connection, entry)

    async def _session_principal(self, session_id: str) -> Principal:
        session = await self._session(session_id)
        user = None if session is None else await self._directory.user(session.user_id)
        if session is None or user is None or not self._is_live(session, user):
            detail = "The session of this access token has ended: sign in again."
            raise NowlineError(Code.UNAUTHENTICATED, detail)
        return _session_principal(session, user)

    def _known_session_principal(self, session_id: str) -> Principal | None:
        session = self._directory.known_session(session_id)
        user = None if session is None else self._directory.known_user(session.user_id)
        if session is None or user is None or not self._is_live(session, user):
            return None
        return _session_principal(session, user)

    async def _session(self, session_id: str) -> Session | None:
        return await self._directory.session(session_id, self._clock.now_ms())

    def _is_live(self, session: Session, user: User | None) -> bool:
        active = user is not None and user.is_active
        return active and session.expires_at > self._clock.now_ms()


def _session_principal(session: Session, user: User) -> Principal:
    return Principal(user.id, user.email, policy.scopes_of_role(user.role), session.id)


def _key_principal(key: ApiKey) -> Principal:
    return Principal(key.id, key.name, policy.scopes_of_key(key.scopes))
