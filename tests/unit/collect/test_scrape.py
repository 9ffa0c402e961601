from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from exporter import Exporter, Respond, page
from nowline.collect.scrape import Scrape
from nowline.collect.targets import Answer, TargetError

NOW = 1_700_000_000_000
TLS = Path(__file__).parent / "tls"
CERT, KEY = TLS / "cert.pem", TLS / "key.pem"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True)
class Settings:
    url: str
    tags: Mapping[str, str] = field(default_factory=lambda: {"job": "j", "instance": "i"})
    interval: timedelta = timedelta(seconds=15)
    timeout: timedelta = timedelta(seconds=10)
    headers: Mapping[str, str] = field(default_factory=dict)
    honor_labels: bool = False
    honor_timestamps: bool = True
    max_samples: int = 1000
    max_bytes: int = 100_000
    tls_verify: bool = True
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


async def scrape(settings: Settings) -> Answer:
    target = Scrape(settings)
    try:
        return await target.ask(NOW)
    finally:
        await target.close()


def values(answer: Answer) -> dict[str, float]:
    assert answer.columns is not None
    names = [answer.columns.labels[at].name for at in answer.columns.label.tolist()]
    return dict(zip(names, answer.columns.value.tolist(), strict=True))


async def failure(settings: Settings) -> str:
    with pytest.raises(TargetError) as caught:
        await scrape(settings)
    return str(caught.value)


async def test_a_page_is_read_with_the_tags_of_the_target() -> None:
    with Exporter(page(b'a{x="1"} 1\nb NaN\nc oops\n')) as exporter:
        answer = await scrape(Settings(exporter.url))
    assert answer.columns is not None
    assert answer.columns.labels[0].tags == {"job": "j", "instance": "i", "x": "1"}
    assert values(answer) == {"a": 1}
    assert (answer.samples, answer.skipped) == (3, 2)
    assert answer.complaint == "malformed line 'c oops'"
    (asked,) = exporter.asked
    assert asked["accept"].startswith("application/openmetrics-text;version=1.0.0,text/plain")


async def test_openmetrics_is_known_by_its_media_type() -> None:
    with Exporter(page(b"a 1 1.5\n# EOF\n", OPENMETRICS)) as exporter:
        answer = await scrape(Settings(exporter.url))
    assert answer.columns is not None
    assert answer.columns.time.tolist() == [1500]
    with Exporter(page(b"a 1 1.5\n", OPENMETRICS)) as exporter:
        assert "# EOF" in await failure(Settings(exporter.url))


async def test_a_packed_page_is_unpacked() -> None:
    packed = page(gzip.compress(b"a 1\n"), content_encoding="gzip")
    with Exporter(packed) as exporter:
        assert values(await scrape(Settings(exporter.url))) == {"a": 1}
        assert exporter.asked[0]["accept-encoding"] == "gzip"


async def test_headers_are_sent_and_the_connection_is_kept() -> None:
    peers: set[object] = set()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        peers.add(handler.client_address)
        page(b"a 1\n")(handler)

    with Exporter(respond) as exporter:
        headers = {"Authorization": "Bearer secret", "X-Scope": "team"}
        target = Scrape(Settings(exporter.url, headers=headers))
        for _ in range(3):
            await target.ask(NOW)
        await target.close()
    assert {asked["authorization"] for asked in exporter.asked} == {"Bearer secret"}
    assert {asked["x-scope"] for asked in exporter.asked} == {"team"}
    assert len(peers) == 1


@pytest.mark.parametrize(
    ("respond", "reason"),
    [
        (page(b"no", status=503), "it answers 503 Service Unavailable"),
        (page(b"<html>", "text/html"), "the page has no metrics; it begins '<html>'"),
        (page(b"a 1\n" * 30_000), "the page has over 100,000 bytes"),
        (
            page(gzip.compress(b"a 1\n" * 300_000), content_encoding="gzip"),
            "the page has over 100,000 bytes",
        ),
        (page(b"a 1\n", content_encoding="br"), "Content-Encoding `br` is not known"),
        (page(b"a 1\n", content_encoding="gzip"), "The body is not gzip"),
        (page(b"".join(b"a%d 1\n" % i for i in range(1001))), "the page has 1,001 samples"),
        (page(b"", status=302, location="http://127.0.0.2/x"), "it redirects to another host"),
        (page(b"", status=302, location="/metrics"), "it redirects more than 3 times"),
    ],
)
async def test_what_is_no_page_is_a_reason(respond: Respond, reason: str) -> None:
    with Exporter(respond) as exporter:
        assert (await failure(Settings(exporter.url))).startswith(reason)


async def test_a_redirect_on_the_same_host_is_followed() -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/metrics/":
            page(b"a 1\n")(handler)
        else:
            page(b"", status=307, location="/metrics/")(handler)

    with Exporter(respond) as exporter:
        settings = Settings(exporter.url, headers={"Authorization": "Bearer secret"})
        assert values(await scrape(settings)) == {"a": 1}
    assert [asked["authorization"] for asked in exporter.asked] == ["Bearer secret"] * 2


async def test_a_page_that_is_cut_short_is_not_taken() -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100")
        handler.end_headers()
        handler.wfile.write(b"a 123")
        handler.close_connection = True

    with Exporter(respond) as exporter:
        assert "without sending complete message body" in await failure(Settings(exporter.url))


async def test_nobody_there_is_a_reason() -> None:
    with Exporter(page(b"")) as exporter:
        pass
    assert await failure(Settings(exporter.url))


async def test_a_page_that_never_comes_can_be_given_up() -> None:
    release = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        release.wait(10)
        page(b"a 1\n")(handler)

    with Exporter(respond) as exporter:
        target = Scrape(Settings(exporter.url))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await target.ask(NOW)
        release.set()
        assert values(await target.ask(NOW)) == {"a": 1}
        await target.close()


async def test_a_certificate_is_verified_unless_told_otherwise() -> None:
    with Exporter(page(b"a 1\n"), CERT, KEY) as exporter:
        assert "CERTIFICATE_VERIFY_FAILED" in await failure(Settings(exporter.url))
        assert values(await scrape(Settings(exporter.url, tls_ca=CERT))) == {"a": 1}
        assert values(await scrape(Settings(exporter.url, tls_verify=False))) == {"a": 1}


async def test_a_certificate_is_shown_to_whom_asks_for_it() -> None:
    with Exporter(page(b"a 1\n"), CERT, KEY, ca=CERT) as exporter:
        own = Settings(exporter.url, tls_ca=CERT, tls_cert=CERT, tls_key=KEY)
        assert values(await scrape(own)) == {"a": 1}
        await failure(Settings(exporter.url, tls_ca=CERT))
