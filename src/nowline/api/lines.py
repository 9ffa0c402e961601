"""Where InfluxDB line protocol comes in, at the addresses that its clients know."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from nowline import __version__
from nowline.api.ingest_schemas import LINES
from nowline.api.refused import field_error
from nowline.api.sent import sent_body
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError
from nowline.ingest.lines import decode_lines
from nowline.ingest.service import Ingest, Outcome

_DEFAULT_PRECISION = "ns"


class InfluxHealth(msgspec.Struct, frozen=True):
    """That the server takes writes, in the form of InfluxDB 2's `/health`."""

    name: str
    message: str
    status: str
    version: str


async def write(request: Request[Any, Any, Any], ingest: NamedDependency[Ingest]) -> Response[None]:
    """Take in InfluxDB line protocol; the answer comes when the good lines are on disk.

    Lines that are refused are listed with their 0-based place; the others are kept.
    """
    precision = _DEFAULT_PRECISION
    if request.scope["query_string"]:
        precision = request.query_params.get("precision") or precision
    body = await sent_body(request)
    outcome = await ingest.accept(decode_lines(body, ingest.now_ms(), precision))
    if outcome.rejected:
        raise _refusal(outcome)
    return Response(None, status_code=HTTPStatus.NO_CONTENT)


@get("/ping", status_code=HTTPStatus.NO_CONTENT, opt={"action": Action.PUBLIC}, tags=["ingest"])
async def ping() -> Response[None]:
    """What InfluxDB's clients ask first: whether there is somebody, and who."""
    headers = {"x-influxdb-version": f"nowline-{__version__}", "x-influxdb-build": "nowline"}
    return Response(None, status_code=HTTPStatus.NO_CONTENT, headers=headers)


@get("/health", opt={"action": Action.PUBLIC}, tags=["ingest"])
async def health() -> InfluxHealth:
    """The same, for clients of InfluxDB 2."""
    return InfluxHealth("nowline", "ready for writes", "pass", __version__)


def _refusal(outcome: Outcome) -> NowlineError:
    lines, values = len({row.index for row in outcome.rejected}), outcome.accepted
    refused = "1 line was" if lines == 1 else f"{lines} lines were"
    kept = "1 value was" if values == 1 else f"{values} values were"
    detail = f"{refused} refused, see `errors`; {kept} kept."
    return NowlineError(Code.INVALID, detail, errors=tuple(map(field_error, outcome.rejected)))


# A handler each: the framework holds the paths of one in a set, which has no order to describe.
_doors = [
    post(
        path,
        status_code=HTTPStatus.NO_CONTENT,
        opt={"action": Action.INGEST, "direct": True},
        tags=["ingest"],
        request_max_body_size=None,  # these routes have limits of their own
    )(write)
    for path in LINES
]
routes = [*_doors, ping, health]
