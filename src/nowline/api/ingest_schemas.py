"""The bodies of the doors in, and what these answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from nowline.model.series import MetricType

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
_POINTS = {"type": "array", "items": _POINT}
_METRICS_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [
                    _POINTS,
                    {
                        "type": "object",
                        "required": ["metrics"],
                        "additionalProperties": False,
                        "properties": {"metrics": _POINTS},
                    },
                ]
            }
        },
        "application/x-ndjson": {"schema": {"type": "string", "description": "A point a line."}},
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


def describe_ingest(paths: dict[str, Any]) -> None:
    """Tell what the doors read by themselves, which the framework cannot know."""
    metrics = paths["/api/v1/ingest/metrics"]["post"]
    metrics["requestBody"] = _METRICS_BODY
    metrics["responses"]["202"] = json_content("Durable, except for the rows listed.", _OUTCOME)


def json_content(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A body or an answer of that schema."""
    return {"description": text, "content": {"application/json": {"schema": schema}}}
