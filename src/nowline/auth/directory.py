"""Users, keys and sessions in memory, and who is told when one of them loses its rights."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from nowline.auth import keys, policy
from nowline.model.user import ApiKey, Scope
from nowline.store import accounts
from nowline.store.accounts import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nowline.model.user import Session, User
    from nowline.store.documents import Documents

_SESSIONS_KEPT = 20_000


class Directory:
    """A copy of the accounts that answers without a query, and is read anew when they change.

    Whoever changes accounts calls `refresh` after the commit; `poll` finds the changes of other
    processes. Both tell the callbacks about each user, key and session that lost rights.

    Args:
        documents: Where the accounts are.
        start_key: An API key with the scope `ingest` that exists beside the stored ones.
        now_ms: When the start key came to be, in epoch milliseconds.

    Attributes:
        revision: Another number whenever something here may have changed.
    """

    def __init__(self, documents: Documents, *, start_key: str | None, now_ms: int) -> None:
        self._documents = documents
        self._start_keys = _start_keys(start_key, now_ms)
        self._held = Held("", {}, {})
        self._sessions: dict[str, Session] = {}
        self.revision = 0
        self._lock = asyncio.Lock()
        self._callbacks: list[Callable[[str], None]] = []

    def on_revoked(self, callback: Callable[[str], None]) -> None:
        """Call back with the id of each user, key or session that loses rights."""
        self._callbacks.append(callback)

    def start_keys(self) -> list[ApiKey]:
        """The key given at start, if there is one."""
        return list(self._start_keys.values())

    async def user(self, user_id: str) -> User | None:
        """One user, as of the last change."""
        if user_id not in self._held.users:
            await self.refresh()
        return self._held.users.get(user_id)

    async def key(self, credential: str) -> ApiKey | None:
        """The API key with this secret, be it made by another process the moment before."""
        digest = keys.digest(credential)
        if found := self._known(digest):
            return found
        if not keys.looks_like(credential) or not await self._is_stored(digest):
            return None
        await self.refresh()
        return self._held.keys.get(digest)

    def known_key(self, credential: str) -> ApiKey | None:
        """The API key with this secret, as of the last change."""
        return self._known(keys.digest(credential))

    def known_user(self, user_id: str) -> User | None:
        """One user, as of the last change."""
        return self._held.users.get(user_id)

    def known_session(self, session_id: str) -> Session | None:
        """One session that was met before; it may have expired."""
        return self._sessions.get(session_id)

    def key_by_id(self, key_id: str) -> ApiKey | None:
        """One API key, as of the last change."""
        every = (*self._start_keys.values(), *self._held.keys.values())
        return next((key for key in every if key.id == key_id), None)

    async def session(self, session_id: str, now_ms: int) -> Session | None:
        """One session, or None if it was revoked; it may have expired."""
        found = self._sessions.get(session_id)
        # One that seems to have expired may have been refreshed by another process.
        if found is not None and found.expires_at > now_ms:
            return found
        revision = self.revision
        async with self._documents.read() as connection:
            found = await accounts.find_session(connection, session_id)
        # Read before a revocation, it must not come back after it.
        if found is not None and revision == self.revision:
            self.remember(found)
        return found

    def remember(self, session: Session) -> None:
        """Keep a session that was just stored."""
        self._sessions.pop(session.id, None)
        if len(self._sessions) >= _SESSIONS_KEPT:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[session.id] = session

    def forget(self, session_id: str) -> None:
        """Drop a session that was just revoked, and tell."""
        self.revision += 1
        self._sessions.pop(session_id, None)
        self._tell([session_id])

    async def poll(self) -> None:
        """Read anew if another process has changed accounts: one short query if not."""
        async with self._documents.read() as connection:
            current = await accounts.version(connection)
        if current != self._held.version:
            await self.refresh()

    async def refresh(self) -> None:
        """Read everything anew, and tell who lost rights since."""
        async with self._lock:
            asked = list(self._sessions)
            async with self._documents.read() as connection:
                held = await accounts.load(connection)
                alive = await accounts.live_sessions(connection, asked)
            lost = [*_lost(self._held, held), *(each for each in asked if each not in alive)]
            self._held = held
            self.revision += 1
            for session_id in set(asked) - alive:
                self._sessions.pop(session_id, None)
            self._tell(lost)

    def _known(self, digest: str) -> ApiKey | None:
        return self._start_keys.get(digest) or self._held.keys.get(digest)

    async def _is_stored(self, digest: str) -> bool:
        async with self._documents.read() as connection:
            return await accounts.knows_key(connection, digest)

    def _tell(self, ids: Iterable[str]) -> None:
        for each in ids:
            for callback in self._callbacks:
                callback(each)


def _start_keys(secret: str | None, now_ms: int) -> dict[str, ApiKey]:
    if secret is None:
        return {}
    key = ApiKey(keys.START_KEY_ID, keys.START_KEY_NAME, frozenset({Scope.INGEST}), now_ms)
    return {keys.digest(secret): key}


def _lost(old: Held, new: Held) -> Iterator[str]:
    """The ids of the users and keys that may do less than before."""
    for user in old.users.values():
        if not _rights(user) <= _rights(new.users.get(user.id)):
            yield user.id
    for digest in old.keys.keys() - new.keys.keys():
        yield old.keys[digest].id


def _rights(user: User | None) -> frozenset[Scope]:
    active = user is not None and user.is_active
    return policy.scopes_of_role(user.role) if user is not None and active else frozenset()
