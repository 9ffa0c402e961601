"""Where Prometheus, and what speaks as it does, writes to."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency

from nowline.api.refused import refused_rows
from nowline.api.sent import most_unpacked, sent_as_is, unpacked
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError
from nowline.ingest.protobuf import ProtobufDecoders
from nowline.ingest.repeated_rows import Once
from nowline.ingest.snappy import unpack_snappy

_MEDIA_TYPES = {"", "application/x-protobuf"}
_PROTO = "prometheus.writerequest"


@post(
    "/api/v1/prom/write",
    status_code=204,
    opt={"action": Action.INGEST, "direct": True},
    tags=["ingest"],
    request_max_body_size=None,  # this route has limits of its own
)
async def remote_write(
    request: Request[Any, Any, Any],
    once: NamedDependency[Once],
    protobuf: NamedDependency[ProtobufDecoders],
) -> Response[None]:
    """Take in samples by Prometheus remote write 1.0: a WriteRequest, packed with snappy.

    The answer comes when the accepted samples are on disk. Where some are refused it is 400, which
    a sender does not try again, and the others are kept; a sample that is sent again counts once.
    """
    _check_type(request.headers.get("content-type", ""))
    _check_encoding(request.headers.get("content-encoding", ""))
    body = unpacked(request, unpack_snappy(await sent_as_is(request), most_unpacked(request)))
    decoder = await protobuf.remote_write()
    outcome = await once.accept(decoder.decode(body))
    if outcome.rejected:
        raise refused_rows(outcome, "samples")
    return Response(None)


def _check_type(content_type: str) -> None:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    proto = [part.removeprefix("proto=") for part in parameters if part.startswith("proto=")]
    if media_type not in _MEDIA_TYPES or any(part != _PROTO for part in proto):
        raise NowlineError(
            Code.UNSUPPORTED,
            f"Content-Type `{content_type}` is not known; send application/x-protobuf, a"
            " WriteRequest of remote write 1.0.",
        )


def _check_encoding(encoding: str) -> None:
    if encoding.strip().lower() not in {"", "snappy"}:
        raise NowlineError(
            Code.UNSUPPORTED, f"Content-Encoding `{encoding}` is not known; send snappy."
        )


routes = [remote_write]
