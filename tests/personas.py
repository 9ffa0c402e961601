"""Alice is an admin, Bob a viewer on her team, Charlie has no account and must get nothing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import httpx
from litestar import Litestar
from litestar.di import Provide

from nowline.api import audit, auth, guard, keys, problems, users
from nowline.api.body import JsonRequest
from nowline.auth.service import Auth
from nowline.model.user import Caller, Principal, Role, Scope
from nowline.store.documents import Documents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from litestar.types import ASGIApp, ControllerRouterHandler

    from nowline.auth.service import SignedIn

PASSWORD = "correct horse battery"
SECRET = b"s" * 32
INGEST_KEY = "given at start"
ALICE = "Alice@example.org"
BOB = "bob@example.org"
OPERATOR = Caller("operator")


class SetClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, seconds: float) -> None:
        self._now_ms += int(seconds * 1000)


class World:
    """A server's accounts with Alice and Bob in them, and an application of their routes."""

    def __init__(self, documents: Documents, url: str) -> None:
        self.documents = documents
        self.url = url
        self.clock = SetClock()
        self.auth = Auth(documents, self.clock, SECRET, INGEST_KEY)
        self.revoked: list[str] = []
        self.auth.on_revoked(self.revoked.append)
        self.app = application(self.auth, documents)

    async def settle(self) -> None:
        self.alice = await self.auth.accounts.create_user(ALICE, PASSWORD, Role.ADMIN, OPERATOR)
        self.bob = await self.auth.accounts.create_user(BOB, PASSWORD, Role.VIEWER, OPERATOR)

    async def sign_in(self, email: str) -> SignedIn:
        return await self.auth.sign_in(email, PASSWORD, "192.0.2.1")

    async def principal(self, email: str) -> Principal:
        signed_in = await self.sign_in(email)
        found = await self.auth.authenticate(f"Bearer {signed_in.access_token}")
        assert found is not None
        return found

    async def key(self, *scopes: Scope) -> str:
        _, secret = await self.auth.accounts.create_key("a key", frozenset(scopes), OPERATOR)
        return secret

    def client(
        self,
        credential: str | None = None,
        *,
        ip: str = "192.0.2.1",
        base_url: str = "http://nowline.test",
    ) -> httpx.AsyncClient:
        """A client that sends the credential with each request."""
        headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
        transport = httpx.ASGITransport(cast("Any", self.app), client=(ip, 50_000))
        return httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)


def application(service: Auth, documents: Documents, *more: ControllerRouterHandler) -> ASGIApp:
    """The account routes, and more, mounted as the server mounts them."""
    app = Litestar(
        [*auth.routes, *users.routes, *keys.routes, *audit.routes, *more],
        middleware=[guard.require(service)],
        exception_handlers=problems.exception_handlers(),
        request_class=JsonRequest,
        dependencies={
            "auth": Provide(lambda: service, sync_to_thread=False),
            "documents": Provide(lambda: documents, sync_to_thread=False),
        },
        openapi_config=None,
        logging_config=None,
    )
    return guard.secure_headers(cast("ASGIApp", app))


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """A world with a database of its own."""
    url = f"sqlite:///{folder}/documents.db"
    documents = await Documents.open(url)
    try:
        made = World(documents, url)
        await made.settle()
        yield made
    finally:
        await documents.close()
