"""Records that could not be taken in, for whoever looks after them."""

from __future__ import annotations

from dataclasses import dataclass

from nowline.bus.base import DeadLetter, Log
from nowline.clock import Clock
from nowline.model.user import AuditEntry, Caller
from nowline.store import audit
from nowline.store.documents import Documents


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some dead letters, oldest record first, and the id to read on from; None at the end."""

    letters: list[DeadLetter]
    next_id: int | None


class DeadLetters:
    """Lists, replays and drops dead letters, and says so in the audit trail.

    Args:
        bus: The log that they are beside.
        documents: Where the audit trail is.
        clock: Where the time comes from.
    """

    def __init__(self, bus: Log, documents: Documents, clock: Clock) -> None:
        self._bus = bus
        self._documents = documents
        self._clock = clock

    def page(self, after: int, limit: int) -> LetterPage:
        """Up to `limit` of them with ids above `after`."""
        letters = [letter for letter in self._bus.dead_letters() if letter.id > after]
        shown = letters[:limit]
        return LetterPage(shown, shown[-1].id if len(letters) > limit else None)

    async def replay(self, letter: int, by: Caller) -> int:
        """Have a record taken in once more, as a new one; returns its offset.

        Raises:
            NowlineError: There is none of that id, or the log takes nothing in.
        """
        offset = await self._bus.replay(letter)
        await self._note("dead_letter.replay", letter, by)
        return offset

    async def drop(self, letter: int, by: Caller) -> None:
        """Delete one for good; raises as `replay`."""
        await self._bus.drop(letter)
        await self._note("dead_letter.drop", letter, by)

    async def _note(self, action: str, letter: int, by: Caller) -> None:
        now = self._clock.now_ms()
        entry = AuditEntry(now, by.name, action, str(letter), "success", by.ip)
        async with self._documents.write() as connection:
            await audit.append(connection, entry)
