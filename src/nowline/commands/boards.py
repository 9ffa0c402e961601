"""Dashboards as the commands reach them: in the data folder, or through a server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx
import msgspec

from nowline.api.sent_dashboards import JSON
from nowline.clock import SystemClock
from nowline.commands import access
from nowline.config import Settings
from nowline.dashboards import exchange
from nowline.dashboards.service import Dashboards
from nowline.errors import Code, NowlineError, invalid
from nowline.model.dashboard import Content
from nowline.model.user import Principal, Role, Scope, User
from nowline.store import accounts
from nowline.store.documents import Documents

_PATH = "/api/v1/dashboards"
_EVERYBODY = Principal("", access.BY.name, frozenset({Scope.ADMIN}))


class Named(msgspec.Struct, frozen=True):
    """A dashboard by what it is called."""

    id: str
    name: str


class _List(msgspec.Struct):
    """What is of use of a list of dashboards."""

    dashboards: list[Named]


class Remote(msgspec.Struct, frozen=True):
    """A server that somebody names, and a key for it."""

    url: str
    key: str | None


def remote(url: str | None, key: str | None) -> Remote | None:
    """The server that a command line names, if any.

    Raises:
        NowlineError: There is a key without an address.
    """
    if url is None and key is not None:
        raise invalid("--url", "is needed with --key")
    return None if url is None else Remote(url, key)


class Boards(ABC):
    """What the commands do, wherever the dashboards are."""

    @abstractmethod
    async def all(self) -> Sequence[Named]:
        """All that may be seen."""

    @abstractmethod
    async def file(self, dashboard_id: str, kind: str, look: Mapping[str, str]) -> bytes:
        """A dashboard as a file.

        Args:
            dashboard_id: Which.
            kind: `json`, `yaml`, or what is drawn by a server alone: `csv`, `pdf`, `png`.
            look: What the file is to show, as the parameters of the API.
        """

    @abstractmethod
    async def create(self, content: Content) -> Named:
        """Make a dashboard."""


@asynccontextmanager
async def of_server(settings: Settings, remote: Remote | None, name: str) -> AsyncIterator[Boards]:
    """Those of the server that is named, or else of the one that runs on the folder.

    Args:
        settings: Whose folder.
        remote: The server.
        name: The command that asks.

    Raises:
        NowlineError: There is no server, or no key for it.
    """
    if remote is not None:
        async with access.elsewhere(remote.url, remote.key) as http:
            yield _OfServer(http)
        return
    address = access.running_on(settings)
    async with access.as_admin(settings, address, name) as http:
        yield _OfServer(http)


@asynccontextmanager
async def of_folder(settings: Settings, owner: str | None = None) -> AsyncIterator[Boards]:
    """Those that are kept in the data folder, whether or not a server runs on it.

    Args:
        settings: Whose folder.
        owner: The address of the user who gets what is made; None for the first admin.

    Raises:
        NowlineError: There is no such folder.
    """
    if not settings.data_dir.is_dir():
        raise NowlineError(Code.NOT_FOUND, f"There is no folder {settings.data_dir}.")
    documents = await Documents.open(settings.documents_url)
    try:
        yield _OfFolder(documents, owner)
    finally:
        await documents.close()


class _OfServer(Boards):
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def all(self) -> Sequence[Named]:
        body = await access.ask(self._http, self._http.build_request("GET", _PATH))
        return msgspec.json.decode(body, type=_List).dashboards

    async def file(self, dashboard_id: str, kind: str, look: Mapping[str, str]) -> bytes:
        path, query = f"{_PATH}/{dashboard_id}/export", {"format": kind, **look}
        return await access.ask(self._http, self._http.build_request("GET", path, params=query))

    async def create(self, content: Content) -> Named:
        sent, headers = exchange.to_json(content), {"content-type": JSON}
        request = self._http.build_request("POST", _PATH, content=sent, headers=headers)
        return msgspec.json.decode(await access.ask(self._http, request), type=Named)


class _OfFolder(Boards):
    def __init__(self, documents: Documents, owner: str | None) -> None:
        self._documents = documents
        self._dashboards = Dashboards(documents, SystemClock())
        self._owner = owner

    async def all(self) -> Sequence[Named]:
        found = await self._dashboards.seen_by(_EVERYBODY)
        return [Named(each.id, each.content.name) for each in found]

    async def file(self, dashboard_id: str, kind: str, look: Mapping[str, str]) -> bytes:
        del look
        content = (await self._dashboards.get(dashboard_id, _EVERYBODY)).content
        return exchange.to_json(content) if kind == "json" else exchange.to_yaml(content)

    async def create(self, content: Content) -> Named:
        owner = await self._find_owner()
        principal = Principal(owner.id, owner.email, frozenset({Scope.WRITE}))
        made = await self._dashboards.create(content, principal, access.BY)
        return Named(made.id, content.name)

    async def _find_owner(self) -> User:
        async with self._documents.read() as connection:
            users = await accounts.list_users(connection)
        return _owner(users, self._owner)


def _owner(users: Sequence[User], email: str | None) -> User:
    if email is None:
        admins = [user for user in users if user.is_active and user.role is Role.ADMIN]
        if not admins:
            raise invalid("--owner", "is needed: there is no admin yet; see `nowline user create`")
        return min(admins, key=lambda user: user.created_at)
    key = accounts.email_key(email)
    for user in users:
        if accounts.email_key(user.email) == key:
            if user.role is Role.VIEWER:
                raise invalid("--owner", f"{user.email} is a viewer, who may have no dashboards")
            return user
    raise invalid("--owner", f"there is no user {email}")
