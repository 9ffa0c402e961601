"""Who may call: users, their sessions, API keys, and the principal that a request acts as."""

from __future__ import annotations

from enum import Enum

import msgspec


class Role(Enum):
    """What a user may do; each role may also do what the ones before it may."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Scope(Enum):
    """What an API key may do; `read`, `write` and `admin` are what the three roles may."""

    INGEST = "ingest"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class User(msgspec.Struct, frozen=True):
    """A person who signs in. Times are epoch milliseconds."""

    id: str
    email: str
    role: Role
    is_active: bool
    created_at: int


class Session(msgspec.Struct, frozen=True):
    """One sign-in of a user, kept alive by a rotating refresh token. Times are epoch milliseconds.

    `expires_at` moves ahead with each refresh, up to the longest that a session may live.
    """

    id: str
    user_id: str
    created_at: int
    expires_at: int


class ApiKey(msgspec.Struct, frozen=True):
    """A program's credential, without its secret. Times are epoch milliseconds."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: int


class Principal(msgspec.Struct, frozen=True):
    """Who a request acts as: a user in a session, or an API key.

    `scopes` is all that decides what it may do. `session_id` is None for a key.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    session_id: str | None = None


TEMPORARY_KEY = "temporary: "
"""How the names of keys begin that a command makes for itself and deletes at its end."""


class Caller(msgspec.Struct, frozen=True):
    """Who asked for a change, and from which address (None when not over the network)."""

    name: str
    ip: str | None = None


class AuditEntry(msgspec.Struct, frozen=True):
    """One line of the audit trail. `at` is epoch milliseconds.

    `actor` and `target` are e-mail addresses of users or names of keys, as they were then.
    """

    at: int
    actor: str
    action: str
    target: str
    outcome: str
    ip: str | None
