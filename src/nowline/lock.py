"""One server at a time per data folder: a lock that the kernel drops when its process dies."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "nowline.lock"


class LockedError(Exception):
    """Another server holds the folder; the text is one line with its pid, address and folder."""


class DirectoryLock:
    """The lock on a data folder, held from `acquire` until `release` or the end of the process.

    The lock is on the open file, not the file's presence, so what a killed server leaves
    behind never locks anybody out.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, folder: Path) -> DirectoryLock:
        """Take the lock of an existing folder, without waiting.

        Raises:
            LockedError: Another process holds it, or the file system cannot lock.
        """
        path = folder / FILE_NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LockedError(f"Cannot open {path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            refusal = _refusal(descriptor, folder, error)
            os.close(descriptor)
            raise refusal from error
        lock = cls(descriptor)
        lock.announce("still starting")
        return lock

    def announce(self, address: str) -> None:
        """Write where this server listens, for the one that is refused to name."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()} {address}\n".encode(), 0)

    def release(self) -> None:
        """Let the next server in. The file stays: removing it could unlock a newer holder."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()


def address_of(folder: Path) -> str | None:
    """Where the server of a folder said that it listens; None if none has, or it has stopped.

    A killed server leaves its address behind.
    """
    try:
        content = (folder / FILE_NAME).read_text(errors="replace")
    except OSError:
        return None
    _, _, address = content.strip().partition(" ")
    return address if address.startswith("http") else None


def _refusal(descriptor: int, folder: Path, error: OSError) -> LockedError:
    if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
        return LockedError(f"Cannot lock {folder / FILE_NAME}: {error.strerror}")
    content = os.pread(descriptor, 1024, 0).decode(errors="replace")
    pid, _, address = content.strip().partition(" ")
    return LockedError(
        f"Nowline already runs on {folder} (pid {pid or 'unknown'}, {address or 'still starting'});"
        " stop it first or choose another NOWLINE_DATA_DIR"
    )
