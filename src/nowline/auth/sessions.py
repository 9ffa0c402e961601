"""Sessions: how long they live, and the refresh token that changes with every use. Pure rules."""

from __future__ import annotations

import hashlib
import secrets

import msgspec

from nowline.model.user import Session

_DAY_MS = 86_400_000
ABSOLUTE_MS = 30 * _DAY_MS
IDLE_MS = 14 * _DAY_MS


class RefreshToken(msgspec.Struct, frozen=True):
    """What the browser keeps in its cookie: which session, and the secret of its last turn."""

    session_id: str
    secret: str

    def __str__(self) -> str:
        return f"{self.session_id}.{self.secret}"

    def digest(self) -> str:
        """What is stored of the secret: it cannot be turned back, and is too long to guess."""
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def successor(self) -> RefreshToken:
        """The token that replaces this one."""
        return RefreshToken(self.session_id, secrets.token_urlsafe(32))


def begin(user_id: str, now_ms: int) -> tuple[Session, RefreshToken]:
    """A new session and its first refresh token."""
    session_id = secrets.token_hex(16)
    session = Session(session_id, user_id, now_ms, now_ms + IDLE_MS)
    return session, RefreshToken(session_id, secrets.token_urlsafe(32))


def extend(session: Session, now_ms: int) -> Session:
    """The session after a refresh: idle time starts anew, the absolute end stays."""
    expires_at = min(now_ms + IDLE_MS, session.created_at + ABSOLUTE_MS)
    return msgspec.structs.replace(session, expires_at=expires_at)


def parse(cookie: str) -> RefreshToken | None:
    """The refresh token in a cookie, or None if it is not one."""
    session_id, dot, secret = cookie.partition(".")
    return RefreshToken(session_id, secret) if session_id and dot and secret else None
