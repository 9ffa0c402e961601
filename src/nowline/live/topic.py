"""The newest message about something, for readers that need no older one. Pure but for writing."""

from __future__ import annotations

from collections.abc import Iterable

from nowline.live.frames import SharedText
from nowline.live.reader import Reader
from nowline.live.slices import Slices


class Topic:
    """One message at a time, encoded once for all who watch.

    A reader that was too slow for some gets the newest, which says how many it stands for.
    """

    def __init__(self) -> None:
        self.version = 0
        self._text = b""
        self._messages: dict[int, SharedText] = {}
        # The version that each was told last; None for who has not been told any.
        self._told: dict[Reader, int | None] = {}

    def __len__(self) -> int:
        return len(self._told)

    @property
    def readers(self) -> list[Reader]:
        """Who watches."""
        return list(self._told)

    @property
    def has_newcomers(self) -> bool:
        """Whether somebody came who has not been told anything."""
        return None in self._told.values()

    def join(self, reader: Reader, *, knows: bool) -> None:
        """Watch from now on; who does not know what was told last is told."""
        self._told[reader] = self.version if knows or not self.version else None

    def leave(self, reader: Reader) -> None:
        """Watch no longer."""
        self._told.pop(reader, None)

    def post(self, text: bytes, known_by: Iterable[Reader] = ()) -> None:
        """Have this message told, a JSON object, instead of any before.

        Args:
            text: The message.
            known_by: Who watches and need not be told.
        """
        self.version += 1
        self.renew(text)
        self._told.update(dict.fromkeys(known_by, self.version))

    def renew(self, text: bytes) -> None:
        """Say the same in new words, to those who have not been told."""
        self._text = text
        self._messages.clear()

    async def tell(self) -> bool:
        """Write to everyone who has not been told and has room; whether nobody is left."""
        behind = [reader for reader, told in self._told.items() if told != self.version]
        slices = Slices()
        for reader in behind:
            if reader in self._told and not reader.closing.done() and not reader.is_full():
                self._tell(reader)
            if slices.is_over:
                await slices.rest()
        return all(told == self.version for told in self._told.values())

    def _tell(self, reader: Reader) -> None:
        told = self._told[reader]
        reader.tell(self._message(0 if told is None else self.version - told - 1))
        self._told[reader] = self.version

    def _message(self, skipped: int) -> SharedText:
        known = self._messages.get(skipped)
        if known is None:
            more = b',"skipped":%d}' % skipped if skipped else b"}"
            known = self._messages[skipped] = SharedText(self._text[:-1] + more)
        return known
