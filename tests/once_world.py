"""A door that takes each row once, on a real log and a real store, without a server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nowline.bus.embedded import EmbeddedLog
from nowline.errors import Code, NowlineError
from nowline.ingest.repeated_rows import Once, StoredPast
from nowline.ingest.service import Ingest
from nowline.model.batch import Batch
from nowline.model.partials import Ints
from nowline.model.series import SeriesKey
from nowline.store.base import Append, Rows
from nowline.store.catalogue import Catalogue
from nowline.store.embedded import EmbeddedStore
from personas import SetClock
from stores import FOREVER

NOW = 1_800_000_000_000
KEEP_MS = 30 * 86_400_000
Row = tuple[str, int]


class Refusing(EmbeddedLog):
    """A log that refuses so many appends."""

    refusals = 0

    async def append(self, blob: bytes) -> int:
        if self.refusals:
            self.refusals -= 1
            await asyncio.sleep(0)
            raise NowlineError(Code.DISK_FULL, "full")
        return await super().append(blob)


class Silent(EmbeddedStore):
    """A store that cannot be asked while `is_away`."""

    is_away = False

    async def rows_of(self, series: Ints, start: int, end: int) -> Rows:
        if self.is_away:
            raise OSError("gone")
        return await super().rows_of(series, start, end)


class World:
    """A door, its log, and a store that reads behind when it is told to."""

    bus: Refusing
    store: Silent

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def start(self) -> None:
        bus = await Refusing.open(self.folder / "log.sqlite")
        store = await Silent.open(self.folder / "store.duckdb", FOREVER)
        assert isinstance(bus, Refusing)
        assert isinstance(store, Silent)
        self.bus, self.store = bus, store
        self.catalogue = Catalogue()
        await store.load(self.catalogue)
        self.offset = await store.offset(bus.id)
        self.ingest = Ingest(bus, self.catalogue, SetClock(NOW), KEEP_MS)
        self.past = StoredPast(store, self.catalogue, bus, lambda: self.offset)
        self.once = Once(self.ingest, self.past)
        # A server has in its store what the log has before it opens its doors.
        await self.put_away()

    async def stop(self) -> None:
        await self.store.flush()
        await self.store.close()
        await self.bus.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def put_away(self) -> None:
        """Store what the log has."""
        for record in await self.bus.read(self.offset, 1 << 30):
            batch = Batch.decode(bytes(record.blob))
            rows = Rows(self.catalogue.resolve(batch), batch.time, batch.value)
            metrics, new = self.catalogue.take_unsaved(with_seen=True)
            await self.store.append(Append(rows, metrics, new, self.bus.id, record.offset, 0))
            self.offset = record.offset

    async def batches(self) -> list[Batch]:
        """Everything that the log has."""
        return [Batch.decode(bytes(record.blob)) for record in await self.bus.read(0, 1 << 30)]

    async def rows(self) -> list[Row]:
        """Name and time of every row in the log."""
        return sorted(
            (SeriesKey.decode(batch.keys[series]).name, time)
            for batch in await self.batches()
            for series, time in zip(batch.series.tolist(), batch.time.tolist(), strict=True)
        )
