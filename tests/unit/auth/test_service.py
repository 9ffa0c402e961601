from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from nowline.auth.accounts import UserChange
from nowline.auth.service import Auth
from nowline.errors import Code, NowlineError
from nowline.model.user import Role, Scope
from nowline.store.documents import Documents
from personas import ALICE, BOB, INGEST_KEY, OPERATOR, PASSWORD, SECRET, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

DAY_S = 86_400


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def code_of(doing: Awaitable[object]) -> Code | None:
    try:
        await doing
    except NowlineError as error:
        return error.code
    return None


def bearer(here: World, token: str) -> Awaitable[object]:
    return here.auth.authenticate(f"Bearer {token}")


async def test_a_session_says_who_and_what(here: World) -> None:
    bob = await here.principal(BOB)
    assert (bob.id, bob.name, bob.scopes) == (here.bob.id, BOB, frozenset({Scope.READ}))
    assert bob.session_id is not None
    assert await here.auth.authenticate(None) is None


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer x", "Token y", "nl_1_2"])
async def test_a_bad_credential_is_refused(here: World, header: str) -> None:
    assert await code_of(here.auth.authenticate(header)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token"])
async def test_keys_are_accepted_by_both_schemes(here: World, scheme: str) -> None:
    secret = await here.key(Scope.INGEST)
    assert secret.startswith("nl_")
    for each in (secret, INGEST_KEY):
        principal = await here.auth.authenticate(f"{scheme} {each}")
        assert principal is not None
        assert principal.scopes == {Scope.INGEST}
        assert principal.session_id is None


async def test_who_was_met_before_is_known_at_once(here: World) -> None:
    secret, token = await here.key(Scope.READ), (await here.sign_in(BOB)).access_token
    for credential in (secret, token, INGEST_KEY):
        principal = await here.auth.authenticate(f"Bearer {credential}")
        assert here.auth.known(f"bearer  {credential} ") == principal
        assert here.auth.known(f"Basic {credential}") is None
    assert here.auth.known("") is here.auth.known("Bearer ") is here.auth.known("Bearer x") is None


async def test_a_token_is_known_only_as_long_as_it_is_valid(here: World) -> None:
    token = f"Bearer {(await here.sign_in(BOB)).access_token}"
    unmet = Auth(here.documents, here.clock, SECRET)
    await unmet.authenticate(f"Bearer {await here.key(Scope.READ)}")
    assert unmet.known(token) is None
    here.clock.advance(901)
    assert here.auth.known(token) is None
    token = f"Bearer {(await here.sign_in(BOB)).access_token}"
    assert here.auth.known(token) is not None
    await here.auth.sign_out(token, None, None)
    assert here.auth.known(token) is None


async def test_a_changed_start_key_is_not_valid_any_more(here: World) -> None:
    again = Auth(here.documents, here.clock, SECRET, "another")
    assert await code_of(again.authenticate(f"Bearer {INGEST_KEY}")) is Code.UNAUTHENTICATED
    assert await code_of(again.authenticate("Bearer another")) is None
    without = Auth(here.documents, here.clock, SECRET)
    assert await code_of(without.authenticate("Bearer another")) is Code.UNAUTHENTICATED


async def test_each_refresh_gives_another_token(here: World) -> None:
    first = await here.sign_in(BOB)
    second = await here.auth.refresh(first.refresh_token, None)
    third = await here.auth.refresh(second.refresh_token, None)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert await code_of(bearer(here, first.access_token)) is None
    assert await code_of(bearer(here, third.access_token)) is None
    assert here.revoked == []


async def test_a_replayed_refresh_token_ends_the_whole_session(here: World) -> None:
    first = await here.sign_in(BOB)
    second = await here.auth.refresh(first.refresh_token, None)
    bob = await here.auth.authenticate(f"Bearer {second.access_token}")
    assert bob is not None
    assert await code_of(here.auth.refresh(first.refresh_token, None)) is Code.UNAUTHENTICATED
    assert await code_of(here.auth.refresh(second.refresh_token, None)) is Code.UNAUTHENTICATED
    assert await code_of(bearer(here, second.access_token)) is Code.UNAUTHENTICATED
    assert here.revoked == [bob.session_id]


async def test_of_two_who_refresh_at_once_neither_keeps_the_session(here: World) -> None:
    token = (await here.sign_in(BOB)).refresh_token
    done = await asyncio.gather(
        *(here.auth.refresh(token, None) for _ in range(2)), return_exceptions=True
    )
    winners = [each for each in done if not isinstance(each, BaseException)]
    assert len(winners) == 1
    assert await code_of(bearer(here, winners[0].access_token)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize("cookie", [None, "", "x", ".", "a.b", "a.b.c"])
async def test_what_is_no_refresh_token_is_refused(here: World, cookie: str | None) -> None:
    assert await code_of(here.auth.refresh(cookie, None)) is Code.UNAUTHENTICATED
    assert await code_of(here.auth.sign_out(None, cookie, None)) is Code.UNAUTHENTICATED


async def test_a_session_ends_after_fourteen_days_of_silence(here: World) -> None:
    signed_in = await here.sign_in(BOB)
    assert signed_in.refresh_expires_in_s == 14 * DAY_S
    here.clock.advance(14 * DAY_S)
    assert await code_of(here.auth.refresh(signed_in.refresh_token, None)) is Code.UNAUTHENTICATED


async def test_a_session_ends_after_thirty_days(here: World) -> None:
    token = (await here.sign_in(BOB)).refresh_token
    for _ in range(29):
        here.clock.advance(DAY_S)
        signed_in = await here.auth.refresh(token, None)
        token = signed_in.refresh_token
    assert signed_in.refresh_expires_in_s == DAY_S
    here.clock.advance(DAY_S)
    assert await code_of(here.auth.refresh(token, None)) is Code.UNAUTHENTICATED
    assert await code_of(bearer(here, signed_in.access_token)) is Code.UNAUTHENTICATED


async def test_signing_out_holds_from_the_next_request_on(here: World) -> None:
    signed_in = await here.sign_in(BOB)
    other = await here.sign_in(BOB)
    await here.auth.sign_out(f"Bearer {signed_in.access_token}", None, None)
    assert await code_of(bearer(here, signed_in.access_token)) is Code.UNAUTHENTICATED
    assert await code_of(here.auth.refresh(signed_in.refresh_token, None)) is Code.UNAUTHENTICATED
    assert await code_of(bearer(here, other.access_token)) is None
    assert len(here.revoked) == 1


async def test_the_cookie_is_enough_to_sign_out(here: World) -> None:
    signed_in = await here.sign_in(BOB)
    here.clock.advance(901)
    expired = f"Bearer {signed_in.access_token}"
    await here.auth.sign_out(expired, signed_in.refresh_token, None)
    assert await code_of(here.auth.refresh(signed_in.refresh_token, None)) is Code.UNAUTHENTICATED


@pytest.mark.parametrize(
    "change",
    [
        UserChange(is_active=False),
        UserChange(password="another password"),
    ],
)
async def test_disabling_and_a_new_password_end_sessions(here: World, change: UserChange) -> None:
    bob = await here.principal(BOB)
    signed_in = await here.sign_in(BOB)
    await here.auth.accounts.update_user(here.bob.id, change, OPERATOR)
    assert await code_of(bearer(here, signed_in.access_token)) is Code.UNAUTHENTICATED
    assert bob.session_id in here.revoked
    assert await code_of(here.sign_in(BOB)) is Code.UNAUTHENTICATED


async def test_deleting_a_user_ends_its_sessions(here: World) -> None:
    signed_in = await here.sign_in(BOB)
    await here.auth.accounts.delete_user(here.bob.id, OPERATOR)
    assert await code_of(bearer(here, signed_in.access_token)) is Code.UNAUTHENTICATED
    assert await code_of(here.auth.refresh(signed_in.refresh_token, None)) is Code.UNAUTHENTICATED
    assert here.bob.id in here.revoked


async def test_a_role_holds_from_the_next_request_on(here: World) -> None:
    signed_in = await here.sign_in(BOB)
    for role, scopes in (
        (Role.EDITOR, {Scope.READ, Scope.WRITE}),
        (Role.VIEWER, {Scope.READ}),
    ):
        await here.auth.accounts.update_user(here.bob.id, UserChange(role=role), OPERATOR)
        principal = await here.auth.authenticate(f"Bearer {signed_in.access_token}")
        assert principal is not None
        assert principal.scopes == scopes
    assert here.revoked == [here.bob.id]


async def test_a_deleted_key_is_refused_from_the_next_request_on(here: World) -> None:
    key, secret = await here.auth.accounts.create_key("k", frozenset({Scope.READ}), OPERATOR)
    await here.auth.accounts.delete_key(key.id, OPERATOR)
    assert await code_of(bearer(here, secret)) is Code.UNAUTHENTICATED
    assert here.revoked == [key.id]


async def test_the_key_given_at_start_is_deleted_where_it_is_set(here: World) -> None:
    first, *_ = await here.auth.accounts.keys()
    assert (first.name, first.scopes) == ("NOWLINE_INGEST_KEY", frozenset({Scope.INGEST}))
    assert await code_of(here.auth.accounts.delete_key(first.id, OPERATOR)) is Code.CONFLICT


async def test_a_ticket_is_for_who_asked_for_it(here: World) -> None:
    bob = await here.principal(BOB)
    assert await here.auth.redeem_ticket(here.auth.issue_ticket(bob)) == bob
    key = await here.auth.authenticate(f"Bearer {await here.key(Scope.READ)}")
    assert key is not None
    assert await here.auth.redeem_ticket(here.auth.issue_ticket(key)) == key


async def test_a_ticket_has_the_rights_of_the_moment_it_is_used(here: World) -> None:
    bob = await here.principal(BOB)
    tickets = [here.auth.issue_ticket(bob) for _ in range(2)]
    await here.auth.accounts.update_user(here.bob.id, UserChange(role=Role.EDITOR), OPERATOR)
    assert Scope.WRITE in (await here.auth.redeem_ticket(tickets[0])).scopes
    await here.auth.accounts.update_user(here.bob.id, UserChange(is_active=False), OPERATOR)
    assert await code_of(here.auth.redeem_ticket(tickets[1])) is Code.UNAUTHENTICATED


async def test_a_ticket_of_a_deleted_key_is_refused(here: World) -> None:
    key, secret = await here.auth.accounts.create_key("k", frozenset({Scope.READ}), OPERATOR)
    principal = await here.auth.authenticate(f"Bearer {secret}")
    assert principal is not None
    ticket = here.auth.issue_ticket(principal)
    await here.auth.accounts.delete_key(key.id, OPERATOR)
    assert await code_of(here.auth.redeem_ticket(ticket)) is Code.UNAUTHENTICATED


async def test_only_failures_are_limited(here: World) -> None:
    for _ in range(12):
        await here.sign_in(BOB)
    for _ in range(10):
        wrong = here.auth.sign_in(BOB.upper(), "wrong", "192.0.2.1")
        assert await code_of(wrong) is Code.UNAUTHENTICATED
    assert await code_of(here.sign_in(BOB)) is Code.LIMITED
    assert await code_of(here.auth.sign_in(BOB, PASSWORD, "192.0.2.2")) is None
    here.clock.advance(30)
    assert await code_of(here.sign_in(BOB)) is None


async def test_guesses_sent_all_at_once_are_limited_too(here: World) -> None:
    guesses = (here.auth.sign_in(BOB, f"wrong {n}", "192.0.2.1") for n in range(14))
    codes = await asyncio.gather(*(code_of(guess) for guess in guesses))
    assert codes.count(Code.UNAUTHENTICATED) == 10
    assert codes.count(Code.LIMITED) == 4
    assert await code_of(here.sign_in(BOB)) is Code.LIMITED


async def test_a_user_who_is_signed_in_is_unaffected_by_guesses(here: World) -> None:
    signed_in = await here.sign_in(BOB)
    for _ in range(11):
        await code_of(here.auth.sign_in(BOB, "wrong", "192.0.2.1"))
    assert await code_of(bearer(here, signed_in.access_token)) is None
    assert await code_of(here.auth.refresh(signed_in.refresh_token, "192.0.2.1")) is None


@pytest.fixture
async def elsewhere(here: World) -> AsyncIterator[Auth]:
    """Another process on the same database, such as the command line."""
    documents = await Documents.open(here.url)
    yield Auth(documents, here.clock, b"e" * 32)
    await documents.close()


async def test_a_key_made_elsewhere_works_at_once(here: World, elsewhere: Auth) -> None:
    await here.principal(BOB)
    _, secret = await elsewhere.accounts.create_key("k", frozenset({Scope.READ}), OPERATOR)
    assert await code_of(bearer(here, secret)) is None


async def test_a_user_made_elsewhere_signs_in_at_once(here: World, elsewhere: Auth) -> None:
    await here.principal(BOB)
    await elsewhere.accounts.create_user("dora@example.org", PASSWORD, Role.EDITOR, OPERATOR)
    assert (await here.principal("dora@example.org")).scopes == {Scope.READ, Scope.WRITE}


async def test_a_user_enabled_elsewhere_signs_in_at_once(here: World, elsewhere: Auth) -> None:
    for is_active in (False, True):
        where = elsewhere if is_active else here.auth
        change = UserChange(is_active=is_active)
        await where.accounts.update_user(here.bob.id, change, OPERATOR)
    assert (await here.principal(BOB)).id == here.bob.id


async def test_what_is_revoked_elsewhere_ends_with_the_next_look(
    here: World, elsewhere: Auth
) -> None:
    signed_in, bob = await here.sign_in(BOB), await here.principal(BOB)
    key, secret = await here.auth.accounts.create_key("k", frozenset({Scope.READ}), OPERATOR)
    await bearer(here, signed_in.access_token)
    await bearer(here, secret)
    await elsewhere.accounts.update_user(here.bob.id, UserChange(is_active=False), OPERATOR)
    await elsewhere.accounts.delete_key(key.id, OPERATOR)
    await here.auth.poll_changes()
    assert await code_of(bearer(here, signed_in.access_token)) is Code.UNAUTHENTICATED
    assert await code_of(bearer(here, secret)) is Code.UNAUTHENTICATED
    assert {here.bob.id, bob.session_id, key.id} <= set(here.revoked)


async def test_signing_out_elsewhere_ends_with_the_next_look(here: World, elsewhere: Auth) -> None:
    signed_in = await here.sign_in(BOB)
    await elsewhere.sign_out(None, signed_in.refresh_token, None)
    await here.auth.poll_changes()
    assert await code_of(bearer(here, signed_in.access_token)) is Code.UNAUTHENTICATED
    assert len(here.revoked) == 1


async def test_alice_is_the_same_in_any_case(here: World) -> None:
    assert (await here.principal(ALICE.upper())).id == here.alice.id
