"""The OpenAPI document: what the framework derives from the routes, and what it cannot know.

It cannot know which refusals a route may answer with, bodies that a route reads by itself, and
streams. Fuzz tests run against the result, so it has to be the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from nowline.api.dashboard_schemas import describe_dashboards
from nowline.api.ingest_schemas import LINES, TAGS, describe_ingest, json_content
from nowline.api.problems import MEDIA_TYPE, Problem
from nowline.auth.policy import Action
from nowline.model.level import Level
from nowline.model.query import Aggregation

_WHEN = {
    400: "The input is wrong; `errors` names the fields.",
    401: "No valid credential was sent.",
    403: "The credential does not allow this.",
    404: "There is no such thing, or not for this caller.",
    408: "The body came in too slowly.",
    409: "It contradicts what is there.",
    412: "It is another version by now; get it again.",
    413: "The body is too large.",
    415: "The body's type or encoding is not known.",
    422: "It would cost too much.",
    426: "The transport cannot carry this; poll instead.",
    429: "Too many requests; see Retry-After.",
    503: "Not now; see Retry-After.",
    507: "The disk is full.",
}
# Refusals besides those that follow from the action and the body.
_REFUSALS = {
    ("/readyz", "get"): (503,),
    ("/api/auth/login", "post"): (401, 429, 503),
    ("/api/auth/setup", "post"): (403, 409, 429),
    ("/api/auth/refresh", "post"): (401,),
    ("/api/auth/logout", "post"): (401,),
    ("/api/v1/users", "post"): (409,),
    ("/api/v1/users/{user_id}", "patch"): (404, 409),
    ("/api/v1/users/{user_id}", "delete"): (404, 409),
    ("/api/v1/keys/{key_id}", "delete"): (404,),
    ("/api/v1/audit", "get"): (400,),
    ("/api/v1/backup", "post"): (409, 415, 503, 507),
    ("/api/v1/dead-letters", "get"): (400,),
    ("/api/v1/dead-letters/{letter_id}/replay", "post"): (404, 409, 415, 503, 507),
    ("/api/v1/dead-letters/{letter_id}", "delete"): (404, 409, 503, 507),
    ("/api/v1/ingest/metrics", "post"): (429, 503, 507),
    ("/api/v1/ingest/events", "post"): (429, 503, 507),
    ("/api/v1/ingest/tasks", "post"): (429, 503, 507),
    ("/api/v1/activity/recent", "get"): (400,),
    ("/api/v1/activity", "get"): (400, 503),
    ("/api/v1/activity/stats", "get"): (400,),
    **{(path, "post"): (429, 503, 507) for path in LINES},
    ("/api/v1/prom/write", "post"): (429, 503, 507),
    ("/v1/metrics", "post"): (429, 503),
    ("/api/v1/metrics/query", "post"): (422, 503),
    ("/api/v1/metrics/query/batch", "post"): (503,),
    ("/api/v1/metrics", "get"): (400,),
    ("/api/v1/metrics/{name}/tags/{key}", "get"): (404,),
    ("/kpi/{code}", "get"): (404, 422, 503),
    ("/api/v1/kpis", "post"): (409,),
    ("/api/v1/kpis/{code}", "get"): (404,),
    ("/api/v1/kpis/{code}", "put"): (404,),
    ("/api/v1/kpis/{code}", "delete"): (404,),
    ("/api/v1/dashboards", "post"): (409,),
    ("/api/v1/dashboards/import", "post"): (409, 415),
    ("/api/v1/dashboards/{dashboard_id}", "get"): (404,),
    ("/api/v1/dashboards/{dashboard_id}", "put"): (404, 412),
    ("/api/v1/dashboards/{dashboard_id}", "delete"): (404, 412),
    ("/api/v1/dashboards/{dashboard_id}/duplicate", "post"): (404, 409),
    ("/api/v1/dashboards/{dashboard_id}/versions", "get"): (404,),
    ("/api/v1/dashboards/{dashboard_id}/versions/{version}", "get"): (404,),
    ("/api/v1/dashboards/{dashboard_id}/export", "get"): (404, 422, 429, 503),
    ("/api/v1/dashboards/{dashboard_id}/star", "put"): (404,),
    ("/api/v1/dashboards/{dashboard_id}/star", "delete"): (404,),
    ("/api/v1/dashboards/{dashboard_id}/shares", "get"): (404,),
    ("/api/v1/dashboards/{dashboard_id}/shares", "post"): (404, 409),
    ("/api/v1/dashboards/{dashboard_id}/shares/{share_id}", "delete"): (404,),
    ("/api/v1/dashboards/{dashboard_id}/embeds", "get"): (404,),
    ("/api/v1/dashboards/{dashboard_id}/embeds", "post"): (404, 409),
    ("/api/v1/dashboards/{dashboard_id}/embeds/{share_id}", "delete"): (404,),
    ("/api/v1/shared/query", "post"): (403, 422, 503),
    ("/api/v1/shared/poll", "get"): (400, 403, 422, 503),
    ("/api/v1/shared/stream", "get"): (400, 403, 422, 426, 503),
    ("/api/v1/templates/{template_id}", "get"): (404,),
    ("/api/v1/templates/{template_id}/star", "put"): (404,),
    ("/api/v1/templates/{template_id}/star", "delete"): (404,),
    ("/api/v1/live/poll", "get"): (400, 404, 422, 503),
    ("/api/dashboard/stream", "get"): (400, 404, 422, 426, 503),
}
_DURATION = "[1-9][0-9]{0,8}[smhdw]"
# What is checked after decoding.
_BOUNDS = {
    ("Query", "metric_name"): {"minLength": 1},
    ("Query", "interval"): {"pattern": f"^(auto|{_DURATION})$"},
    ("Query", "max_points"): {"minimum": 1, "maximum": 100_000},
    ("Query", "compare"): {"pattern": f"^{_DURATION}$"},
    ("Query", "timezone"): {"description": "An IANA name.", "examples": ["Europe/Rome"]},
    ("TimeRange", "last"): {"pattern": f"^{_DURATION}$"},
    ("Kpi", "code"): {"pattern": "^[A-Za-z0-9_.-]{1,64}$"},
    ("Kpi", "name"): {"minLength": 1, "maxLength": 100},
    ("Kpi", "expression"): {"minLength": 1, "maxLength": 4096},
    ("Kpi", "rules"): {"maxItems": 16},
    ("KpiContent", "name"): {"minLength": 1, "maxLength": 100},
    ("KpiContent", "expression"): {"minLength": 1, "maxLength": 4096},
    ("KpiContent", "rules"): {"maxItems": 16},
}
_DATA_POINT = {
    "type": "object",
    "required": ["timestamp", "value", "tags"],
    "properties": {
        "timestamp": {"type": "string", "format": "date-time"},
        "value": {"type": ["number", "null"]},
        "tags": TAGS,
    },
}
_ANSWER = {
    "type": "object",
    "required": ["data", "meta"],
    "properties": {
        "data": {"type": "array", "items": _DATA_POINT},
        "compare": {
            "type": "array",
            "items": _DATA_POINT,
            "description": "Where it was asked for: the earlier range, moved to today's time.",
        },
        "meta": {
            "type": "object",
            "required": ["interval", "level", "points", "cached", "took_ms"],
            "properties": {
                "interval": {"type": "string"},
                "level": {"enum": [level.value for level in Level]},
                "points": {"type": "integer"},
                "cached": {"type": "boolean"},
                "took_ms": {"type": "number"},
            },
        },
    },
}
_FRAMES = {
    "type": "object",
    "required": ["frames", "cursor"],
    "properties": {
        "frames": {"type": "array", "items": {"type": "object"}},
        "cursor": {"type": "string"},
    },
}
_WATCHED = {
    "metrics": "Names with commas between them, each over the last five minutes.",
    "dashboard": "The id of a dashboard.",
    "subscriptions": "A JSON list of subscriptions as the WebSocket takes them.",
}


def describe(app: Litestar) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the application."""
    document = app.openapi_schema.to_schema()
    template = "#/components/schemas/{name}"
    problem = msgspec.json.schema_components([Problem], ref_template=template)[1]
    document["components"]["schemas"] |= problem
    _be_strict(document["components"]["schemas"], bodies(app))
    document["paths"]["/api/dashboard/stream"] = {"get": _stream()}
    document["paths"]["/api/v1/shared/stream"] = {"get": _shared_stream()}
    _supplement(document["paths"])
    for path, method, action in actions(app):
        operation = document["paths"].get(path, {}).get(method)
        if operation is not None:
            _refuse(operation, action, _REFUSALS.get((path, method), ()))
    return document


