"""How the events of PostgreSQL lie on its disk: by months, or in TimescaleDB's chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from nowline.model.query import DAY_MS
from nowline.store import postgres_migrations, postgres_schema, timescale_schema
from nowline.store.postgres_calendar import Calendar

if TYPE_CHECKING:
    from asyncpg import Connection

    from nowline.model.partials import Ints
    from nowline.store.postgres_copy import AnyConnection

SCHEMA: Final = "nowline_activity"
EVENTS: Final = "activity_logs"
SEEN: Final = "seen"
# Any number will do, as long as it stays the same and is nobody else's in this database.
LOCK: Final = 0x6E6F776C696E6505
"""What the one server that writes these tables holds."""

# A chunk is written while it is new, and compressed a day after it is over.
_CHUNK_MS: Final = 7 * DAY_MS
_FIRST: Final = """
CREATE TABLE progress (log_id text PRIMARY KEY, position bigint NOT NULL);
-- How many events each partition, or chunk, has: none is ever deleted alone.
CREATE TABLE periods (since bigint PRIMARY KEY, events bigint NOT NULL);
-- The time that the server told last. TimescaleDB's policies go by it.
CREATE TABLE upkeep (at bigint NOT NULL);
INSERT INTO upkeep VALUES (0);
CREATE FUNCTION upkeep_at() RETURNS bigint LANGUAGE sql STABLE
RETURN (SELECT at FROM nowline_activity.upkeep);
CREATE TABLE seen (key bigint NOT NULL, received bigint NOT NULL) PARTITION BY RANGE (received);
CREATE INDEX seen_key ON seen (key, received);
CREATE SEQUENCE activity_logs_id;
"""
_MIGRATIONS: Final = (_FIRST,)
# Metadata are `json`, not `jsonb`, which gives back another text and refuses what `json` takes.
_EVENTS: Final = """
CREATE TABLE activity_logs (
    id bigint NOT NULL DEFAULT nextval('activity_logs_id'), time bigint NOT NULL,
    event_type text NOT NULL, event_id text NOT NULL, user_id text, organization_id text,
    session_id text, metadata json NOT NULL, status int, endpoint text, feature text
) {partitioned};
{hypertable}
CREATE INDEX activity_logs_time ON activity_logs (time, id);
CREATE INDEX activity_logs_event_type ON activity_logs (event_type, time, id);
CREATE INDEX activity_logs_user_id ON activity_logs (user_id, time, id)
WHERE user_id IS NOT NULL;
CREATE INDEX activity_logs_organization_id ON activity_logs (organization_id, time, id)
WHERE organization_id IS NOT NULL;
CREATE INDEX activity_logs_session_id ON activity_logs (session_id, time, id)
WHERE session_id IS NOT NULL;
"""
_HYPERTABLE: Final = """
SELECT {functions}.create_hypertable(
    'activity_logs', {functions}.by_range('time', {period}::bigint),
    create_default_indexes => false
);
SELECT {functions}.set_integer_now_func('activity_logs', 'upkeep_at');
"""
_COLUMNAR: Final = """
ALTER TABLE activity_logs SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = '',
    timescaledb.orderby = 'time DESC, id DESC'
);
CALL {functions}.add_columnstore_policy('activity_logs', after => {after}::bigint);
"""
_FORGET_RETENTION: Final = """
SELECT {functions}.remove_retention_policy('activity_logs', if_exists => true)
"""
_SET_RETENTION: Final = "SELECT {functions}.add_retention_policy('activity_logs', $1::bigint)"
_DROP: Final = "SELECT {functions}.drop_chunks('activity_logs', older_than => $1::bigint)"
_SIZE: Final = "SELECT coalesce({functions}.hypertable_size('activity_logs'), 0)"


class Layout(ABC):
    """Where events go by their time, and how what is old is dropped."""

    @abstractmethod
    async def create(self, connection: Connection, keep_ms: int) -> None:
        """Make the table of events if it is not there, to be kept for so long."""

    @abstractmethod
    async def load(self, connection: AnyConnection) -> None:
        """Find out what there is."""

    @abstractmethod
    def starts(self, times: Ints) -> Ints:
        """Where the periods begin that events of these times are dropped with."""

    @abstractmethod
    async def make_room(self, connection: Connection, times: Ints) -> None:
        """See that there is a place for events of these times."""

    @abstractmethod
    async def drop_before(self, connection: Connection, start: int) -> None:
        """Drop the periods that begin before the beginning of one."""

    @abstractmethod
    async def size(self, connection: AnyConnection) -> int:
        """What is outside of the schema's own tables, in bytes."""


