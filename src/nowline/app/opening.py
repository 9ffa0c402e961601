"""The files and databases of a server, as its settings say."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nowline import __version__
from nowline.backup.archive import ACTIVITY
from nowline.bus.base import Log
from nowline.config import Settings, signing_key
from nowline.model.level import Level
from nowline.store.activity import ActivityStore
from nowline.store.activity_sqlite import SqliteActivity
from nowline.store.base import Store
from nowline.store.embedded import EmbeddedStore

if TYPE_CHECKING:
    from nowline.store.redis import RedisCache


async def open_store(settings: Settings) -> Store:
    """The store of the measurements."""
    if not settings.store_url.startswith("postgresql:"):
        return await EmbeddedStore.open(settings.store_path, kept(settings))
    # Its driver takes a good part of the start-up time, and most do without.
    from nowline.store.postgres import PostgresStore  # noqa: PLC0415

    return await PostgresStore.open(settings.store_url, kept(settings))


async def open_events(settings: Settings) -> ActivityStore:
    """The store of the events, which is where the measurements are."""
    keep_ms = ms(settings.activity_retention)
    if not settings.store_url.startswith("postgresql:"):
        return await SqliteActivity.open(settings.data_dir / ACTIVITY, keep_ms)
    from nowline.store.activity_postgres import PostgresActivity  # noqa: PLC0415 - as above

    return await PostgresActivity.open(settings.store_url, keep_ms)


def open_shared(settings: Settings, bus: Log) -> RedisCache | None:
    """The cache of the settings; of each version apart, which may give other answers."""
    if settings.cache_url is None:
        return None
    from nowline.store.redis import RedisCache  # noqa: PLC0415 - as with PostgreSQL

    return RedisCache(settings.cache_url, f"{__version__}:{bus.id}", signing_key(settings))


def kept(settings: Settings) -> dict[Level, int]:
    """How long each level is kept, in milliseconds."""
    return {Level(name): ms(age) for name, age in settings.retention.items()}


def ms(duration: timedelta) -> int:
    """A duration in milliseconds."""
    return int(duration.total_seconds() * 1000)
