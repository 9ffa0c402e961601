"""KPIs: a number out of several metrics, and how it compares with the period before."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from nowline.api.guard import caller
from nowline.auth.policy import Action
from nowline.errors import invalid
from nowline.model.kpi import Bounds, Kpi, KpiReading, Period
from nowline.query.kpi import Kpis


class KpiContent(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """All of a KPI but its code, which may be given if it is that of the path."""

    code: str | None = None
    name: str
    expression: str
    unit: str | None = None
    target: float | None = None
    rules: tuple[Bounds, ...] = ()

    def under(self, code: str) -> Kpi:
        """The definition with this code.

        Raises:
            NowlineError: Another code is given.
        """
        if self.code not in {None, code}:
            raise invalid("code", f"must be that of the path, `{code}`, or be left out")
        return Kpi(**msgspec.structs.asdict(self) | {"code": code})


class KpiList(msgspec.Struct):
    """All definitions, by code."""

    kpis: list[Kpi]


@get(
    "/kpi/{code:str}",
    opt={"action": Action.READ},
    tags=["kpis"],
    response_headers={"cache-control": "no-store"},
)
async def kpi_value(
    kpis: NamedDependency[Kpis], code: FromPath[str], period: FromQuery[Period] = Period.DAY
) -> KpiReading:
    """Read a KPI: its value in the period so far against the whole period before."""
    return await kpis.read(code, period)


@get("/api/v1/kpis", opt={"action": Action.READ}, tags=["kpis"])
async def list_kpis(kpis: NamedDependency[Kpis]) -> KpiList:
    """List the definitions of all KPIs."""
    return KpiList(await kpis.definitions())


@post("/api/v1/kpis", opt={"action": Action.WRITE}, tags=["kpis"])
async def create_kpi(
    request: Request[Any, Any, Any], data: JSONBody[Kpi], kpis: NamedDependency[Kpis]
) -> Kpi:
    """Define a KPI."""
    await kpis.create(data, caller(request))
    return data


@get("/api/v1/kpis/{code:str}", opt={"action": Action.READ}, tags=["kpis"])
async def get_kpi(kpis: NamedDependency[Kpis], code: FromPath[str]) -> Kpi:
    """Get the definition of a KPI."""
    return await kpis.definition(code)


@put("/api/v1/kpis/{code:str}", opt={"action": Action.WRITE}, tags=["kpis"])
async def replace_kpi(
    request: Request[Any, Any, Any],
    code: FromPath[str],
    data: JSONBody[KpiContent],
    kpis: NamedDependency[Kpis],
) -> Kpi:
    """Replace the definition of a KPI."""
    kpi = data.under(code)
    await kpis.replace(kpi, caller(request))
    return kpi


@delete("/api/v1/kpis/{code:str}", opt={"action": Action.WRITE}, tags=["kpis"])
async def delete_kpi(
    request: Request[Any, Any, Any], code: FromPath[str], kpis: NamedDependency[Kpis]
) -> None:
    """Delete a KPI."""
    await kpis.delete(code, caller(request))


routes = [kpi_value, list_kpis, create_kpi, get_kpi, replace_kpi, delete_kpi]
