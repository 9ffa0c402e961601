from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from nowline.auth.accounts import UserChange
from nowline.auth.service import Auth
from nowline.errors import Code, NowlineError
from nowline.model.user import Role, Scope
from nowline.store import accounts, audit
from nowline.store.documents import Documents
from personas import OPERATOR, PASSWORD, SECRET, SetClock, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


@pytest.fixture
async def empty(tmp_path: Path) -> AsyncIterator[Auth]:
    """A server that nobody has signed in to yet."""
    documents = await Documents.open(f"sqlite:///{tmp_path}/empty.db")
    yield Auth(documents, SetClock(), SECRET)
    await documents.close()


async def error_of(doing: Awaitable[object]) -> NowlineError:
    with pytest.raises(NowlineError) as caught:
        await doing
    return caught.value


@pytest.mark.parametrize(
    "email", ["", "bob", "@", "bob@", "@b", "a b@c", "a@b@c", "a@b\x00", f"{'a' * 250}@b.cd"]
)
async def test_what_is_no_address_is_refused(here: World, email: str) -> None:
    creating = here.auth.accounts.create_user(email, PASSWORD, Role.VIEWER, OPERATOR)
    error = await error_of(creating)
    assert error.code is Code.INVALID
    assert error.errors[0].field == "email"


async def test_an_address_in_use_is_refused(here: World) -> None:
    creating = here.auth.accounts.create_user("BOB@example.org", PASSWORD, Role.ADMIN, OPERATOR)
    assert (await error_of(creating)).code is Code.CONFLICT


@pytest.mark.parametrize(
    "change",
    [
        UserChange(role=Role.EDITOR),
        UserChange(is_active=False),
        UserChange(role=Role.ADMIN, is_active=False),
    ],
)
async def test_the_last_admin_stays(here: World, change: UserChange) -> None:
    changing = here.auth.accounts.update_user(here.alice.id, change, OPERATOR)
    assert (await error_of(changing)).code is Code.CONFLICT
    deleting = here.auth.accounts.delete_user(here.alice.id, OPERATOR)
    assert (await error_of(deleting)).code is Code.CONFLICT
    assert here.alice in await here.auth.accounts.users()


async def test_two_admins_cannot_remove_each_other(here: World) -> None:
    promote = UserChange(role=Role.ADMIN)
    await here.auth.accounts.update_user(here.bob.id, promote, OPERATOR)
    demote = UserChange(role=Role.VIEWER)
    done = await asyncio.gather(
        *(
            here.auth.accounts.update_user(each.id, demote, OPERATOR)
            for each in (here.alice, here.bob)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, NowlineError) for each in done) == 1


async def test_an_admin_may_go_when_another_is_there(here: World) -> None:
    promote = UserChange(role=Role.ADMIN)
    await here.auth.accounts.update_user(here.bob.id, promote, OPERATOR)
    await here.auth.accounts.delete_user(here.alice.id, OPERATOR)
    assert [user.email for user in await here.auth.accounts.users()] == [here.bob.email]


@pytest.mark.parametrize("name", ["", "x" * 101, "line\nbreak", "nul\x00"])
async def test_a_bad_name_of_a_key_is_refused(here: World, name: str) -> None:
    creating = here.auth.accounts.create_key(name, frozenset({Scope.READ}), OPERATOR)
    assert (await error_of(creating)).errors[0].field == "name"


async def test_a_key_for_nothing_is_refused(here: World) -> None:
    creating = here.auth.accounts.create_key("k", frozenset(), OPERATOR)
    assert (await error_of(creating)).errors[0].field == "scopes"


async def test_neither_passwords_nor_keys_nor_tokens_are_stored(
    here: World, tmp_path: Path
) -> None:
    secret = await here.key(Scope.READ)
    signed_in = await here.sign_in("bob@example.org")
    await here.auth.refresh(signed_in.refresh_token, None)
    stored = b"".join(each.read_bytes() for each in files_in(tmp_path))
    for hidden in (secret, PASSWORD, signed_in.refresh_token.partition(".")[2]):
        assert hidden.encode() not in stored


def files_in(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if each.is_file()]


async def test_the_trail_has_each_change_with_who_did_it(here: World) -> None:
    bob, doing = here.bob.id, here.auth.accounts
    demoted = UserChange(role=Role.EDITOR, is_active=False, password="another password")
    await doing.update_user(bob, demoted, OPERATOR)
    await doing.update_user(bob, UserChange(is_active=True), OPERATOR)
    await doing.update_user(bob, UserChange(), OPERATOR)
    await doing.delete_user(bob, OPERATOR)
    key, _ = await doing.create_key("k", frozenset({Scope.READ}), OPERATOR)
    await doing.delete_key(key.id, OPERATOR)
    async with here.documents.read() as connection:
        page = await audit.page(connection, before=None, limit=100)
    lines = [(entry.actor, entry.action, entry.target) for entry in reversed(page.entries)]
    assert lines == [
        ("operator", "user.create", "Alice@example.org"),
        ("operator", "user.create", "bob@example.org"),
        ("operator", "user.role.editor", "bob@example.org"),
        ("operator", "user.disable", "bob@example.org"),
        ("operator", "user.password", "bob@example.org"),
        ("operator", "user.enable", "bob@example.org"),
        ("operator", "user.delete", "bob@example.org"),
        ("operator", "key.create", "k"),
        ("operator", "key.delete", "k"),
    ]


async def test_the_first_admin_is_made_once(empty: Auth) -> None:
    made = await empty.accounts.create_first_admin("ada@example.org", PASSWORD)
    assert made is not None
    assert made.role is Role.ADMIN
    assert await empty.accounts.create_first_admin("eve@example.org", "short") is None
    assert await empty.setup_token() is None


async def test_a_setup_token_makes_one_admin(empty: Auth) -> None:
    old = await empty.setup_token()
    token = await empty.setup_token()
    assert old is not None
    assert token is not None
    for bad in ("", "wrong", old):
        refused = empty.set_up(bad, "ada@example.org", PASSWORD, None)
        assert (await error_of(refused)).code is Code.FORBIDDEN
    short = empty.set_up(token, "ada@example.org", "short", None)
    assert (await error_of(short)).errors[0].field == "password"
    signed_in = await empty.set_up(token, "ada@example.org", PASSWORD, None)
    ada = await empty.authenticate(f"Bearer {signed_in.access_token}")
    assert ada is not None
    assert Scope.ADMIN in ada.scopes
    again = empty.set_up(token, "eve@example.org", PASSWORD, None)
    assert (await error_of(again)).code is Code.FORBIDDEN


async def test_of_two_with_one_setup_token_one_becomes_admin(empty: Auth) -> None:
    token = await empty.setup_token()
    assert token is not None
    done = await asyncio.gather(
        *(empty.set_up(token, f"{n}@example.org", PASSWORD, None) for n in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, NowlineError) for each in done) == 2
    assert len(await empty.accounts.users()) == 1


async def test_a_setup_token_is_void_once_there_is_an_admin(empty: Auth, tmp_path: Path) -> None:
    token = await empty.setup_token()
    assert token is not None
    await empty.accounts.create_user("ada@example.org", PASSWORD, Role.ADMIN, OPERATOR)
    refused = empty.set_up(token, "eve@example.org", PASSWORD, None)
    assert (await error_of(refused)).code is Code.FORBIDDEN
    stored = b"".join(each.read_bytes() for each in files_in(tmp_path))
    assert token.encode() not in stored


async def test_a_value_that_was_never_set_is_none(here: World) -> None:
    async with here.documents.read() as connection:
        assert await accounts.value(connection, "nothing") is None
