"""Which log a URL names; what one kind of log needs is loaded only for that one."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from nowline.bus import logcopy, salvage
from nowline.bus.embedded import EmbeddedLog
from nowline.errors import Code, NowlineError

if TYPE_CHECKING:
    from pathlib import Path

    from nowline.bus.base import Log

FILE = "log.sqlite"
"""The name of the embedded log in the data folder."""
_HOLDER = "redis-log.id"


async def open_log(url: str, folder: Path) -> Log:
    """Open the log of a server, whose lock is held.

    Args:
        url: `memory:` for the embedded one, or that of a Redis.
        folder: The data folder.

    Raises:
        NowlineError: It cannot be used, or records are left in another one.
    """
    if url.startswith("memory:"):
        return await EmbeddedLog.open(folder / FILE)
    _refuse_left_over(folder / FILE)
    # Its driver takes a part of the start-up time, and most do without.
    from nowline.bus.redis import RedisLog  # noqa: PLC0415

    return await RedisLog.open(url, folder / _HOLDER)


def _refuse_left_over(file: Path) -> None:
    """Records that only the embedded log has would never be stored.

    Raises:
        NowlineError: There are such.
    """
    try:
        salvage.finish(file)
        left = logcopy.summarize(file).records if file.exists() else 0
    except (sqlite3.Error, OSError) as error:
        raise NowlineError(Code.CONFLICT, f"{file} cannot be read: {error}.") from error
    if left:
        detail = (
            f"{file} holds {left} records that may not be stored yet: start and stop once with"
            " NOWLINE_BUS_URL=memory: before using Redis."
        )
        raise NowlineError(Code.CONFLICT, detail)
