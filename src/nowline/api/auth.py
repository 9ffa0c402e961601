"""Signing in and out: the access token in the body, the refresh token in a cookie."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from nowline.api.guard import address, principal_of
from nowline.auth import tickets
from nowline.auth.passwords import MAX_LENGTH, MIN_LENGTH
from nowline.auth.policy import Action
from nowline.auth.service import Auth, SignedIn
from nowline.model.user import Role

COOKIE = "nowline_refresh"
_COOKIE_PATH = "/api/auth"

Email = Annotated[
    str, msgspec.Meta(max_length=254, extra_json_schema={"extra": {"format": "email"}})
]
Password = Annotated[str, msgspec.Meta(min_length=MIN_LENGTH, max_length=MAX_LENGTH)]


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """Who signs in."""

    email: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)]
    password: Annotated[str, msgspec.Meta(max_length=MAX_LENGTH)]


class Setup(msgspec.Struct, forbid_unknown_fields=True):
    """The first admin, with the token of the set-up link."""

    token: str
    email: Email
    password: Password


class Token(msgspec.Struct):
    """An access token, valid for `expires_in` seconds."""

    access_token: str
    token_type: str
    expires_in: int


class Ticket(msgspec.Struct):
    """A single-use ticket for a stream's URL, valid for `expires_in` seconds."""

    ticket: str
    expires_in: int


class Me(msgspec.Struct):
    """The signed-in user."""

    id: str
    email: str
    role: Role


@post("/api/auth/login", status_code=200, opt={"action": Action.PUBLIC}, tags=["auth"])
async def login(
    request: Request[Any, Any, Any], data: JSONBody[Login], auth: NamedDependency[Auth]
) -> Response[Token]:
    """Sign in with e-mail address and password."""
    return _respond(request, await auth.sign_in(data.email, data.password, address(request)))


@post("/api/auth/setup", status_code=200, opt={"action": Action.PUBLIC}, tags=["auth"])
async def setup(
    request: Request[Any, Any, Any], data: JSONBody[Setup], auth: NamedDependency[Auth]
) -> Response[Token]:
    """Create the first admin with the token that the start prints, and sign in."""
    signed_in = await auth.set_up(data.token, data.email, data.password, address(request))
    return _respond(request, signed_in)


@post("/api/auth/refresh", status_code=200, opt={"action": Action.PUBLIC}, tags=["auth"])
async def refresh(request: Request[Any, Any, Any], auth: NamedDependency[Auth]) -> Response[Token]:
    """Exchange the refresh cookie for a new one and a new access token."""
    return _respond(request, await auth.refresh(request.cookies.get(COOKIE), address(request)))


@post("/api/auth/logout", status_code=204, opt={"action": Action.PUBLIC}, tags=["auth"])
async def logout(request: Request[Any, Any, Any], auth: NamedDependency[Auth]) -> Response[None]:
    """End the session of the refresh cookie or the access token."""
    authorization = request.headers.get("authorization")
    await auth.sign_out(authorization, request.cookies.get(COOKIE), address(request))
    return Response(None, headers={"set-cookie": _cookie(request, "", max_age_s=0)})


@post("/api/auth/ticket", status_code=200, opt={"action": Action.READ}, tags=["auth"])
async def ticket(request: Request[Any, Any, Any], auth: NamedDependency[Auth]) -> Ticket:
    """Get a ticket with which a browser opens one stream."""
    return Ticket(auth.issue_ticket(principal_of(request)), tickets.LIFETIME_S)


@get("/api/v1/me", opt={"action": Action.SESSION}, tags=["auth"])
async def me(request: Request[Any, Any, Any], auth: NamedDependency[Auth]) -> Me:
    """Who is signed in."""
    user = await auth.user(principal_of(request))
    return Me(user.id, user.email, user.role)


def _respond(request: Request[Any, Any, Any], signed_in: SignedIn) -> Response[Token]:
    cookie = _cookie(request, signed_in.refresh_token, max_age_s=signed_in.refresh_expires_in_s)
    token = Token(signed_in.access_token, "bearer", signed_in.access_expires_in_s)
    return Response(token, headers={"set-cookie": cookie})


def _cookie(request: Request[Any, Any, Any], value: str, *, max_age_s: int) -> str:
    """The header's text; the framework would write `SameSite=strict`."""
    secure = "; Secure" if request.scope["scheme"] == "https" else ""
    rules = f"HttpOnly; SameSite=Strict; Path={_COOKIE_PATH}{secure}"
    return f"{COOKIE}={value}; Max-Age={max_age_s}; {rules}"


routes = [login, setup, refresh, logout, ticket, me]
