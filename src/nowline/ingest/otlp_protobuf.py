"""OTLP metrics as protobuf, by the official definitions."""

from __future__ import annotations

import base64
from typing import Any, cast

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from nowline.errors import Code, NowlineError
from nowline.ingest.otlp import Decoded, decode
from nowline.ingest.otlp_messages import AnyValue, Request
from nowline.ingest.rows import check_messages


class OtlpProtobuf:
    """Reads requests, and writes what they are answered."""

    def decode(self, body: bytes, now_ms: int) -> Decoded:
        """The rows and histograms of a request that was received now.

        Raises:
            NowlineError: INVALID when the body is none; as `rows.check_messages` and `otlp.decode`.
        """
        check_messages(body)
        try:
            request = ExportMetricsServiceRequest.FromString(body)
        except DecodeError as error:
            detail = "The body cannot be read as an ExportMetricsServiceRequest."
            raise NowlineError(Code.INVALID, detail) from error
        # It has the attributes of a `Request`.
        return decode(cast("Request", request), self, now_ms, len(body))

    def encode(self, rejected: int, message: str) -> bytes:
        """The answer: how many data points were refused, and why."""
        response = ExportMetricsServiceResponse()
        if rejected:
            response.partial_success.rejected_data_points = rejected
            response.partial_success.error_message = message
        return response.SerializeToString()

    def has(self, message: object, field: str) -> bool:
        """Whether an optional field is there."""
        return bool(cast("Any", message).HasField(field))

    def plain(self, value: AnyValue) -> object:
        """The value of an attribute; None where it has none."""
        kind = cast("Any", value).WhichOneof("value")
        if kind is None:
            return None
        told: Any = getattr(value, kind)
        if kind == "array_value":
            return [self.plain(each) for each in told.values]
        if kind == "kvlist_value":
            return {each.key: self.plain(each.value) for each in told.values}
        return base64.b64encode(told).decode() if kind == "bytes_value" else told
