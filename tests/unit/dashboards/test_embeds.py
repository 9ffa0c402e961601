"""A token of an embed is taken for what it says, and nothing else is taken for one."""

from __future__ import annotations

import base64
import json

import jwt
import msgspec
import pytest

from nowline.auth.tokens import AccessTokens
from nowline.dashboards.embeds import EmbedTokens
from nowline.errors import NowlineError
from nowline.model.share import Share, ShareKind

SECRET = b"s" * 32
NOW = 1_800_000_000_000
SHARE = Share(
    "id",
    ShareKind.EMBED,
    "dashboard",
    "",
    "u",
    "u@example.org",
    NOW,
    NOW + 60_000,
    86_400_000,
    ("https://app.example.com",),
    {"tenant": ["a"]},
)


def token() -> str:
    return EmbedTokens(SECRET).issue(SHARE, NOW + 60_000)


def test_a_token_says_what_was_signed() -> None:
    claims = EmbedTokens(SECRET).read(token())
    assert claims is not None
    assert (claims.jti, claims.dashboard, claims.exp) == ("id", "dashboard", NOW // 1000 + 60)
    assert (claims.origins, claims.filters) == (SHARE.origins, SHARE.filters)


def test_nothing_else_is_a_token() -> None:
    tokens = EmbedTokens(SECRET)
    head, body, signature = token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    loose = base64.urlsafe_b64encode(json.dumps(claims | {"filters": {}}).encode()).decode()
    unsigned = jwt.encode(claims, None, algorithm="none")
    for forged in (
        "",
        "a.b.c",
        f"{head}.{loose.rstrip('=')}.{signature}",
        f"{head}.{body}.",
        unsigned,
        jwt.encode(claims, SECRET, algorithm="HS256"),
        EmbedTokens(b"t" * 32).issue(SHARE, NOW),
        AccessTokens(SECRET).issue("user", "session", NOW),
    ):
        assert tokens.read(forged) is None, forged


def test_a_token_of_an_embed_is_no_access_token() -> None:
    with pytest.raises(NowlineError):
        AccessTokens(SECRET).session_id(token(), NOW)


def test_claims_have_every_field_and_no_other() -> None:
    key = EmbedTokens(SECRET)
    claims = msgspec.to_builtins(key.read(token()))
    for changed in (claims | {"typ": "access"}, claims | {"more": 1}, {"typ": "embed"}):
        assert key.read(jwt.encode(changed, key._key, algorithm="HS256")) is None


def test_a_short_key_signs_nothing() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        EmbedTokens(b"short")
