"""A look at the file of events, also at one in use; what it holds stays as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from nowline.store import activity_tables as tables
from nowline.store.activity import ActivityState

# Looking through more takes longer than who asks is ready to wait.
_MOST_CHECKED = 1 << 30


def state_of(file: Path, keep_ms: int) -> ActivityState:
    """What a file of events has.

    Args:
        file: The file.
        keep_ms: How long events are kept.

    Raises:
        sqlite3.Error: It holds none, or cannot be read.
    """
    with _opened(file) as db:
        counts = tables.counts(db)
        oldest = min(map(tables.start_of, counts), default=None)
        return ActivityState(sum(counts.values()), size_of(file), oldest, 0, keep_ms)


def fault_of(file: Path) -> str | None:
    """What is wrong with the structure of a file, None if nothing is, or it is very large.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    if size_of(file) > _MOST_CHECKED:
        return None
    with _opened(file) as db:
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    return None if verdict == "ok" else " ".join(str(verdict).split())


def size_of(file: Path) -> int:
    """The bytes of the file, with what is still beside it."""
    files = (Path(f"{file}{end}") for end in ("", "-wal"))
    return sum(each.stat().st_size for each in files if each.exists())


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    # Not `mode=ro`, which would leave the side files behind, owned by whoever looks.
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as db:
        yield db
