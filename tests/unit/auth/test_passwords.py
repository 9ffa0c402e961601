from __future__ import annotations

import asyncio

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from nowline.auth import passwords
from nowline.auth.passwords import Passwords
from nowline.errors import Code, NowlineError


async def test_the_right_password_and_no_other_is_right() -> None:
    tested = Passwords()
    stored = await tested.hash("correct horse battery")
    assert await tested.verify(stored, "correct horse battery")
    assert not await tested.verify(stored, "correct horse batterY")
    assert not await tested.verify("no hash at all", "correct horse battery")


async def test_nobody_has_a_password_that_is_right() -> None:
    assert not await Passwords().verify(None, "")


async def test_the_hash_of_nobody_takes_as_long_as_a_real_one() -> None:
    stored = await Passwords().hash("correct horse battery")
    real, nobody = extract_parameters(stored), extract_parameters(passwords._NOBODY)
    assert real == nobody
    assert (real.type, real.memory_cost, real.time_cost, real.parallelism) == (
        Type.ID,
        19 * 1024,
        2,
        1,
    )


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
async def test_a_password_of_bad_length_is_refused_by_name(password: str) -> None:
    with pytest.raises(NowlineError, match="8 to 1024 characters") as caught:
        await Passwords().hash(password)
    assert caught.value.errors[0].field == "password"


async def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MOST_WAITING", 3)
    tested = Passwords()
    done = await asyncio.gather(
        *(tested.verify(None, "x") for _ in range(5)), return_exceptions=True
    )
    refused = [each for each in done if isinstance(each, NowlineError)]
    assert [each.code for each in refused] == [Code.UNAVAILABLE] * 2
    assert refused[0].retry_after_s is not None
    assert not await tested.verify(None, "x")
