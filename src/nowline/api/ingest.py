"""Where rows come in."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency

from nowline.api.sent import sent_body
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError
from nowline.ingest.columns import Columns
from nowline.ingest.json import decode_json, decode_ndjson
from nowline.ingest.service import Ingest

JSON = "application/json"
NDJSON = {"application/x-ndjson", "application/ndjson", "application/jsonl"}


@post(
    "/api/v1/ingest/metrics",
    status_code=202,
    opt={"action": Action.INGEST, "direct": True},
    tags=["ingest"],
    request_max_body_size=None,  # this route has limits of its own
)
async def metrics(
    request: Request[Any, Any, Any], ingest: NamedDependency[Ingest]
) -> Response[bytes]:
    """Take in metrics: `{"metrics": [point, …]}`, a bare array, or one point a line (NDJSON).

    The answer comes when the accepted rows are on disk. Rows that are refused are listed with
    their 0-based place and the reason; the others are kept.
    """
    media_type = media_type_of(request)
    body = await sent_body(request)
    outcome = await ingest.accept(_decode(media_type, body, ingest.now_ms()))
    return Response(msgspec.json.encode(outcome), media_type=JSON)


def media_type_of(request: Request[Any, Any, Any]) -> str:
    """What kind of JSON is sent.

    Raises:
        NowlineError: UNSUPPORTED: none.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in {"", JSON} | NDJSON:
        raise NowlineError(
            Code.UNSUPPORTED,
            f"Content-Type `{media_type}` is not known; send application/json or "
            "application/x-ndjson.",
        )
    return media_type


def _decode(media_type: str, body: bytes, now_ms: int) -> Columns:
    return decode_ndjson(body, now_ms) if media_type in NDJSON else decode_json(body, now_ms)


routes = [metrics]
