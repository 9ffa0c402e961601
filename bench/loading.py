"""Weeks of data in the product's folder before it starts.

The rows take the way that the server's own writer takes: the catalogue gives the ids, appends in
order of time close the minutes, and rounds of upkeep follow, as if the server had run all along.
Only HTTP and the log are left out, which leave nothing behind in the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.dataset import Chunk, Dataset
from nowline.config import load as load_settings
from nowline.model.level import Level
from nowline.model.query import DAY_MS, MINUTE_MS
from nowline.store.base import Append, Rows
from nowline.store.catalogue import Catalogue
from nowline.store.embedded import EmbeddedStore

LOG_ID = "bench"
# What the server waits for late rows before it closes a minute.
_LATENESS_MS = 5_000


def kept() -> dict[Level, int]:
    """How long each level is kept by default, milliseconds."""
    retention = load_settings({}).retention
    return {Level(name): int(age.total_seconds() * 1000) for name, age in retention.items()}


class Loader:
    """Turns chunks into appends."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self._catalogue = Catalogue()
        self._offset = 0
        self._closed = 0

    def append_of(self, chunk: Chunk) -> Append:
        """The append that takes a chunk in at the time of its last row."""
        batch = chunk.batch()
        rows = Rows(self._catalogue.resolve(batch), batch.time, batch.value)
        closed = (int(batch.time[-1]) - _LATENESS_MS) // MINUTE_MS * MINUTE_MS
        metrics, series = self._catalogue.take_unsaved(with_seen=closed > self._closed)
        self._closed = closed
        self._offset += 1
        return Append(rows, metrics, series, LOG_ID, self._offset, closed)

    async def append(self, chunk: Chunk) -> None:
        """Store a chunk."""
        await self._store.append(self.append_of(chunk))


async def fill(folder: Path, data: Sequence[Dataset]) -> None:
    """Put all of the data into the store that a server on this folder opens; it must exist."""
    path = load_settings({"NOWLINE_DATA_DIR": str(folder)}).store_path
    store = await EmbeddedStore.open(path, kept())
    loader = Loader(store)
    today = data[-1].end_ms // DAY_MS * DAY_MS
    for each in data:
        for chunk in each.chunks():
            # Closed days are sorted anew; of today, the rows lie as they came in.
            is_live = int(chunk.times[-1]) >= today
            for part in chunk.parts(1 if is_live else len(chunk.times)):
                await loader.append(part)
            await store.maintain(int(chunk.times[-1]) + each.step_ms)
    await store.close()
