"""Scraping: reading the `/metrics` page of anything that has one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import httpx

from nowline.collect.exposition import NotMetricsError, PageReader
from nowline.collect.metrics import Metric
from nowline.collect.targets import Answer, Asked, Target, TargetError
from nowline.errors import Code, NowlineError
from nowline.ingest.unpack import read_body

_ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_OPENMETRICS: Final = "application/openmetrics-text"
_MOST_REDIRECTS: Final = 3


class Scraped(Asked, Protocol):
    """What the settings say of a page."""

    @property
    def url(self) -> str: ...  # noqa: D102

    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def honor_labels(self) -> bool: ...  # noqa: D102

    @property
    def honor_timestamps(self) -> bool: ...  # noqa: D102

    @property
    def max_samples(self) -> int: ...  # noqa: D102

    @property
    def max_bytes(self) -> int: ...  # noqa: D102

    @property
    def tls_verify(self) -> bool: ...  # noqa: D102

    @property
    def tls_ca(self) -> Path | None: ...  # noqa: D102

    @property
    def tls_cert(self) -> Path | None: ...  # noqa: D102

    @property
    def tls_key(self) -> Path | None: ...  # noqa: D102


class Scrape(Target):
    """A `/metrics` page, over one connection that is kept.

    Samples get the target's tags, and the time of the round where they have none. Redirects are
    followed on the same host and port only: nobody else gets the credentials.
    """

    up = Metric("up", "count", "Whether a target could be scraped: 1 or 0")

    def __init__(self, asked: Scraped) -> None:
        super().__init__("prometheus", asked)
        self._url = asked.url
        self._most_bytes = asked.max_bytes
        self._reader = PageReader(
            self.tags,
            honor_labels=asked.honor_labels,
            honor_timestamps=asked.honor_timestamps,
            most_samples=asked.max_samples,
        )
        self._client = httpx.AsyncClient(
            headers={"Accept": _ACCEPT, "Accept-Encoding": "gzip", **asked.headers},
            verify=_tls(asked) if asked.url.startswith("https:") else False,
            timeout=None,  # noqa: S113 - a round as a whole has one
            trust_env=False,
        )

    async def ask(self, time_ms: int) -> Answer:
        """The samples of the page.

        Raises:
            TargetError: It cannot be had, or is not a page of metrics.
        """
        try:
            media_type, body = await self._page()
            # Reading ten thousand samples takes as long as dozens of requests.
            page = await asyncio.to_thread(
                self._reader.read, body, time_ms, is_openmetrics=media_type == _OPENMETRICS
            )
        except (httpx.HTTPError, OSError) as error:  # of TLS, some are not wrapped
            raise TargetError(_reason(error)) from error
        except NotMetricsError as error:
            raise TargetError(str(error)) from error
        complaint = f"malformed line {page.first_malformed!r}" if page.malformed else None
        skipped = page.not_finite + page.malformed
        return Answer((), page.columns, page.samples, skipped, complaint)

    async def close(self) -> None:
        """End the connection."""
        await self._client.aclose()

    async def _page(self) -> tuple[str, bytes]:
        """Its media type and what it says."""
        request = self._client.build_request("GET", self._url)
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._client.send(request, stream=True)
            try:
                if response.next_request is None:
                    return await self._read(response)
                request = _followed(request, response.next_request)
            finally:
                await response.aclose()
        raise TargetError(f"it redirects more than {_MOST_REDIRECTS} times")

    async def _read(self, response: httpx.Response) -> tuple[str, bytes]:
        if response.status_code != 200:
            raise TargetError(f"it answers {response.status_code} {response.reason_phrase}")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        encoding = response.headers.get("content-encoding", "")
        most = self._most_bytes
        try:
            body = await read_body(
                response.aiter_raw(), encoding, most_sent=most, most_unpacked=most
            )
        except NowlineError as error:
            is_long = error.code is Code.TOO_LARGE
            reason = f"the page has over {most:,} bytes" if is_long else error.detail
            raise TargetError(reason) from error
        return media_type, body


def _followed(request: httpx.Request, redirected: httpx.Request) -> httpx.Request:
    here, there = request.url, redirected.url
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise TargetError("it redirects to another host or port")
    return redirected


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _tls(asked: Scraped) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=asked.tls_ca)
    if not asked.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if asked.tls_cert is not None:
        context.load_cert_chain(asked.tls_cert, asked.tls_key)
    return context
