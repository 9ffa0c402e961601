from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from nowline.auth.tokens import AccessTokens
from nowline.errors import Code, NowlineError
from personas import SECRET, SetClock

NOW_MS = SetClock().now_ms()
NOW_S = NOW_MS // 1000
CLAIMS = {"sub": "u", "sid": "s", "iat": NOW_S, "exp": NOW_S + 900, "typ": "access"}


def refused(token: str, now_ms: int = NOW_MS) -> bool:
    with pytest.raises(NowlineError) as caught:
        AccessTokens(SECRET).session_id(token, now_ms)
    return caught.value.code is Code.UNAUTHENTICATED


def signed(claims: dict[str, Any], secret: bytes = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_says_what_the_contract_says() -> None:
    token = AccessTokens(SECRET).issue("u", "s", NOW_MS)
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    assert jwt.decode(token, options={"verify_signature": False}) == CLAIMS


def test_a_token_is_valid_for_its_time_only() -> None:
    tokens = AccessTokens(SECRET)
    token = tokens.issue("u", "s", NOW_MS)
    assert tokens.session_id(token, NOW_MS) == "s"
    assert tokens.session_id(token, NOW_MS + 899_999) == "s"
    assert refused(token, NOW_MS + 900_000)


def test_an_unsigned_token_is_refused() -> None:
    assert refused(f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(CLAIMS)}.")


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_is_needed(claim: str) -> None:
    assert refused(signed({name: value for name, value in CLAIMS.items() if name != claim}))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "é",
        signed(CLAIMS, b"x" * 32),
        signed(CLAIMS, SECRET * 2, "HS512"),
        signed(CLAIMS | {"typ": "refresh"}),
        signed(CLAIMS | {"exp": "never"}),
        signed(CLAIMS | {"sid": 5}),
        signed(CLAIMS) + "x",
    ],
)
def test_what_was_not_issued_here_is_refused(token: str) -> None:
    assert refused(token)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        AccessTokens(b"s" * 31)
