"""What the server and its drawing process tell each other: lengths and MessagePack. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from nowline.errors import Code, NowlineError

HEAD: Final = 4
"""How many bytes tell the length of what follows."""
_MOST: Final = 1 << 31


class Done(msgspec.Struct, frozen=True, tag=True):
    """A file."""

    file: bytes


class Refused(msgspec.Struct, frozen=True, tag=True):
    """Why there is none."""

    code: Code
    detail: str

    def error(self) -> NowlineError:
        """The same, to raise."""
        return NowlineError(self.code, self.detail)


Reply = Done | Refused


def framed(body: bytes) -> bytes:
    """A message with its length before it.

    Raises:
        NowlineError: UNPROCESSABLE: it is too long.
    """
    if len(body) >= _MOST:
        detail = "The widgets have too many points: ask for a shorter range, or a wider interval."
        raise NowlineError(Code.UNPROCESSABLE, detail)
    return len(body).to_bytes(HEAD, "big") + body


def length(head: bytes) -> int:
    """How long the message after a head is."""
    return int.from_bytes(head, "big")
