"""Changes of users and API keys, each with its line in the audit trail."""

from __future__ import annotations

import re
import secrets
import uuid
from typing import TYPE_CHECKING

import msgspec

from nowline.auth import keys
from nowline.errors import Code, NowlineError, invalid
from nowline.model.user import ApiKey, AuditEntry, Caller, Role, Scope, User
from nowline.store import accounts as store
from nowline.store import audit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from nowline.auth.directory import Directory
    from nowline.auth.passwords import Passwords
    from nowline.clock import Clock
    from nowline.store.documents import Documents

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_EMAIL_LIMIT = 254
_KEY_NAME_LIMIT = 100
_SETUP_TOKEN = "setup_token_digest"  # noqa: S105 - a name, not a secret
_AT_START = Caller("nowline")


class UserChange(msgspec.Struct, frozen=True):
    """What to change of a user; None leaves it as it is."""

    role: Role | None = None
    is_active: bool | None = None
    password: str | None = None


class Accounts:
    """Creates, changes and deletes users and keys; a change holds from the next request on.

    Args:
        documents: Where they are stored.
        clock: Where the time comes from.
        passwords: Hashes the passwords.
        directory: The copy in memory, read anew after each change.
    """

    def __init__(
        self, documents: Documents, clock: Clock, passwords: Passwords, directory: Directory
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._passwords = passwords
        self._directory = directory

    async def users(self) -> list[User]:
        """All users, by e-mail address."""
        async with self._documents.read() as connection:
            return await store.list_users(connection)

    async def create_user(self, email: str, password: str, role: Role, by: Caller) -> User:
        """Add a user.

        Raises:
            NowlineError: The address or password is not acceptable, or the address is taken.
        """
        user, password_hash = await self._new_user(email, password, role)
        async with self._documents.write() as connection:
            await store.add_user(connection, user, password_hash)
            await self._record(connection, by, "user.create", user.email)
        await self._directory.refresh()
        return user

    async def update_user(self, user_id: str, change: UserChange, by: Caller) -> User:
        """Change a user. A new password, and being disabled, end the user's sessions.

        Raises:
            NowlineError: There is no such user, the password is not acceptable, or no active
                admin would be left.
        """
        password = change.password
        password_hash = None if password is None else await self._passwords.hash(password)
        async with self._documents.write() as connection:
            old = await store.get_user(connection, user_id)
            new = _changed(old, change)
            await _keep_an_admin(connection, old, new)
            await store.update_user(connection, new, password_hash)
            if password_hash is not None or not new.is_active:
                await store.delete_sessions(connection, user_id)
            for action in _actions(old, new, change):
                await self._record(connection, by, action, new.email)
        await self._directory.refresh()
        return new

    async def delete_user(self, user_id: str, by: Caller) -> None:
        """Delete a user.

        Raises:
            NowlineError: There is no such user, or no active admin would be left.
        """
        async with self._documents.write() as connection:
            user = await store.get_user(connection, user_id)
            await _keep_an_admin(connection, user, None)
            await store.delete_user(connection, user_id)
            await self._record(connection, by, "user.delete", user.email)
        await self._directory.refresh()

    async def keys(self) -> list[ApiKey]:
        """All API keys, the one given at start first."""
        async with self._documents.read() as connection:
            return self._directory.start_keys() + await store.list_keys(connection)

    async def create_key(
        self, name: str, scopes: frozenset[Scope], by: Caller
    ) -> tuple[ApiKey, str]:
        """Add an API key; its secret is returned here and never again.

        Raises:
            NowlineError: The name or the scopes are not acceptable.
        """
        if not name.strip() or len(name) > _KEY_NAME_LIMIT or not name.isprintable():
            raise invalid("name", f"must have 1 to {_KEY_NAME_LIMIT} printable characters")
        if not scopes:
            raise invalid("scopes", "must name at least one scope")
        key_id, secret = keys.generate()
        key = ApiKey(key_id, name, scopes, self._clock.now_ms())
        async with self._documents.write() as connection:
            await store.add_key(connection, key, keys.digest(secret))
            await self._record(connection, by, "key.create", key.name)
        await self._directory.refresh()
        return key, secret

    async def delete_key(self, key_id: str, by: Caller) -> None:
        """Delete an API key.

        Raises:
            NowlineError: There is no such key, or it is the one given at start.
        """
        if key_id in {key.id for key in self._directory.start_keys()}:
            detail = f"This key is the setting {keys.START_KEY_NAME}; remove it there."
            raise NowlineError(Code.CONFLICT, detail)
        async with self._documents.write() as connection:
            key = await store.delete_key(connection, key_id)
            await self._record(connection, by, "key.delete", key.name)
        await self._directory.refresh()

    async def create_first_admin(self, email: str, password: str) -> User | None:
        """Add an admin if there is no user yet; None, and nothing checked, if there is.

        Raises:
            NowlineError: The address or password is not acceptable.
        """
        async with self._documents.read() as connection:
            if await store.has_users(connection):
                return None
        return await self.create_user(email, password, Role.ADMIN, _AT_START)

    async def setup_token(self) -> str | None:
        """A fresh one-time token that lets its bearer create the first admin.

        It replaces the one before, and only its digest is kept. None if an admin exists.
        """
        token = secrets.token_urlsafe(32)
        async with self._documents.write() as connection:
            if await store.has_admin(connection):
                return None
            await store.put_value(connection, _SETUP_TOKEN, keys.digest(token))
        return token

    async def set_up(self, token: str, email: str, password: str, ip: str | None) -> User:
        """Create the first admin with a set-up token, which is used up by it.

        Raises:
            NowlineError: The token is wrong or used, an admin exists, or the address or
                password is not acceptable.
        """
        async with self._documents.read() as connection:
            await _check_setup(connection, token)
        user, password_hash = await self._new_user(email, password, Role.ADMIN)
        async with self._documents.write() as connection:
            await _check_setup(connection, token)
            if not await store.take_value(connection, _SETUP_TOKEN, keys.digest(token)):
                raise _bad_setup_token()
            await store.add_user(connection, user, password_hash)
            await self._record(connection, Caller(user.email, ip), "setup", user.email)
        await self._directory.refresh()
        return user

    async def _new_user(self, email: str, password: str, role: Role) -> tuple[User, str]:
        address = _checked_email(email)
        password_hash = await self._passwords.hash(password)
        user = User(str(uuid.uuid4()), address, role, True, self._clock.now_ms())
        return user, password_hash

    async def _record(
        self, connection: AsyncConnection, by: Caller, action: str, target: str
    ) -> None:
        now_ms = self._clock.now_ms()
        entry = AuditEntry(now_ms, by.name, action, target, "success", by.ip)
        await audit.append(connection, entry)
        await store.touch(connection)


def _checked_email(email: str) -> str:
    address = email.strip()
    acceptable = _EMAIL.fullmatch(address) and address.isprintable()
    if not acceptable or len(address) > _EMAIL_LIMIT:
        raise invalid("email", "must be an e-mail address, like ada@example.org")
    return address


def _changed(user: User, change: UserChange) -> User:
    return msgspec.structs.replace(
        user,
        role=user.role if change.role is None else change.role,
        is_active=user.is_active if change.is_active is None else change.is_active,
    )


def _actions(old: User, new: User, change: UserChange) -> Iterator[str]:
    """The words of the audit trail for what a change did."""
    if new.role != old.role:
        yield f"user.role.{new.role.value}"
    if new.is_active != old.is_active:
        yield "user.enable" if new.is_active else "user.disable"
    if change.password is not None:
        yield "user.password"


def _is_admin(user: User | None) -> bool:
    return user is not None and user.is_active and user.role is Role.ADMIN


async def _keep_an_admin(connection: AsyncConnection, old: User, new: User | None) -> None:
    stays = _is_admin(new) or not _is_admin(old)
    if not stays and not await store.has_admin(connection, besides=old.id):
        detail = "This is the last active admin: make another user an admin first."
        raise NowlineError(Code.CONFLICT, detail)


async def _check_setup(connection: AsyncConnection, token: str) -> None:
    expected = await store.value(connection, _SETUP_TOKEN)
    if expected != keys.digest(token) or await store.has_admin(connection):
        raise _bad_setup_token()


def _bad_setup_token() -> NowlineError:
    detail = "The set-up link is wrong or was used already; a new start prints a new one."
    return NowlineError(Code.FORBIDDEN, detail)
