"""Django: each request as an API_CALL event, sync or async, under WSGI or ASGI.

MIDDLEWARE = ["nowline_client.integrations.django.NowlineMiddleware", ...]
NOWLINE = {"CLIENT": "shop.metrics.nl", "USER": "shop.metrics.user", "EXCLUDE": ["/healthz"]}
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.module_loading import import_string

from nowline_client.requests import Visit, Visitors

_SETTINGS = {"CLIENT", "USER", "ORGANIZATION", "SESSION", "EXCLUDE"}
_CLIENT_CLOSED_REQUEST = 499
_VISIT = "_nowline_visit"


class NowlineMiddleware:
    """Records each request, until its answer is closed, with the pattern of its URL.

    Put it first, so that it sees what the others answer. The setting `NOWLINE` is a dictionary:
    `CLIENT` is the client or its dotted path; `USER`, `ORGANIZATION` and `SESSION` are functions,
    or their dotted paths, that are given the request when it has been answered; `EXCLUDE` has paths
    not to record, of which one that ends in `*` stands for all that begin so.

    Raises:
        ImproperlyConfigured: If the setting is missing or has anything else.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._visitors = _visitors()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:  # noqa: ANN401 (a response, or one to await)
        """Answer a request, and record it."""
        if self._visitors.leaves_out(request.path):
            return self._get_response(request)
        visit = Visit(request.method or "", request.path)
        setattr(request, _VISIT, visit)
        if self._is_async:
            return self._answer_async(request, visit)
        return self._until_closed(request, visit, self._get_response(request))

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Note what a view raised; the answer is up to others."""
        if (visit := getattr(request, _VISIT, None)) is not None:
            visit.details = type(exception).__name__

    async def _answer_async(self, request: HttpRequest, visit: Visit) -> HttpResponseBase:
        try:
            response = await self._get_response(request)
        except asyncio.CancelledError as error:
            visit.failed(error, _CLIENT_CLOSED_REQUEST)
            self._record(request, visit)
            raise
        return self._until_closed(request, visit, response)

    def _until_closed(
        self, request: HttpRequest, visit: Visit, response: HttpResponseBase
    ) -> HttpResponseBase:
        visit.status = response.status_code
        visit.route = _route(request)
        if isinstance(response, StreamingHttpResponse) and not isinstance(response, FileResponse):
            _watch(visit, response)
        close = response.close

        def closed() -> None:
            try:
                close()
            finally:
                self._record(request, visit)

        response.close = closed
        return response

    def _record(self, request: HttpRequest, visit: Visit) -> None:
        self._visitors.record(
            request,
            visit,
            address=request.META.get("REMOTE_ADDR"),
            agent=request.META.get("HTTP_USER_AGENT"),
        )


def _visitors() -> Visitors[HttpRequest]:
    given: dict[str, Any] = getattr(settings, "NOWLINE", {})
    if "CLIENT" not in given or set(given) - _SETTINGS:
        raise ImproperlyConfigured(f"NOWLINE needs CLIENT, and may have {sorted(_SETTINGS)}")
    named = {
        key: import_string(value) if isinstance(value, str) else value
        for key, value in given.items()
    }
    return Visitors(
        named["CLIENT"],
        user=named.get("USER"),
        organization=named.get("ORGANIZATION"),
        session=named.get("SESSION"),
        exclude=given.get("EXCLUDE", ()),
    )


def _route(request: HttpRequest) -> str | None:
    match = request.resolver_match
    if match is None:
        return None
    return f"{request.META.get('SCRIPT_NAME', '')}/{match.route}"


def _watch(visit: Visit, response: StreamingHttpResponse) -> None:
    """Let an error in the midst of a stream be seen, which the server only breaks off for."""
    parts = response.streaming_content
    watched = _watched_async if response.is_async else _watched
    response.streaming_content = watched(visit, parts)


def _watched(visit: Visit, parts: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from parts
    except Exception as error:
        visit.failed(error)
        raise


async def _watched_async(visit: Visit, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for part in parts:
            yield part
    except Exception as error:
        visit.failed(error)
        raise
