"""The queries on users, sessions and API keys. Each runs in the caller's transaction."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, cast

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from nowline.errors import Code, FieldError, NowlineError
from nowline.model.user import ApiKey, Role, Scope, Session, User
from nowline.store.tables import api_keys, meta, sessions, users

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import CursorResult, Executable, Row
    from sqlalchemy.ext.asyncio import AsyncConnection

_VERSION = "accounts_version"
_USER_COLUMNS = (users.c.id, users.c.email, users.c.role, users.c.is_active, users.c.created_at)
_KEY_COLUMNS = (api_keys.c.id, api_keys.c.name, api_keys.c.scopes, api_keys.c.created_at)
_SESSION_COLUMNS = (
    sessions.c.id,
    sessions.c.user_id,
    sessions.c.created_at,
    sessions.c.expires_at,
)


class Held(msgspec.Struct, frozen=True):
    """Every user by id and every API key by the digest of its secret, at one version."""

    version: str
    users: dict[str, User]
    keys: dict[str, ApiKey]


def email_key(email: str) -> str:
    """The form of an address in which two that differ only by case are equal."""
    return email.casefold()


async def version(connection: AsyncConnection) -> str:
    """A value that differs after every change of users, keys or revocation of sessions."""
    return await value(connection, _VERSION) or ""


async def touch(connection: AsyncConnection) -> None:
    """Tell other processes that accounts changed; belongs in the transaction of the change."""
    await put_value(connection, _VERSION, secrets.token_hex(8))


async def value(connection: AsyncConnection, name: str) -> str | None:
    """A single value by name."""
    statement = select(meta.c.value).where(meta.c.name == name)
    return cast("str | None", await connection.scalar(statement))


async def put_value(connection: AsyncConnection, name: str, new: str) -> None:
    """Set a single value by name."""
    changed = update(meta).where(meta.c.name == name).values(value=new)
    if not await _count(connection, changed):
        await connection.execute(insert(meta).values(name=name, value=new))


async def take_value(connection: AsyncConnection, name: str, expected: str) -> bool:
    """Delete a single value if it is just this one; of two who try, one gets True."""
    statement = delete(meta).where(meta.c.name == name, meta.c.value == expected)
    return await _count(connection, statement) == 1


async def load(connection: AsyncConnection) -> Held:
    """All users and keys; read in one transaction, so that they fit the version."""
    found = await version(connection)
    people = await connection.execute(select(*_USER_COLUMNS))
    keys = await connection.execute(select(api_keys.c.digest, *_KEY_COLUMNS))
    return Held(
        found,
        {user.id: user for user in map(_user, people)},
        {row.digest: _key(row) for row in keys},
    )


async def list_users(connection: AsyncConnection) -> list[User]:
    """All users, by e-mail address."""
    rows = await connection.execute(select(*_USER_COLUMNS).order_by(users.c.email_key))
    return [_user(row) for row in rows]


async def get_user(connection: AsyncConnection, user_id: str) -> User:
    """One user.

    Raises:
        NowlineError: There is none with this id.
    """
    rows = await connection.execute(select(*_USER_COLUMNS).where(users.c.id == user_id))
    if (row := rows.first()) is None:
        raise NowlineError(Code.NOT_FOUND, "There is no user with this id.")
    return _user(row)


async def find_by_email(connection: AsyncConnection, email: str) -> tuple[User, str] | None:
    """The user with this e-mail address in any case, and the hash of the password."""
    statement = select(*_USER_COLUMNS, users.c.password_hash)
    rows = await connection.execute(statement.where(users.c.email_key == email_key(email)))
    row = rows.first()
    return None if row is None else (_user(row), row.password_hash)


async def has_admin(connection: AsyncConnection, *, besides: str = "") -> bool:
    """Whether an active admin exists other than the user with the id `besides`.

    The rows stay locked until the transaction ends (SQLite has one writer anyway), so that two
    admins cannot demote each other at the same moment.
    """
    statement = (
        select(users.c.id)
        .where(users.c.role == Role.ADMIN.value, users.c.is_active, users.c.id != besides)
        .order_by(users.c.id)
        .with_for_update()
    )
    return bool((await connection.execute(statement)).all())


async def has_users(connection: AsyncConnection) -> bool:
    """Whether there is any user at all."""
    return bool(await connection.scalar(select(func.count()).select_from(users)))


async def add_user(connection: AsyncConnection, user: User, password_hash: str) -> None:
    """Add a user.

    Raises:
        NowlineError: Another has the e-mail address.
    """
    values = _values(user) | {"email_key": email_key(user.email), "password_hash": password_hash}
    try:
        await connection.execute(insert(users).values(values))
    except IntegrityError as error:
        message = "a user with this e-mail address exists already"
        raise NowlineError(
            Code.CONFLICT, f"email: {message}", errors=(FieldError(message, field="email"),)
        ) from error


async def update_user(
    connection: AsyncConnection, user: User, password_hash: str | None = None
) -> None:
    """Store a user's role and whether it is active, and a new password if there is one."""
    values: dict[str, object] = {"role": user.role.value, "is_active": user.is_active}
    if password_hash is not None:
        values["password_hash"] = password_hash
    await connection.execute(update(users).where(users.c.id == user.id).values(values))


