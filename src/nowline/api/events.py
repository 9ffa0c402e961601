"""Where events and task executions come in."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency

from nowline.api.doors import JSON
from nowline.api.ingest import NDJSON, media_type_of
from nowline.api.sent import sent_body
from nowline.auth.policy import Action
from nowline.ingest.activity import Activity
from nowline.ingest.rows import Row, of_json, of_lines
from nowline.ingest.service import Outcome

_OPTIONS: dict[str, Any] = {"action": Action.INGEST, "direct": True}


@post(
    "/api/v1/ingest/events",
    status_code=202,
    opt=_OPTIONS,
    tags=["ingest"],
    request_max_body_size=None,  # the doors have limits of their own
)
async def events(
    request: Request[Any, Any, Any], activity: NamedDependency[Activity]
) -> Response[bytes]:
    """Take in events: `{"events": [event, …]}`, a bare array, or one event a line (NDJSON).

    The same `event_id` counts once a day. Addresses and e-mail addresses are masked before
    anything is kept.
    """
    return _answer(await activity.take_events(await _rows(request, "events")))


@post(
    "/api/v1/ingest/tasks",
    status_code=202,
    opt=_OPTIONS,
    tags=["ingest"],
    request_max_body_size=None,
)
async def tasks(
    request: Request[Any, Any, Any], activity: NamedDependency[Activity]
) -> Response[bytes]:
    """Take in task executions: `{"tasks": [task, …]}`, a bare array, or one a line (NDJSON)."""
    return _answer(await activity.take_tasks(await _rows(request, "tasks")))


async def _rows(request: Request[Any, Any, Any], name: str) -> list[Row]:
    media_type = media_type_of(request.headers.get("content-type", ""))
    body = await sent_body(request)
    return of_lines(body) if media_type in NDJSON else of_json(body, name)


def _answer(outcome: Outcome) -> Response[bytes]:
    return Response(msgspec.json.encode(outcome), media_type=JSON)


routes = [events, tasks]
