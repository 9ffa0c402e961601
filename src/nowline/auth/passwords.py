"""Passwords: argon2id with OWASP's parameters, two at a time and off the event loop."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from nowline.errors import Code, NowlineError, invalid

MIN_LENGTH = 8
MAX_LENGTH = 1024
_AT_ONCE = 2
_MOST_WAITING = 256
# The hash of a password nobody knows, with the parameters below: a sign-in with an unknown
# e-mail address is checked against it, and so takes as long as any other.
_NOBODY = (
    "$argon2id$v=19$m=19456,t=2,p=1$ma2IMSQMd0nwI2cp88uLZA"
    "$8q+eTJrAPNgDr5GOxJyrMLpBnRo4BZuSPUBtLOUPc0o"
)


class Passwords:
    """Hashes and verifies passwords, with bounded memory and a bounded queue."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash to store of a new password.

        Raises:
            NowlineError: It is too short or too long.
        """
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            reason = f"must have {MIN_LENGTH} to {MAX_LENGTH} characters"
            raise invalid("password", reason)
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is right; None, for no such user, is never, in the same time.

        Raises:
            NowlineError: More sign-ins wait than can be served soon.
        """
        if self._waiting >= _MOST_WAITING:
            detail = "Too many people are signing in at this moment; try again soon."
            raise NowlineError(Code.UNAVAILABLE, detail, retry_after_s=5)
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(self._matches, password_hash, password)
        finally:
            self._waiting -= 1

    def _matches(self, password_hash: str | None, password: str) -> bool:
        try:
            self._hasher.verify(password_hash or _NOBODY, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None
