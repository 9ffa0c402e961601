"""Access tokens: short-lived, signed, and only a pointer to a session, never a permission."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import jwt
import msgspec

from nowline.errors import Code, NowlineError

if TYPE_CHECKING:
    from jwt.types import Options

LIFETIME_S = 900
_ALGORITHM = "HS256"
_TYPE = "access"
_MIN_SECRET_BYTES = 32
_REMEMBERED = 4096


class AccessTokens:
    """Issues and reads access tokens (JWT, HS256).

    Args:
        secret: The key that signs them, at least 32 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _MIN_SECRET_BYTES:
            raise ValueError(f"the key that signs tokens must have {_MIN_SECRET_BYTES} bytes")
        self._secret = secret
        # Checking a signature takes longer than all the rest of a small request.
        self._claims = lru_cache(_REMEMBERED)(self._decode)

    def issue(self, user_id: str, session_id: str, now_ms: int) -> str:
        """A token that stands for the session for the next 900 s."""
        issued_at = now_ms // 1000
        claims = {
            "sub": user_id,
            "sid": session_id,
            "iat": issued_at,
            "exp": issued_at + LIFETIME_S,
            "typ": _TYPE,
        }
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def session_id(self, token: str, now_ms: int) -> str:
        """The session that a token stands for.

        Raises:
            NowlineError: It was not issued here, or its time is over.
        """
        claims = self._claims(token)
        if claims is None or claims.typ != _TYPE:
            raise NowlineError(Code.UNAUTHENTICATED, "The access token or API key is not valid.")
        if claims.exp * 1000 <= now_ms:
            raise NowlineError(Code.UNAUTHENTICATED, "The access token has expired.")
        return claims.sid

    def _decode(self, token: str) -> _Claims | None:
        # The time is checked against the clock that issues, which jwt cannot be given.
        unchecked: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        try:
            claims = jwt.decode(token, self._secret, algorithms=[_ALGORITHM], options=unchecked)
            return msgspec.convert(claims, _Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError):
            return None


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    sid: str
    iat: int
    exp: int
    typ: str