class Months(Layout):
    """A partition a month."""

    def __init__(self) -> None:
        self._partitions = Calendar(EVENTS, "M")

    async def create(self, connection: Connection, keep_ms: int) -> None:  # noqa: ARG002 - told when it drops
        """Make the partitioned table."""
        if not await _is_there(connection):
            made = _EVENTS.format(partitioned="PARTITION BY RANGE (time)", hypertable="")
            await connection.execute(made)

    async def load(self, connection: AnyConnection) -> None:
        """Find out which months there are."""
        await self._partitions.load(connection)

    def starts(self, times: Ints) -> Ints:
        """Where the months of these times begin."""
        return self._partitions.starts(times)

    async def make_room(self, connection: Connection, times: Ints) -> None:
        """See that there are partitions for events of these times."""
        await self._partitions.make_room(connection, times)

    async def drop_before(self, connection: Connection, start: int) -> None:
        """Drop the partitions of the months before one."""
        await self._partitions.drop_before(connection, start)

    async def size(self, connection: AnyConnection) -> int:  # noqa: ARG002 - all is in the schema
        """Nothing."""
        return 0


class Chunks(Layout):
    """A hypertable, whose chunks become columns when they are over.

    Args:
        functions: The schema that the extension is in.
    """

    def __init__(self, functions: str) -> None:
        self._functions = functions

    async def create(self, connection: Connection, keep_ms: int) -> None:
        """Make the hypertable, and give it its policies."""
        if not await _is_there(connection):
            hypertable = self._sql(_HYPERTABLE, period=_CHUNK_MS)
            await connection.execute(_EVENTS.format(partitioned="", hypertable=hypertable))
            await connection.execute(self._sql(_COLUMNAR, after=_CHUNK_MS + DAY_MS))
        await connection.execute(self._sql(_FORGET_RETENTION))
        if keep_ms < timescale_schema.FOREVER_MS:
            await connection.execute(self._sql(_SET_RETENTION), keep_ms)

    async def load(self, connection: AnyConnection) -> None:
        """Nothing to find out: TimescaleDB makes its chunks by itself."""

    def starts(self, times: Ints) -> Ints:
        """Where the chunks of these times begin."""
        return times // _CHUNK_MS * _CHUNK_MS

    async def make_room(self, connection: Connection, times: Ints) -> None:
        """Nothing to do, as with `load`."""

    async def drop_before(self, connection: Connection, start: int) -> None:
        """Drop the chunks before one."""
        await connection.execute(self._sql(_DROP), start)

    async def size(self, connection: AnyConnection) -> int:
        """What the chunks take."""
        found: int = await connection.fetchval(self._sql(_SIZE))
        return found

    def _sql(self, template: str, **values: int) -> str:
        return template.format(functions=self._functions, **values)


async def prepare(connection: Connection, keep_ms: int) -> Layout:
    """Bring the tables up to date; the layout that they have, or that new ones get.

    Args:
        connection: In a transaction, with `SCHEMA` in its path.
        keep_ms: How long events are kept.

    Raises:
        NowlineError: A newer program wrote them.
    """
    await postgres_migrations.migrate(connection, "tables of events", _MIGRATIONS)
    functions = await timescale_schema.functions(connection, EVENTS)
    layout = Months() if functions is None else Chunks(functions)
    await layout.create(connection, keep_ms)
    return layout


async def size(connection: AnyConnection, layout: Layout) -> int:
    """Bytes that everything takes on disk."""
    return await postgres_schema.size(connection, SCHEMA) + await layout.size(connection)


async def _is_there(connection: Connection) -> bool:
    found: bool = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", EVENTS)
    return found
