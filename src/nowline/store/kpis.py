"""The queries on definitions of KPIs. Each runs in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from nowline.errors import Code, FieldError, NowlineError
from nowline.model.kpi import Bounds, Kpi
from nowline.store.tables import kpis

if TYPE_CHECKING:
    from sqlalchemy import CursorResult, Executable, Row
    from sqlalchemy.ext.asyncio import AsyncConnection

_RULES = msgspec.json.Decoder(tuple[Bounds, ...])


async def list_kpis(connection: AsyncConnection) -> list[Kpi]:
    """All definitions, by code."""
    # Databases order texts by their own locale; here the order is the same in each.
    found = map(_kpi, await connection.execute(select(kpis)))
    return sorted(found, key=lambda kpi: kpi.code)


async def get_kpi(connection: AsyncConnection, code: str) -> Kpi:
    """One definition.

    Raises:
        NowlineError: There is none with this code.
    """
    rows = await connection.execute(select(kpis).where(kpis.c.code == code))
    if (row := rows.first()) is None:
        raise _unknown(code)
    return _kpi(row)


async def add_kpi(connection: AsyncConnection, kpi: Kpi) -> None:
    """Add a definition.

    Raises:
        NowlineError: Another has the code.
    """
    try:
        await connection.execute(insert(kpis).values(_values(kpi)))
    except IntegrityError as error:
        message = "a KPI with this code exists already"
        raise NowlineError(
            Code.CONFLICT, f"code: {message}", errors=(FieldError(message, field="code"),)
        ) from error


async def replace_kpi(connection: AsyncConnection, kpi: Kpi) -> None:
    """Replace the definition that has the same code.

    Raises:
        NowlineError: There is none.
    """
    await _change(
        connection, update(kpis).where(kpis.c.code == kpi.code).values(_values(kpi)), kpi.code
    )


async def delete_kpi(connection: AsyncConnection, code: str) -> None:
    """Delete a definition.

    Raises:
        NowlineError: There is none with this code.
    """
    await _change(connection, delete(kpis).where(kpis.c.code == code), code)


async def _change(connection: AsyncConnection, statement: Executable, code: str) -> None:
    changed = cast("CursorResult[Any]", await connection.execute(statement)).rowcount
    if not changed:
        raise _unknown(code)


def _unknown(code: str) -> NowlineError:
    return NowlineError(Code.NOT_FOUND, f"There is no KPI `{code}`.")


def _values(kpi: Kpi) -> dict[str, object]:
    return msgspec.structs.asdict(kpi) | {"rules": msgspec.json.encode(kpi.rules).decode()}


def _kpi(row: Row[*tuple[Any, ...]]) -> Kpi:
    return Kpi(**row._asdict() | {"rules": _RULES.decode(row.rules)})
