"""OTLP metrics as JSON.

Field names are in lowerCamelCase, 64-bit integers may be strings, and fields that are not known
are passed over.

Source: https://opentelemetry.io/docs/specs/otlp/, "JSON Protobuf Encoding".
"""

from __future__ import annotations

import msgspec

from nowline.errors import Code, NowlineError
from nowline.ingest.otlp import Decoded, decode
from nowline.ingest.otlp_messages import AnyValue, Request
from nowline.ingest.rows import check_rows

_decoder = msgspec.json.Decoder(Request, strict=False)


class OtlpJson:
    """Reads requests, and writes what they are answered."""

    def decode(self, body: bytes, now_ms: int) -> Decoded:
        """The rows and histograms of a request that was received now.

        Raises:
            NowlineError: INVALID when the body is none; as `rows.check_rows` and `otlp.decode`.
        """
        check_rows(body, b"{")
        try:
            return decode(_decoder.decode(body), self, now_ms, len(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            detail = f"The body cannot be read as an OTLP request in JSON: {error}."
            raise NowlineError(Code.INVALID, detail) from error

    def encode(self, rejected: int, message: str) -> bytes:
        """The answer: how many data points were refused, and why."""
        if not rejected:
            return b"{}"
        partial = {"rejectedDataPoints": str(rejected), "errorMessage": message}
        return msgspec.json.encode({"partialSuccess": partial})

    def has(self, message: object, field: str) -> bool:
        """Whether an optional field is there."""
        return getattr(message, field) is not None

    def plain(self, value: AnyValue) -> object:
        """The value of an attribute; None where it has none."""
        if value.array_value is not None:
            return [self.plain(each) for each in value.array_value.values]
        if value.kvlist_value is not None:
            return {each.key: self.plain(each.value) for each in value.kvlist_value.values}
        for told in (value.string_value, value.bool_value, value.int_value, value.double_value):
            if told is not None:
                return told
        return value.bytes_value
