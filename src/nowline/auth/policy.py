"""What each role and scope may do; one pure decision that every route asks for."""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING

from nowline.errors import Code
from nowline.model.user import Role, Scope

if TYPE_CHECKING:
    from nowline.model.user import Principal


class Action(Enum):
    """What a route does, as far as permission goes."""

    PUBLIC = auto()
    """Anyone may, without a credential."""
    INGEST = auto()
    READ = auto()
    WRITE = auto()
    ADMIN = auto()
    SESSION = auto()
    """Any signed-in user may, and no API key."""
    SHARED = auto()
    """Whoever holds a link to a dashboard may, and nobody by signing in."""


_ROLE_SCOPES = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.EDITOR: frozenset({Scope.READ, Scope.WRITE}),
    Role.ADMIN: frozenset({Scope.READ, Scope.WRITE, Scope.ADMIN}),
}
_KEY_SCOPES = {
    Scope.INGEST: frozenset({Scope.INGEST}),
    Scope.READ: _ROLE_SCOPES[Role.VIEWER],
    Scope.WRITE: _ROLE_SCOPES[Role.EDITOR],
    Scope.ADMIN: _ROLE_SCOPES[Role.ADMIN],
}
_NEEDED = {
    Action.INGEST: Scope.INGEST,
    Action.READ: Scope.READ,
    Action.WRITE: Scope.WRITE,
    Action.ADMIN: Scope.ADMIN,
}


def scopes_of_role(role: Role) -> frozenset[Scope]:
    """What a user with this role may do."""
    return _ROLE_SCOPES[role]


# Asked with every request of a key.
@lru_cache
def scopes_of_key(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """What a key with these scopes may do: `write` reads too, as an editor does."""
    return frozenset[Scope]().union(*(_KEY_SCOPES[scope] for scope in scopes))


def allows(principal: Principal | None, action: Action) -> Code | None:
    """None if the principal may do this, else why not."""
    if action is Action.PUBLIC:
        return None
    if principal is None:
        return Code.UNAUTHENTICATED
    if action is Action.SHARED:
        # Such routes ask for what opens a link: no scope does.
        return Code.FORBIDDEN
    if action is Action.SESSION:
        return None if principal.session_id is not None else Code.FORBIDDEN
    return None if _NEEDED[action] in principal.scopes else Code.FORBIDDEN
