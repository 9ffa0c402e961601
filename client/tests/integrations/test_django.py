from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import django
import httpx
import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test.utils import override_settings
from django.urls import include, path, re_path

from nowline_client import Nowline
from receiver import Receiver

pytest_plugins = ["recording"]

MIDDLEWARE = ["nowline_client.integrations.django.NowlineMiddleware"]
settings.configure(
    SECRET_KEY="only for tests",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=MIDDLEWARE,
    LOGGING_CONFIG=None,
)
django.setup()


def order(request: HttpRequest, order_id: int) -> HttpResponse:
    request.META["shop.user"] = "ada"
    return HttpResponse(str(order_id))


def fails(_: HttpRequest) -> HttpResponse:
    raise RuntimeError("no")


def stream(_: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"a", b"b"]))


def breaks(_: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield b"a"
        raise RuntimeError("no")

    return StreamingHttpResponse(parts())


async def stream_async(_: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0.05)
        yield b"b"

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("v1/", include([path("orders/<int:order_id>/", order)])),
    re_path(r"^years/(?P<order_id>[0-9]{4})/$", order),
    path("fails", fails),
    path("stream", stream),
    path("breaks", breaks),
    path("stream-async", stream_async),
    path("healthz", stream),
]


def user(request: HttpRequest) -> str | None:
    name: str | None = request.META.get("shop.user")
    return name


@pytest.fixture(autouse=True)
def shop(nl: Nowline) -> Iterator[None]:
    named = {"CLIENT": nl, "USER": f"{__name__}.user", "EXCLUDE": ["/healthz"]}
    with override_settings(NOWLINE=named):
        yield


@pytest.fixture(params=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Asks the application for a path, through each of its interfaces."""
    return _ask_wsgi if request.param == "wsgi" else _ask_asgi


def _ask_wsgi(asked: str) -> None:
    transport = httpx.WSGITransport(get_wsgi_application(), remote_addr="192.0.2.7")
    with httpx.Client(transport=transport, base_url="http://shop") as client:
        client.get(asked, headers={"User-Agent": "test/1"})


def _ask_asgi(asked: str) -> None:
    async def ask() -> None:
        transport = httpx.ASGITransport(get_asgi_application(), client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            await client.get(asked, headers={"User-Agent": "test/1"})

    asyncio.run(ask())


def test_each_request_is_an_event_with_the_pattern_of_its_url(
    receiver: Receiver, nl: Nowline, ask: Callable[[str], None]
) -> None:
    ask("/v1/orders/4711/?secret=1")
    ask("/years/2026/")
    assert nl.flush()
    first, second = receiver.rows("events")
    assert 0 < first["metadata"].pop("duration_ms") < 20_000
    assert first["metadata"] == {
        "endpoint": "/v1/orders/<int:order_id>/",
        "method": "GET",
        "status": 200,
        "ip_address": "192.0.2.7",
        "user_agent": "test/1",
    }
    assert (first["event_type"], first["user_id"]) == ("API_CALL", "ada")
    assert second["metadata"]["endpoint"] == "/^years/(?P<order_id>[0-9]{4})/$"


@pytest.mark.parametrize(
    ("asked", "became"),
    [
        ("/fails", (500, "/fails", "RuntimeError")),
        ("/nothing", (404, "(no route)", None)),
    ],
)
def test_the_status_is_what_became_of_it(
    receiver: Receiver,
    nl: Nowline,
    ask: Callable[[str], None],
    asked: str,
    became: tuple[int, str, str | None],
) -> None:
    ask(asked)
    assert nl.flush()
    (row,) = receiver.rows("events")
    metadata: dict[str, Any] = row["metadata"]
    assert (metadata["status"], metadata["endpoint"], metadata.get("details")) == became


def test_a_stream_lasts_until_its_last_part(receiver: Receiver, nl: Nowline) -> None:
    _ask_wsgi("/stream")
    _ask_asgi("/stream-async")
    assert nl.flush()
    sync, later = receiver.rows("events")
    assert (sync["metadata"]["status"], later["metadata"]["status"]) == (200, 200)
    assert later["metadata"]["duration_ms"] >= 50


def test_a_stream_that_breaks_is_an_error(receiver: Receiver, nl: Nowline) -> None:
    with pytest.raises(RuntimeError):
        _ask_wsgi("/breaks")
    assert nl.flush()
    (row,) = receiver.rows("events")
    assert (row["metadata"]["status"], row["metadata"]["details"]) == (500, "RuntimeError")


def test_what_is_excluded_is_not_recorded(receiver: Receiver, nl: Nowline) -> None:
    _ask_wsgi("/healthz")
    assert nl.flush()
    assert receiver.rows("events") == []


@pytest.mark.parametrize("given", [{}, {"CLIENT": None, "KEY": "x"}])
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, object]) -> None:
    with override_settings(NOWLINE=given), pytest.raises(ImproperlyConfigured, match="CLIENT"):
        get_wsgi_application()
