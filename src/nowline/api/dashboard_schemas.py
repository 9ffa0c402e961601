"""What the framework does not see of the dashboards' routes, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

_PATH = "/api/v1/dashboards"
_ONE = f"{_PATH}/{{dashboard_id}}"
_SHARED = "/api/v1/shared"
_SENT = {"schema": {"$ref": "#/components/schemas/SentDashboard"}}
_TEXT = {"schema": {"type": "string"}}
_FILE = {
    "required": True,
    "content": {"application/json": _SENT, "application/yaml": _SENT},
}
_EXPORTED = {
    "description": "The file.",
    "content": {"application/json": _SENT, "application/yaml": _SENT, "text/csv": _TEXT},
}
_ETAG = {"schema": {"type": "string"}, "description": "The version, for `If-Match`."}


def describe_dashboards(paths: dict[str, Any]) -> None:
    """Add bodies, headers and answers."""
    _describe_shared(paths[_SHARED])
    paths[f"{_PATH}/import"]["post"]["requestBody"] = _FILE
    paths[f"{_ONE}/export"]["get"]["responses"]["200"] = _EXPORTED
    for method in ("put", "delete"):
        _take(paths[_ONE][method], "If-Match", "Change it only if it is this version.")
    _take(paths[_ONE]["get"], "If-None-Match", "Send it only if it is another version.")
    paths[_ONE]["get"]["responses"]["304"] = {"description": "It is this version."}
    for path, method, status in (
        (_PATH, "post", "201"),
        (f"{_PATH}/import", "post", "201"),
        (_ONE, "get", "200"),
        (_ONE, "put", "200"),
        (f"{_ONE}/duplicate", "post", "201"),
    ):
        paths[path][method]["responses"][status]["headers"] = {"ETag": _ETAG}


def _describe_shared(path: dict[str, Any]) -> None:
    """The dashboard of a link, which is sent again only if it was changed."""
    _take(path["get"], "If-None-Match", "Send it only if it is another version.")
    path["get"]["responses"]["304"] = {"description": "It is this version."}
    path["get"]["responses"]["200"]["headers"] = {"ETag": _ETAG}


def _take(operation: dict[str, Any], header: str, meaning: str) -> None:
    parameter = {"name": header, "in": "header", "schema": {"type": "string"}}
    operation.setdefault("parameters", []).append(parameter | {"description": meaning})
