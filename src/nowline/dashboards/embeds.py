"""Tokens of embedded dashboards: each tells, signed, what it shows, where, to whom, until when."""

from __future__ import annotations

import hashlib
import hmac

import jwt
import msgspec
from jwt.types import Options

from nowline.model.share import Share

_ALGORITHM = "HS256"
_TYPE = "embed"
_PURPOSE = b"nowline: embedded dashboards"
_MIN_SECRET_BYTES = 32


class EmbedClaims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says (RFC 7519).

    Attributes:
        typ: `embed`.
        jti: The id of the share, by which it is revoked.
        dashboard: The dashboard's id.
        origins: The sites that may embed it.
        filters: By tag, the values that all queries are narrowed to.
        look_back_ms: See `Share`.
        iat: When it was issued, epoch seconds.
        exp: When it ends, epoch seconds.
    """

    typ: str
    jti: str
    dashboard: str
    origins: tuple[str, ...]
    filters: dict[str, list[str]]
    look_back_ms: int
    iat: int
    exp: int


class EmbedTokens:
    """Signs and reads the tokens of embedded dashboards (JWT, HS256).

    Args:
        secret: The server's key, at least 32 bytes; what signs here is derived from it, so that
            no token of another kind is ever taken for one of these.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _MIN_SECRET_BYTES:
            raise ValueError(f"the key that signs tokens must have {_MIN_SECRET_BYTES} bytes")
        self._key = hmac.new(secret, _PURPOSE, hashlib.sha256).digest()

    def issue(self, share: Share, expires_at: int) -> str:
        """The token of a share that ends then, epoch milliseconds."""
        claims = EmbedClaims(
            typ=_TYPE,
            jti=share.id,
            dashboard=share.dashboard_id,
            origins=share.origins,
            filters=share.filters,
            look_back_ms=share.look_back_ms,
            iat=share.created_at // 1000,
            exp=expires_at // 1000,
        )
        return jwt.encode(msgspec.to_builtins(claims), self._key, algorithm=_ALGORITHM)

    def read(self, token: str) -> EmbedClaims | None:
        """What a token of ours says, be its time over or not; None for any other."""
        # The time is checked against the clock that issues, which jwt cannot be given.
        unchecked: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
        try:
            found = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options=unchecked)
            claims = msgspec.convert(found, EmbedClaims)
        except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError):
            return None
        return claims if claims.typ == _TYPE else None
