"""Where InfluxDB line protocol comes in, at the addresses that its clients know."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency

from nowline import __version__
from nowline.api.doors import Answer, Door, Sent
from nowline.api.ingest_schemas import LINES
from nowline.api.refused import field_error
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError
from nowline.ingest.columns import Columns
from nowline.ingest.group_commit import Form, GroupCommit
from nowline.ingest.joint import decode_lines_of
from nowline.ingest.lines import PRECISIONS, decode_lines
from nowline.ingest.service import Outcome

_DEFAULT_PRECISION = b"ns"


class InfluxHealth(msgspec.Struct, frozen=True):
    """That the server takes writes, in the form of InfluxDB 2's `/health`."""

    name: str
    message: str
    status: str
    version: str


def _decode(sent: Sent, now_ms: int) -> Columns:
    return decode_lines(sent.body, now_ms, _precision(sent.query))


# A sender's query is the same each time.
@lru_cache(64)
def _precision(query: bytes) -> str:
    return parse_qs(query).get(b"precision", [_DEFAULT_PRECISION])[-1].decode("latin-1")


def _form(_content_type: str, query: bytes) -> Form | None:
    return _FORMS.get(_precision(query))


def _form_of(precision: str) -> Form:
    return Form(
        lambda body, now_ms: decode_lines(body, now_ms, precision),
        lambda bodies, now_ms: decode_lines_of(bodies, now_ms, precision),
    )


_FORMS = {precision: _form_of(precision) for precision in PRECISIONS}


def _answer(outcome: Outcome) -> Answer:
    if outcome.rejected:
        raise _refusal(outcome)
    return _KEPT


_KEPT = Answer(HTTPStatus.NO_CONTENT)
WRITE = Door(_decode, _answer, _form)


async def write(
    request: Request[Any, Any, Any], group: NamedDependency[GroupCommit]
) -> Response[None]:
    """Take in InfluxDB line protocol; the answer comes when the good lines are on disk.

    Lines that are refused are listed with their 0-based place; the others are kept.
    """
    return await WRITE.take(request, group)


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
