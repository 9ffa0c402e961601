"""The users of this server, for admins."""

from __future__ import annotations

from typing import Any, Self

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from nowline.api.auth import Email, Password
from nowline.api.guard import caller
from nowline.auth.accounts import UserChange
from nowline.auth.policy import Action
from nowline.auth.service import Auth
from nowline.clock import rfc3339
from nowline.model.user import Role, User


class NewUser(msgspec.Struct, forbid_unknown_fields=True):
    """A user to be created."""

    email: Email
    password: Password
    role: Role


class UserPatch(msgspec.Struct, forbid_unknown_fields=True):
    """What to change of a user; what is left out stays."""

    role: Role | msgspec.UnsetType = msgspec.UNSET
    is_active: bool | msgspec.UnsetType = msgspec.UNSET
    password: Password | msgspec.UnsetType = msgspec.UNSET

    def change(self) -> UserChange:
        """The same as the accounts know it."""
        given = msgspec.structs.asdict(self).items()
        return UserChange(**{name: value for name, value in given if value is not msgspec.UNSET})


class UserView(msgspec.Struct):
    """A user as admins see it. `created_at` is RFC 3339."""

    id: str
    email: str
    role: Role
    is_active: bool
    created_at: str

    @classmethod
    def of(cls, user: User) -> Self:
        """The view of a user."""
        return cls(user.id, user.email, user.role, user.is_active, rfc3339(user.created_at))


class UserList(msgspec.Struct):
    """All users, by e-mail address."""

    users: list[UserView]


@get("/api/v1/users", opt={"action": Action.ADMIN}, tags=["users"])
async def list_users(auth: NamedDependency[Auth]) -> UserList:
    """List all users."""
    return UserList([UserView.of(user) for user in await auth.accounts.users()])


@post("/api/v1/users", opt={"action": Action.ADMIN}, tags=["users"])
async def create_user(
    request: Request[Any, Any, Any], data: JSONBody[NewUser], auth: NamedDependency[Auth]
) -> UserView:
    """Create a user."""
    by = caller(request)
    return UserView.of(await auth.accounts.create_user(data.email, data.password, data.role, by))


@patch("/api/v1/users/{user_id:str}", opt={"action": Action.ADMIN}, tags=["users"])
async def update_user(
    request: Request[Any, Any, Any],
    user_id: FromPath[str],
    data: JSONBody[UserPatch],
    auth: NamedDependency[Auth],
) -> UserView:
    """Change a user's role or password, disable or enable it."""
    return UserView.of(await auth.accounts.update_user(user_id, data.change(), caller(request)))


@delete("/api/v1/users/{user_id:str}", opt={"action": Action.ADMIN}, tags=["users"])
async def delete_user(
    request: Request[Any, Any, Any], user_id: FromPath[str], auth: NamedDependency[Auth]
) -> None:
    """Delete a user and end its sessions."""
    await auth.accounts.delete_user(user_id, caller(request))


routes = [list_users, create_user, update_user, delete_user]
