"""Batches that could not be taken in, for admins: what they are, once more, or never again."""

from __future__ import annotations

from typing import Annotated, Any, Self

import msgspec
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from nowline.api.guard import caller
from nowline.auth.policy import Action
from nowline.bus.base import DeadLetter
from nowline.clock import rfc3339
from nowline.errors import Code, NowlineError, invalid
from nowline.rollup.dead_letters import DeadLetters

_LONGEST_ID = 18


class LetterView(msgspec.Struct):
    """A dead letter without its content. `at` is RFC 3339; `rows` is null where nobody can tell.

    `group` is the reader of the log that could not take it in, `reason` says why.
    """

    id: str
    at: str
    group: str
    reason: str
    rows: int | None
    bytes: int

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        """The view of a letter."""
        at = rfc3339(letter.at)
        return cls(str(letter.id), at, letter.group, letter.reason, letter.rows, letter.size)


class LetterList(msgspec.Struct):
    """Some dead letters, oldest record first, and the cursor of those after them."""

    dead_letters: list[LetterView]
    next_cursor: str | None


class Replayed(msgspec.Struct):
    """Where in the log the batch is now."""

    offset: int


@get("/api/v1/dead-letters", opt={"action": Action.ADMIN}, tags=["dead letters"])
async def list_dead_letters(
    dead_letters: NamedDependency[DeadLetters],
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
) -> LetterList:
    """List the batches that could not be taken in, oldest first."""
    after = 0 if cursor is None else _number(cursor)
    if after is None:
        raise invalid("cursor", "is not one that this server gave out")
    page = dead_letters.page(after, limit)
    following = None if page.next_id is None else str(page.next_id)
    return LetterList([LetterView.of(letter) for letter in page.letters], following)


@post(
    "/api/v1/dead-letters/{letter_id:str}/replay",
    status_code=200,
    opt={"action": Action.ADMIN},
    tags=["dead letters"],
)
async def replay_dead_letter(
    request: Request[Any, Any, Any],
    letter_id: FromPath[str],
    dead_letters: NamedDependency[DeadLetters],
) -> Replayed:
    """Have a batch taken in once more; it is no dead letter any more unless that fails again."""
    return Replayed(await dead_letters.replay(_id(letter_id), caller(request)))


@delete("/api/v1/dead-letters/{letter_id:str}", opt={"action": Action.ADMIN}, tags=["dead letters"])
async def drop_dead_letter(
    request: Request[Any, Any, Any],
    letter_id: FromPath[str],
    dead_letters: NamedDependency[DeadLetters],
) -> None:
    """Delete a batch for good."""
    await dead_letters.drop(_id(letter_id), caller(request))


def _id(text: str) -> int:
    number = _number(text)
    if number is None:
        raise NowlineError(Code.NOT_FOUND, "There is no such dead letter.")
    return number


def _number(text: str) -> int | None:
    is_one = text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID
    return int(text) if is_one else None


routes = [list_dead_letters, replay_dead_letter, drop_dead_letter]
