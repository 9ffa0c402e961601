from __future__ import annotations

from itertools import chain, combinations, product

import pytest

from nowline.auth.policy import Action, allows, scopes_of_key, scopes_of_role
from nowline.errors import Code
from nowline.model.user import Principal, Role, Scope

NOT, UNKNOWN = Code.FORBIDDEN, Code.UNAUTHENTICATED

# One line per caller, one column per action, as CONTRACT and the roles have it.
COLUMNS = (
    Action.PUBLIC,
    Action.SESSION,
    Action.INGEST,
    Action.READ,
    Action.WRITE,
    Action.ADMIN,
    Action.SHARED,
)
USERS: dict[Role, tuple[Code | None, ...]] = {
    Role.VIEWER: (None, None, NOT, None, NOT, NOT, NOT),
    Role.EDITOR: (None, None, NOT, None, None, NOT, NOT),
    Role.ADMIN: (None, None, NOT, None, None, None, NOT),
}
KEYS: dict[Scope, tuple[Code | None, ...]] = {
    Scope.INGEST: (None, NOT, None, NOT, NOT, NOT, NOT),
    Scope.READ: (None, NOT, NOT, None, NOT, NOT, NOT),
    Scope.WRITE: (None, NOT, NOT, None, None, NOT, NOT),
    Scope.ADMIN: (None, NOT, NOT, None, None, None, NOT),
}


def test_the_tables_are_complete() -> None:
    assert set(COLUMNS) == set(Action)
    assert USERS.keys() == set(Role)
    assert KEYS.keys() == set(Scope)


@pytest.mark.parametrize("role", Role)
def test_what_each_role_may(role: Role) -> None:
    user = Principal("u", "user", scopes_of_role(role), "session")
    assert tuple(allows(user, action) for action in COLUMNS) == USERS[role]


EVERY_SET = list(chain.from_iterable(combinations(Scope, size) for size in range(5)))


@pytest.mark.parametrize("scopes", EVERY_SET)
def test_what_each_set_of_scopes_may(scopes: tuple[Scope, ...]) -> None:
    """A key may what any of its scopes may, and nothing more."""
    key = Principal("k", "key", scopes_of_key(scopes))
    for column, action in enumerate(COLUMNS):
        granted = action is Action.PUBLIC or any(KEYS[each][column] is None for each in scopes)
        assert allows(key, action) is (None if granted else NOT)


@pytest.mark.parametrize("action", Action)
def test_a_stranger_may_nothing_but_what_is_public(action: Action) -> None:
    assert allows(None, action) is (None if action is Action.PUBLIC else UNKNOWN)


@pytest.mark.parametrize(("lower", "higher"), list(product(Role, Role)))
def test_each_role_may_what_the_ones_before_it_may(lower: Role, higher: Role) -> None:
    order = list(Role)
    contained = scopes_of_role(lower) <= scopes_of_role(higher)
    assert contained is (order.index(lower) <= order.index(higher))
