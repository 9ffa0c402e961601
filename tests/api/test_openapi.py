"""The description of the API is valid, served as printed, and leaves nothing out."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator


@pytest.fixture(scope="module")
def document(reader: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = reader.get("/openapi.json").raise_for_status().json()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
    }


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    # The validator's own types want keys that may be anything.
    untyped: dict[Any, Any] = document
    assert [error.message for error in OpenAPIV31SpecValidator(untyped).iter_errors()] == []


def test_it_is_what_the_command_prints(reader: httpx.Client) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "nowline", "openapi"], capture_output=True, check=True
    )
    assert reader.get("/openapi.json").content == printed.stdout


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        (
            "POST /api/v1/ingest/metrics",
            {"202", "400", "401", "403", "413", "415", "429", "503", "507"},
        ),
        (
            "POST /api/v2/write",
            {"204", "400", "401", "403", "413", "415", "429", "503", "507"},
        ),
        ("GET /ping", {"204"}),
        ("POST /api/v1/metrics/query", {"200", "400", "401", "403", "415", "422", "503"}),
        ("GET /api/v1/metrics", {"200", "400", "401", "403"}),
        ("GET /api/v1/metrics/{name}/tags/{key}", {"200", "401", "403", "404"}),
        ("GET /kpi/{code}", {"200", "400", "401", "403", "404", "422", "503"}),
        ("GET /api/v1/kpis", {"200", "401", "403"}),
        ("POST /api/v1/kpis", {"201", "400", "401", "403", "409", "413", "415"}),
        ("GET /api/v1/kpis/{code}", {"200", "400", "401", "403", "404"}),
        ("PUT /api/v1/kpis/{code}", {"200", "400", "401", "403", "404", "413", "415"}),
        ("DELETE /api/v1/kpis/{code}", {"204", "400", "401", "403", "404"}),
        ("GET /api/v1/templates", {"200", "401", "403"}),
        ("GET /api/v1/templates/{template_id}", {"200", "401", "403", "404"}),
        ("GET /healthz", {"200"}),
        ("GET /readyz", {"200", "503"}),
        ("GET /metrics", {"200", "401", "403"}),
        ("GET /api/v1/store", {"200", "401", "403"}),
        ("POST /api/v1/backup", {"200", "401", "403", "409", "415", "503", "507"}),
        ("POST /api/auth/login", {"200", "400", "401", "413", "415", "429", "503"}),
        ("POST /api/auth/logout", {"204", "401"}),
    ],
)
def test_an_operation_tells_every_status(
    document: dict[str, Any], operation: str, statuses: set[str]
) -> None:
    assert statuses <= set(operations(document)[operation]["responses"])


def test_a_time_may_be_a_text_or_a_number(document: dict[str, Any]) -> None:
    start = document["components"]["schemas"]["TimeRange"]["properties"]["start"]
    # Not `oneOf`: a whole number is an integer and a number.
    assert {"string", "number"} <= {kind["type"] for kind in start["anyOf"]}


@pytest.mark.parametrize(
    "name",
    [
        "Bounds",
        "Kpi",
        "KpiContent",
        "Login",
        "NewKey",
        "NewUser",
        "Query",
        "TimeRange",
        "UserPatch",
    ],
)
def test_an_unknown_field_does_not_fit_the_schema(document: dict[str, Any], name: str) -> None:
    assert document["components"]["schemas"][name]["additionalProperties"] is False


def test_the_server_s_own_state_is_openmetrics(document: dict[str, Any]) -> None:
    state = operations(document)["GET /metrics"]["responses"]["200"]
    assert list(state["content"]) == ["application/openmetrics-text"]


def test_a_backup_is_a_tar(document: dict[str, Any]) -> None:
    made = operations(document)["POST /api/v1/backup"]["responses"]["200"]
    assert list(made["content"]) == ["application/x-tar"]


def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        assert operation.get("description") or operation.get("summary"), name
