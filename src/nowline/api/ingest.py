"""Where rows come in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency

from nowline.api.doors import JSON, Answer, Door, Sent
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError
from nowline.ingest.columns import Columns
from nowline.ingest.group_commit import Form, GroupCommit
from nowline.ingest.joint import decode_json_of, decode_ndjson_of
from nowline.ingest.json import decode_json, decode_ndjson
from nowline.ingest.service import Outcome

PATH = "/api/v1/ingest/metrics"
NDJSON = {"application/x-ndjson", "application/ndjson", "application/jsonl"}


def media_type_of(content_type: str) -> str:
    """What kind of JSON is sent.

    Raises:
        NowlineError: UNSUPPORTED: none.
    """
    media_type = _bare(content_type)
    if media_type not in {"", JSON} | NDJSON:
        raise NowlineError(
            Code.UNSUPPORTED,
            f"Content-Type `{media_type}` is not known; send application/json or "
            "application/x-ndjson.",
        )
    return media_type


def _bare(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _decode(sent: Sent, now_ms: int) -> Columns:
    is_ndjson = media_type_of(sent.content_type) in NDJSON
    return decode_ndjson(sent.body, now_ms) if is_ndjson else decode_json(sent.body, now_ms)


_LINES = Form(decode_ndjson, decode_ndjson_of)
_ARRAY = Form(decode_json, decode_json_of)


def _form(content_type: str, _query: bytes) -> Form | None:
    media_type = _bare(content_type)
    if media_type in NDJSON:
        return _LINES
    return _ARRAY if media_type in {"", JSON} else None


def _answer(outcome: Outcome) -> Answer:
    return Answer(HTTPStatus.ACCEPTED, msgspec.json.encode(outcome))


METRICS = Door(_decode, _answer, _form)


@post(
    PATH,
    status_code=HTTPStatus.ACCEPTED,
    opt={"action": Action.INGEST, "direct": True},
    tags=["ingest"],
    request_max_body_size=None,  # this route has limits of its own
)
async def metrics(
    request: Request[Any, Any, Any], group: NamedDependency[GroupCommit]
) -> Response[bytes]:
    """Take in metrics: `{"metrics": [point, …]}`, a bare array, or one point a line (NDJSON).

    The answer comes when the accepted rows are on disk. Rows that are refused are listed with
    their 0-based place and the reason; the others are kept.
    """
    media_type_of(request.headers.get("content-type", ""))
    return await METRICS.take(request, group)


routes = [metrics]
