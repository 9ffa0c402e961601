"""For whoever runs the server: is it alive, is it ready, what does it do, what can it be asked."""

from __future__ import annotations

from pathlib import Path

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from nowline import __version__
from nowline.api.exposition import Telemetry
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError

_DOCUMENT = Path(__file__).parent / "openapi.json"
_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Health(msgspec.Struct, frozen=True):
    """That the server answers, and which version it is."""

    status: str
    version: str


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """That every part works, which version it is, and what is not promised, if anything."""

    status: str
    version: str
    warnings: tuple[str, ...] = ()


@get("/healthz", opt={"action": Action.PUBLIC}, tags=["operations"])
async def healthz() -> Health:
    """Whether the process answers at all."""
    return Health("ok", __version__)


@get("/readyz", opt={"action": Action.PUBLIC}, tags=["operations"])
async def readyz(telemetry: NamedDependency[Telemetry]) -> Readiness:
    """Whether every part works; 503 names the part that does not."""
    fault = telemetry.fault()
    if fault:
        raise NowlineError(Code.UNAVAILABLE, fault, retry_after_s=2)
    return Readiness("ready", __version__, telemetry.warnings())


@get("/metrics", opt={"action": Action.READ}, tags=["operations"])
async def metrics(telemetry: NamedDependency[Telemetry]) -> Response[bytes]:
    """The server's own state as OpenMetrics text."""
    return Response(telemetry.openmetrics(), media_type=_OPENMETRICS)


@get("/openapi.json", opt={"action": Action.READ}, include_in_schema=False)
async def openapi() -> Response[bytes]:
    """What this server can be asked (OpenAPI 3.1).

    The document is made when a route changes and kept beside the code (`make types`): to make it
    here would cost every server a third more memory.
    """
    return Response(_DOCUMENT.read_bytes(), media_type="application/json")


routes = [healthz, readyz, metrics, openapi]
