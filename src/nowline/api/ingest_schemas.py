"""The bodies of the doors in, and what these answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from nowline.ingest.lines import PRECISIONS
from nowline.model.series import MetricType

LINES = ("/api/v1/write", "/write", "/api/v2/write")
TAGS = {"type": "object", "additionalProperties": {"type": "string"}}
_TIME = {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}]}
_POINT = {
    "type": "object",
    "required": ["name", "value"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "value": {"type": "number"},
        "time": _TIME,
        "type": {"enum": [kind.value for kind in MetricType]},
        "tags": TAGS | {"maxProperties": 32},
        "metadata": {"type": "object", "description": "Describes the metric; `unit` is shown."},
    },
}
_ID = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 255}, {"type": "integer"}]}
_EVENT = {
    "type": "object",
    "required": ["event_type"],
    "additionalProperties": False,
    "properties": {
        "event_type": {"type": "string", "minLength": 1, "maxLength": 255},
        "user_id": _ID,
        "organization_id": _ID,
        "session_id": _ID,
        "timestamp": _TIME,
        "event_id": _ID | {"description": "The same one counts once a day."},
        "metadata": {
            "type": "object",
            "description": "Anything; of API_CALL `endpoint`, `method`, `status`, `duration_ms`.",
        },
    },
}
_TASK = {
    "type": "object",
    "required": ["task_id", "task_type", "start_time", "end_time", "status"],
    "additionalProperties": False,
    "properties": {
        "task_id": {"type": "string", "minLength": 1, "maxLength": 255},
        "task_type": {"type": "string", "minLength": 1, "maxLength": 255},
        "start_time": _TIME,
        "end_time": _TIME,
        "status": {"type": "string", "examples": ["success", "failure"], "minLength": 1},
        "cpu_usage_percent": {"type": "number", "minimum": 0},
        "memory_usage_mb": {"type": "number", "minimum": 0},
        "error_message": {"type": "string"},
        "queue": {"type": "string"},
        "context": {"type": "object"},
    },
}
_BINARY = {"type": "string", "format": "binary"}
_WRITE_REQUEST = {
    "required": True,
    "content": {
        "application/x-protobuf": {
            "schema": _BINARY
            | {"description": "A WriteRequest of remote write 1.0, packed with snappy."}
        }
    },
}
_EXPORT = {
    "type": "object",
    "properties": {"resourceMetrics": {"type": "array", "items": {"type": "object"}}},
    "description": "An ExportMetricsServiceRequest of opentelemetry-proto.",
}
_EXPORTED = {
    "type": "object",
    "properties": {
        "partialSuccess": {
            "type": "object",
            "properties": {
                "rejectedDataPoints": {"type": "string", "description": "How many."},
                "errorMessage": {"type": "string"},
            },
        }
    },
}
_OUTCOME = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "error"],
                "properties": {"index": {"type": "integer"}, "error": {"type": "string"}},
            },
        },
    },
}
_LINES_BODY = {
    "required": True,
    "content": {
        "text/plain": {
            "schema": {"type": "string"},
            "example": "weather,city=Rome temperature=21.5,humidity=40i 1700000000000000000",
        }
    },
}
_PRECISION = {
    "name": "precision",
    "in": "query",
    "schema": {"enum": list(PRECISIONS), "default": "ns"},
    "description": "What the times of the lines are counted in.",
}


def describe_ingest(paths: dict[str, Any]) -> None:
    """Tell what the doors read by themselves, which the framework cannot know."""
    for name, row in (("metrics", _POINT), ("events", _EVENT), ("tasks", _TASK)):
        door = paths[f"/api/v1/ingest/{name}"]["post"]
        door["requestBody"] = _batch(name, row)
        door["responses"]["202"] = json_content("Durable, except for the rows listed.", _OUTCOME)
    for path in LINES:
        paths[path]["post"] |= {"requestBody": _LINES_BODY, "parameters": [_PRECISION]}
        paths[path]["post"]["responses"]["204"] = {"description": "Every line is durable."}
    paths["/ping"]["get"]["responses"]["204"] = {"description": "There is somebody."}
    remote_write = paths["/api/v1/prom/write"]["post"]
    remote_write["requestBody"] = _WRITE_REQUEST
    remote_write["responses"]["204"] = {"description": "Durable."}
    export = paths["/v1/metrics"]["post"]
    export["requestBody"] = _either("", _EXPORT) | {"required": True}
    export["responses"]["200"] = _either(
        "Durable, except for the data points that are counted.", _EXPORTED
    )


def _either(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A body or an answer that may be JSON of that schema, or protobuf."""
    told = json_content(text, schema)
    told["content"]["application/x-protobuf"] = {"schema": _BINARY}
    return told


def _batch(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """The body of a door: an array of rows, an object with one, or a row a line."""
    rows = {"type": "array", "items": row}
    envelope = {
        "type": "object",
        "required": [name],
        "additionalProperties": False,
        "properties": {name: rows},
    }
    lines = {"schema": {"type": "string", "description": "One a line."}}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": {"oneOf": [rows, envelope]}},
            "application/x-ndjson": lines,
        },
    }


def json_content(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A body or an answer of that schema."""
    return {"description": text, "content": {"application/json": {"schema": schema}}}
