"""The kinds of store that the contract suites run over."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import postgres
from nowline.model.level import Level
from nowline.store.base import Store
from nowline.store.embedded import EmbeddedStore

FOREVER = dict.fromkeys(Level, 1 << 60)


@dataclass(frozen=True)
class Kind:
    """How to open the store that lives in a folder, and what a crash would leave of it.

    `open` takes how long each level is kept; `crash` copies a store that is in use to a folder
    that is not there yet.
    """

    name: str
    open: Callable[[Path, Mapping[Level, int]], Awaitable[Store]]
    crash: Callable[[Path, Path], None]


async def _open_duckdb(folder: Path, keep_ms: Mapping[Level, int]) -> Store:
    return await EmbeddedStore.open(folder / "store.duckdb", keep_ms)


async def _open_busy_duckdb(folder: Path, keep_ms: Mapping[Level, int]) -> Store:
    """A store whose memory is full after a few rows."""
    return await EmbeddedStore.open(folder / "store.duckdb", keep_ms, hot_rows=5)


def _copy_duckdb(folder: Path, to: Path) -> None:
    to.mkdir()
    for path in folder.glob("store.duckdb*"):
        shutil.copy(path, to)
    shutil.copytree(folder / "store.segments", to / "store.segments")


KINDS = [
    Kind("duckdb", _open_duckdb, _copy_duckdb),
    Kind("busy duckdb", _open_busy_duckdb, _copy_duckdb),
    Kind("postgres", postgres.PLAIN.open, postgres.PLAIN.crash),
]
if postgres.TIMESCALE is not None:
    KINDS.append(Kind("timescale", postgres.TIMESCALE.open, postgres.TIMESCALE.crash))