def _be_strict(schemas: dict[str, Any], kinds: list[type]) -> None:
    """Say that bodies may have no unknown fields, and that `1` is a number as well."""
    template = "#/components/schemas/{name}"
    for name, exact in msgspec.json.schema_components(kinds, ref_template=template)[1].items():
        if name in schemas and exact.get("additionalProperties") is False:
            schemas[name]["additionalProperties"] = False
            for field in schemas[name]["properties"].values():
                if "oneOf" in field:
                    field["anyOf"] = field.pop("oneOf")
    for (name, field_name), bounds in _BOUNDS.items():
        schemas[name]["properties"][field_name] |= bounds


def _supplement(paths: dict[str, Any]) -> None:
    exposition = {"application/openmetrics-text": {"schema": {"type": "string"}}}
    paths["/metrics"]["get"]["responses"]["200"]["content"] = exposition
    archive = {"schema": {"type": "string", "contentMediaType": "application/x-tar"}}
    paths["/api/v1/backup"]["post"]["responses"]["200"] = {
        "description": "A tar that ends with `manifest.json`.",
        "content": {"application/x-tar": archive},
    }
    describe_ingest(paths)
    describe_dashboards(paths)
    _describe_queries(paths)
    poll = paths["/api/v1/live/poll"]["get"]
    poll["parameters"] = _parameters("cursor", "Where the last poll ended.")
    poll["responses"]["200"] = json_content("The frames since the cursor.", _FRAMES)
    shared = paths["/api/v1/shared/poll"]["get"]
    shared["parameters"] = _shared_parameters("cursor", "Where the last poll ended.")
    shared["responses"]["200"] = poll["responses"]["200"]


