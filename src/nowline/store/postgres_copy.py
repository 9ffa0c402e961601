"""PostgreSQL's binary COPY format, to and from NumPy columns.

Source: PostgreSQL documentation, COPY, "Binary Format". All columns are of fixed width and none is
null, so that a whole table is one structured array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from asyncpg import Connection
    from asyncpg.pool import PoolConnectionProxy
    from numpy.typing import NDArray

    AnyConnection = Connection | PoolConnectionProxy

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"


async def copy_in(
    connection: AnyConnection, table: str, columns: Mapping[str, NDArray[Any]]
) -> None:
    """Append the columns, named as those of the table, in its schema."""
    await connection.copy_to_table(
        table, source=_once(encode(columns)), columns=list(columns), format="binary"
    )


async def copy_out(
    connection: AnyConnection, sql: str, values: list[object], columns: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """The result of a query.

    Args:
        connection: Where to ask.
        sql: The query, with `$1` and so on.
        values: What these stand for.
        columns: Name and NumPy type (`i8`, `i4`, `f8`) of each column, in order.
    """
    taken = bytearray()

    async def take(chunk: bytes) -> None:
        taken.extend(chunk)

    await connection.copy_from_query(sql, *values, output=take, format="binary")
    return decode(taken, columns)


def encode(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """The columns in the binary format; all are as long as the first one."""
    length = len(next(iter(columns.values())))
    rows = np.empty(length, _layout({name: c.dtype.str[1:] for name, c in columns.items()}))
    rows["fields"] = len(columns)
    for name, column in columns.items():
        rows[f"{name} size"] = column.dtype.itemsize
        rows[name] = column
    return b"".join((_HEADER, rows.tobytes(), _TRAILER))


def decode(raw: bytes | bytearray, columns: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """The columns that the binary format holds, in the machine's own byte order."""
    body = memoryview(raw)[len(_HEADER) : len(raw) - len(_TRAILER)]
    rows = np.frombuffer(body, _layout(columns))
    return {name: rows[name].astype(kind) for name, kind in columns.items()}


def _layout(columns: Mapping[str, str]) -> np.dtype[Any]:
    """One row: how many fields, then of each its size in bytes and itself, big-endian."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in columns.items():
        fields += [(f"{name} size", ">i4"), (name, f">{kind}")]
    return np.dtype(fields)


async def _once(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
