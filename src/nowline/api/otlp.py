"""Where OpenTelemetry's exporters send metrics to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Request, Response, post
from litestar.di import NamedDependency

from nowline.api.sent import sent_body
from nowline.auth.policy import Action
from nowline.errors import Code, NowlineError
from nowline.ingest.group_commit import GroupCommit
from nowline.ingest.histograms import Otlp
from nowline.ingest.otlp import Decoded
from nowline.ingest.otlp_json import OtlpJson
from nowline.ingest.protobuf import ProtobufDecoders
from nowline.ingest.service import Outcome

if TYPE_CHECKING:
    from nowline.ingest.otlp_protobuf import OtlpProtobuf

_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
_TOLD = 3


@post(
    "/v1/metrics",
    status_code=200,
    opt={"action": Action.INGEST, "direct": True},
    tags=["ingest"],
    request_max_body_size=None,  # this route has limits of its own
)
async def export(
    request: Request[Any, Any, Any],
    group: NamedDependency[GroupCommit],
    otlp: NamedDependency[Otlp],
    protobuf: NamedDependency[ProtobufDecoders],
) -> Response[bytes]:
    """Take in metrics by OTLP/HTTP, in protobuf or JSON.

    The answer comes when the accepted data points are on disk, in the form of the request. The
    ones that are refused are counted in `partial_success`, which says why; the others are kept.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = await _form(media_type, protobuf)
    decoded = form.decode(await sent_body(request), group.now_ms())
    outcome = await _accept(otlp, decoded)
    return Response(form.encode(*_refused(decoded, outcome)), media_type=media_type)


async def _form(media_type: str, protobuf: ProtobufDecoders) -> OtlpJson | OtlpProtobuf:
    if media_type == _JSON:
        return OtlpJson()
    if media_type == _PROTOBUF:
        return await protobuf.otlp()
    raise NowlineError(
        Code.UNSUPPORTED, f"Content-Type `{media_type}` is not known; send {_PROTOBUF} or {_JSON}."
    )


async def _accept(otlp: Otlp, decoded: Decoded) -> Outcome:
    try:
        return await otlp.accept(decoded)
    except NowlineError as error:
        if error.code is not Code.DISK_FULL:
            raise
        # Exporters of OTLP try again after a 503, and throw away what ended in a 507.
        raise NowlineError(Code.UNAVAILABLE, error.detail, retry_after_s=30) from error


def _refused(decoded: Decoded, outcome: Outcome) -> tuple[int, str]:
    """How many data points were refused, and why the first ones were."""
    refused = {row.index: row.error for row in reversed(outcome.rejected)}
    told = [f"`{decoded.names[at]}`: {refused[at]}" for at in sorted(refused)[:_TOLD]]
    more = ["…"] if len(refused) > _TOLD else []
    return len(refused), "; ".join(told + more)


routes = [export]
