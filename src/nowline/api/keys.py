"""API keys, for admins: the secret is shown once, when the key is made."""

from __future__ import annotations

from typing import Annotated, Any, Self

import msgspec
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from nowline.api.guard import caller
from nowline.auth.policy import Action
from nowline.auth.service import Auth
from nowline.clock import rfc3339
from nowline.model.user import ApiKey, Scope


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """A key to be created."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1)]


class KeyView(msgspec.Struct):
    """A key without its secret. `created_at` is RFC 3339."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: str

    @classmethod
    def of(cls, key: ApiKey, **more: Any) -> Self:  # noqa: ANN401 - what a subclass adds
        """The view of a key."""
        scopes = [scope for scope in Scope if scope in key.scopes]
        return cls(key.id, key.name, scopes, rfc3339(key.created_at), **more)


class CreatedKey(KeyView):
    """A new key with its secret, which cannot be seen again."""

    secret: str


class KeyList(msgspec.Struct):
    """All keys, oldest first."""

    keys: list[KeyView]


@get("/api/v1/keys", opt={"action": Action.ADMIN}, tags=["keys"])
async def list_keys(auth: NamedDependency[Auth]) -> KeyList:
    """List all API keys."""
    return KeyList([KeyView.of(key) for key in await auth.accounts.keys()])


@post("/api/v1/keys", opt={"action": Action.ADMIN}, tags=["keys"])
async def create_key(
    request: Request[Any, Any, Any], data: JSONBody[NewKey], auth: NamedDependency[Auth]
) -> CreatedKey:
    """Create an API key."""
    scopes = frozenset(data.scopes)
    key, secret = await auth.accounts.create_key(data.name, scopes, caller(request))
    return CreatedKey.of(key, secret=secret)


@delete("/api/v1/keys/{key_id:str}", opt={"action": Action.ADMIN}, tags=["keys"])
async def delete_key(
    request: Request[Any, Any, Any], key_id: FromPath[str], auth: NamedDependency[Auth]
) -> None:
    """Delete an API key; it is refused from the next request on."""
    await auth.accounts.delete_key(key_id, caller(request))


routes = [list_keys, create_key, delete_key]