async def delete_user(connection: AsyncConnection, user_id: str) -> None:
    """Delete a user and, with it, the user's sessions."""
    await connection.execute(delete(users).where(users.c.id == user_id))


async def add_session(connection: AsyncConnection, session: Session, digest: str) -> None:
    """Add a session with the digest of its refresh token."""
    values = msgspec.structs.asdict(session) | {"refresh_digest": digest}
    await connection.execute(insert(sessions).values(values))


async def find_session(connection: AsyncConnection, session_id: str) -> Session | None:
    """One session, expired or not."""
    rows = await connection.execute(select(*_SESSION_COLUMNS).where(sessions.c.id == session_id))
    row = rows.first()
    return None if row is None else Session(*row)


async def live_sessions(connection: AsyncConnection, ids: Collection[str]) -> set[str]:
    """Which of these sessions have not been revoked."""
    asked, alive, size = list(ids), set[str](), 500
    for start in range(0, len(asked), size):
        chunk = asked[start : start + size]
        alive.update(
            await connection.scalars(select(sessions.c.id).where(sessions.c.id.in_(chunk)))
        )
    return alive


async def rotate_session(
    connection: AsyncConnection, session: Session, *, digest: str, new_digest: str
) -> bool:
    """Exchange the refresh token; False, and no change, if `digest` is not the current one."""
    statement = (
        update(sessions)
        .where(sessions.c.id == session.id, sessions.c.refresh_digest == digest)
        .values(refresh_digest=new_digest, expires_at=session.expires_at)
    )
    return await _count(connection, statement) == 1


async def delete_session(connection: AsyncConnection, session_id: str) -> bool:
    """Revoke one session; False if it was gone already."""
    return await _count(connection, delete(sessions).where(sessions.c.id == session_id)) == 1


async def delete_sessions(connection: AsyncConnection, user_id: str) -> None:
    """Revoke every session of a user."""
    await connection.execute(delete(sessions).where(sessions.c.user_id == user_id))


async def delete_expired_sessions(connection: AsyncConnection, now_ms: int) -> None:
    """Forget the sessions whose time is over."""
    await connection.execute(delete(sessions).where(sessions.c.expires_at <= now_ms))


async def list_keys(connection: AsyncConnection) -> list[ApiKey]:
    """All API keys, oldest first."""
    order = (api_keys.c.created_at, api_keys.c.id)
    return [_key(row) for row in await connection.execute(select(*_KEY_COLUMNS).order_by(*order))]


async def knows_key(connection: AsyncConnection, digest: str) -> bool:
    """Whether a key with this digest of its secret exists."""
    statement = select(api_keys.c.id).where(api_keys.c.digest == digest)
    return await connection.scalar(statement) is not None


async def add_key(connection: AsyncConnection, key: ApiKey, digest: str) -> None:
    """Add an API key with the digest of its secret."""
    scopes = " ".join(sorted(scope.value for scope in key.scopes))
    values = msgspec.structs.asdict(key) | {"scopes": scopes, "digest": digest}
    await connection.execute(insert(api_keys).values(values))


async def delete_key(connection: AsyncConnection, key_id: str) -> ApiKey:
    """Delete an API key and say what it was.

    Raises:
        NowlineError: There is none with this id.
    """
    rows = await connection.execute(select(*_KEY_COLUMNS).where(api_keys.c.id == key_id))
    if (row := rows.first()) is None:
        raise NowlineError(Code.NOT_FOUND, "There is no API key with this id.")
    await connection.execute(delete(api_keys).where(api_keys.c.id == key_id))
    return _key(row)


async def _count(connection: AsyncConnection, statement: Executable) -> int:
    return cast("CursorResult[Any]", await connection.execute(statement)).rowcount


def _values(user: User) -> dict[str, object]:
    return msgspec.structs.asdict(user) | {"role": user.role.value}


def _user(row: Row[*tuple[Any, ...]]) -> User:
    return User(row.id, row.email, Role(row.role), row.is_active, row.created_at)


def _key(row: Row[*tuple[Any, ...]]) -> ApiKey:
    scopes = frozenset(map(Scope, row.scopes.split()))
    return ApiKey(row.id, row.name, scopes, row.created_at)
