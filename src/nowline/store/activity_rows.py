"""Events as rows of PostgreSQL: how they are written, and how they are asked for."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from nowline.model.event import Event
from nowline.store.activity import FILTERED, Filter, Place, Stored

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from asyncpg import Record

COLUMNS: Final = (
    *("time", "event_type", "event_id", "user_id", "organization_id", "session_id"),
    *("metadata", "status", "endpoint", "feature"),
)
"""What an event has; the row's number comes from the sequence, in the order of the rows."""
_FACTS: Final = (
    *("time", "event_type", "event_id", "user_id", "organization_id", "session_id", "status"),
)


def rows_of(events: Sequence[Event]) -> Iterator[tuple[Any, ...]]:
    """The rows of events, in the order of `COLUMNS`."""
    for event in events:
        yield (
            event.time,
            event.event_type,
            event.event_id,
            event.user_id,
            event.organization_id,
            event.session_id,
            event.metadata,
            event.status,
            event.endpoint,
            event.feature,
        )


def page(wanted: Filter, limit: int) -> tuple[str, list[object]]:
    """The query for the newest events that are wanted, newest first, and its values."""
    number = count(1)
    # Tells the planner which partitions to look into; a comparison of pairs does not.
    end = min(wanted.end, wanted.before.time + 1) if wanted.before else wanted.end
    conditions = [f"time >= ${next(number)}", f"time < ${next(number)}"]
    values: list[object] = [wanted.start, end]
    if wanted.before is not None:
        conditions.append(f"(time, id) < (${next(number)}, ${next(number)})")
        values += [wanted.before.time, wanted.before.number]
    for column in FILTERED:
        if column in wanted.values:
            conditions.append(f"{column} = ${next(number)}")
            values.append(wanted.values[column])
    query = (
        f"SELECT id, {', '.join(COLUMNS)} FROM activity_logs WHERE {' AND '.join(conditions)}"  # noqa: S608
        f" ORDER BY time DESC, id DESC LIMIT {limit:d}"
    )
    return query, values


def since(start: int, types: Collection[str]) -> tuple[str, list[object]]:
    """The query for events from `start` on, oldest first, without metadata, and its values."""
    chosen, values = ("AND event_type = ANY($2::text[])", [[*types]]) if types else ("", [])
    query = (
        f"SELECT {', '.join(_FACTS)} FROM activity_logs WHERE time >= $1 {chosen} ORDER BY time, id"  # noqa: S608
    )
    return query, [start, *values]


def stored(row: Record) -> Stored:
    """The event of a row, and where it is."""
    fields = dict(row)
    return Stored(Place(fields["time"], fields.pop("id")), Event(**fields))


def fact(row: Record) -> Event:
    """The event of a row without metadata."""
    return Event(**row)