def _describe_queries(paths: dict[str, Any]) -> None:
    answer = json_content("The answer.", _ANSWER)
    answer["content"]["text/csv"] = {"schema": {"type": "string"}}
    for path in ("/api/v1/metrics/query", "/api/v1/shared/query"):
        paths[path]["post"]["responses"]["200"] = answer
    batch = paths["/api/v1/metrics/query/batch"]["post"]
    query = {"$ref": "#/components/schemas/Query"}
    queries = _listing("queries", query) | {"additionalProperties": False}
    batch["requestBody"] = json_content("", queries) | {"required": True}
    problem = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"$ref": "#/components/schemas/Problem"}},
    }
    results = _listing("results", {"oneOf": [_ANSWER, problem]})
    batch["responses"]["200"] = json_content("An answer or an error for each, in order.", results)


def _listing(name: str, items: dict[str, Any]) -> dict[str, Any]:
    """An object with one list."""
    listed = {"type": "array", "items": items}
    return {"type": "object", "required": [name], "properties": {name: listed}}


def _stream() -> dict[str, Any]:
    events = {"description": "Frames as events.", "content": {"text/event-stream": {}}}
    return {
        "tags": ["live"],
        "summary": "Stream",
        "operationId": "Stream",
        "description": "Watch over Server-Sent Events.",
        "parameters": _parameters("last_event_id", "Resume after this id, as Last-Event-ID does."),
        "responses": {"200": events},
    }


def _shared_stream() -> dict[str, Any]:
    """The same for the dashboard of a link."""
    return _stream() | {
        "tags": ["sharing"],
        "summary": "SharedStream",
        "operationId": "SharedStream",
        "description": "Watch the dashboard of a link over Server-Sent Events.",
        "parameters": _shared_parameters(
            "last_event_id", "Resume after this id, as Last-Event-ID does."
        ),
    }


def _shared_parameters(position: str, meaning: str) -> list[dict[str, Any]]:
    listed = f"{_WATCHED['subscriptions']} All widgets, where it is left out."
    texts = {"subscriptions": listed, position: meaning}
    return [_parameter(name, {"type": "string"}, text) for name, text in texts.items()]


def _parameters(position: str, meaning: str) -> list[dict[str, Any]]:
    texts = _WATCHED | {position: meaning}
    intervals = ["live", "1s", "5s", "30s", "1m", "1h", "1d"]
    return [
        *(_parameter(name, {"type": "string"}, text) for name, text in texts.items()),
        _parameter("interval", {"enum": intervals, "default": "1s"}, "With `metrics`."),
        _parameter("aggregation", {"enum": [a.value for a in Aggregation]}, "With `metrics`."),
    ]


def _parameter(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": text}


def actions(app: Litestar) -> Iterator[tuple[str, str, Action]]:
    """Path, method and action of every route."""
    for route in app.routes:
        handlers = route.route_handlers if isinstance(route, HTTPRoute) else [route.route_handler]
        for handler in handlers:
            for method in getattr(handler, "http_methods", {"GET"}):
                if action := handler.opt.get("action"):
                    yield route.path_format, method.lower(), action


def bodies(app: Litestar) -> list[type]:
    """The types of all bodies that routes take."""
    routes = (route for route in app.routes if isinstance(route, HTTPRoute))
    fields = (each.parsed_data_field for route in routes for each in route.route_handlers)
    return list(dict.fromkeys(field.annotation for field in fields if field is not None))


def _refuse(operation: dict[str, Any], action: Action, more: tuple[int, ...]) -> None:
    """Add the refusals that follow from who may call and what is sent, and those given."""
    statuses = set(more)
    if action is Action.PUBLIC:
        operation["security"] = []
    elif action is Action.SHARED:
        operation["security"] = [{"link": []}]
        statuses |= {401, 429}
    else:
        statuses |= {401, 403}
    if "requestBody" in operation:
        statuses |= {400, 413, 415}
    if action is Action.INGEST:
        statuses |= {408, 429, 503, 507}
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        statuses |= {400}
    responses = operation["responses"]
    for status in sorted(statuses):
        schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
        content = {MEDIA_TYPE: schema}
        responses[str(status)] = {"description": _WHEN[status], "content": content}
