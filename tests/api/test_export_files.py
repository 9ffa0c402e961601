"""Dashboards as PDF and PNG over HTTP: Alice is an admin, Bob a viewer, Charlie nobody."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from PIL import Image
from pypdf import PdfReader

from asking import accept, counted, fields
from running import Server

PASSWORD = "a long enough password"
DASHBOARDS = "/api/v1/dashboards"


@pytest.fixture(scope="module")
def people(server: Server) -> Iterator[dict[str, httpx.Client]]:
    with ExitStack() as stack:
        found = {"alice": stack.enter_context(server.alice())}
        login = {"email": f"bob.{uuid.uuid4().hex}@example.com", "password": PASSWORD}
        found["alice"].post("/api/v1/users", json=login | {"role": "viewer"}).raise_for_status()
        found["bob"] = stack.enter_context(server.client())
        token = found["bob"].post("/api/auth/login", json=login).json()["access_token"]
        found["bob"].headers["authorization"] = f"Bearer {token}"
        found["charlie"] = stack.enter_context(server.client())
        found["program"] = stack.enter_context(server.ingest())
        # The first file waits until the process that draws has loaded everything.
        found["alice"].timeout = httpx.Timeout(100)
        yield found


@pytest.fixture(scope="module")
def export(people: dict[str, httpx.Client]) -> str:
    """The address of the files of a private dashboard of Alice's, narrowed to one host."""
    alice, name = people["alice"], f"sold.{uuid.uuid4().hex}"
    for value, host in ((41, "a"), (1000, "b")):
        accept(people["program"], {"name": name, "value": value, "tags": {"host": host}})
    counted(alice, name, 2)
    query = {"metric_name": name, "aggregation": "sum"}
    widgets = [
        {
            "id": "number",
            "type": "metric",
            "title": "Sold",
            "position": {"x": 0, "y": 0, "w": 4, "h": 4},
            "config": {"query": query, "reduce": "sum", "over": "1h"},
        },
        {
            "id": "broken",
            "type": "chart",
            "title": "Broken",
            "position": {"x": 4, "y": 0, "w": 4, "h": 4},
            "config": {"query": query | {"metric_name": ""}},
        },
        {
            "id": "events",
            "type": "feed",
            "position": {"x": 8, "y": 0, "w": 4, "h": 4},
            "config": {"event_types": ["USER_LOGIN", "ERROR"]},
        },
    ]
    sent = {"name": "Größe: ½ / €", "widgets": widgets, "filters": {"host": ["a"]}}
    made = alice.post(DASHBOARDS, json=sent)
    assert made.status_code == 201, made.text
    return f"{DASHBOARDS}/{made.json()['id']}/export"


def test_a_pdf_has_what_the_dashboard_shows(people: dict[str, httpx.Client], export: str) -> None:
    file = people["alice"].get(export, params={"format": "pdf", "timezone": "Europe/Rome"})
    assert file.status_code == 200, file.text
    assert file.headers["content-type"] == "application/pdf"
    assert file.headers["cache-control"] == "no-store"
    assert file.headers["content-disposition"] == (
        "attachment; filename=\"Groe-12.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe-%C2%BD.pdf"
    )
    (page,) = PdfReader(io.BytesIO(file.content)).pages
    said = " ".join(page.extract_text().split())
    for words in ("Größe: ½ / €", "Last hour, to", "Europe/Rome", "Only host: a", "Sold", "41"):
        assert words in said, words
    # One that cannot be answered says why in its place.
    assert "metric_name: must not be empty" in said
    assert "No events in this span of time." in said


def test_a_png_is_as_large_as_is_asked(people: dict[str, httpx.Client], export: str) -> None:
    asked: dict[str, str | float] = {
        "format": "png",
        "width": 700,
        "scale": 1.5,
        "theme": "dark",
        "range": "5m",
    }
    file = people["alice"].get(export, params=asked)
    assert file.status_code == 200, file.text
    assert file.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(file.content)).convert("RGB")
    assert picture.width == 1050
    assert picture.getpixel((2, 2)) == (0x0B, 0x0D, 0x12)


def test_csv_is_of_the_range_and_the_filters(people: dict[str, httpx.Client], export: str) -> None:
    alice = people["alice"]
    narrow = alice.get(export, params={"format": "csv", "from": 0, "to": 1000})
    assert narrow.status_code == 400  # the query that is none

    made = alice.get(export.removesuffix("/export")).json()
    widgets = [each for each in made["widgets"] if each["id"] == "number"]
    copy = alice.post(
        DASHBOARDS, json={"name": "c", "widgets": widgets, "filters": {"host": ["a"]}}
    )
    address = f"{DASHBOARDS}/{copy.json()['id']}/export"
    past = alice.get(address, params={"format": "csv", "from": 0, "to": 1000})
    now = alice.get(address, params={"format": "csv", "range": "1h"})
    assert past.text.splitlines() == ["widget,timestamp,value,tags"]
    (row,) = now.text.splitlines()[1:]
    assert row.split(",")[2] == "41.0"


@pytest.mark.parametrize("kind", ["pdf", "png"])
def test_nobody_else_gets_a_private_dashboard(
    people: dict[str, httpx.Client], export: str, kind: str
) -> None:
    assert people["bob"].get(export, params={"format": kind}).status_code == 404
    assert people["charlie"].get(export, params={"format": kind}).status_code == 401
    assert people["program"].get(export, params={"format": kind}).status_code == 403


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"format": "gif"}, "format"),
        ({"range": "never"}, "range"),
        ({"range": "99999d"}, "range"),
        ({"range": "1h", "from": "2026-01-01T00:00:00Z"}, "range"),
        ({"from": "yesterday"}, "from"),
        ({"from": "9" * 5000}, "from"),
        ({"to": "2026-01-01"}, "to"),
        ({"from": 2000, "to": 1000}, "from"),
        ({"from": 0, "to": 10**15}, "to"),
        ({"from": 0}, "from"),
        ({"timezone": "Europe/Atlantis"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"theme": "pink"}, "theme"),
        ({"width": 100}, "width"),
        ({"width": 100_000}, "width"),
        ({"scale": 0}, "scale"),
        ({"scale": "nan"}, "scale"),
        ({"scale": 9}, "scale"),
    ],
)
def test_what_cannot_be_drawn_names_the_parameter(
    people: dict[str, httpx.Client], export: str, asked: dict[str, str | int], field: str
) -> None:
    params: dict[str, str | int] = {"format": "png", **asked}
    answer = people["alice"].get(export, params=params)
    assert answer.status_code == 400, answer.text
    assert fields(answer) == [field]
