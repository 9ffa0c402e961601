"""The decoders of formats that are made of protobuf messages.

The library behind them takes a tenth of a second to load: that is left to the first request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nowline.ingest.otlp_protobuf import OtlpProtobuf
    from nowline.ingest.remote_write import RemoteWriteDecoder


class ProtobufDecoders:
    """One decoder of each format, made when it is first asked for."""

    def __init__(self) -> None:
        self._remote_write: RemoteWriteDecoder | None = None
        self._otlp: OtlpProtobuf | None = None

    async def remote_write(self) -> RemoteWriteDecoder:
        """The decoder of Prometheus remote write."""
        if self._remote_write is None:
            made = await asyncio.to_thread(_remote_write)
            self._remote_write = self._remote_write or made
        return self._remote_write

    async def otlp(self) -> OtlpProtobuf:
        """That of OTLP."""
        if self._otlp is None:
            self._otlp = await asyncio.to_thread(_otlp)
        return self._otlp


def _remote_write() -> RemoteWriteDecoder:
    from nowline.ingest.remote_write import RemoteWriteDecoder  # noqa: PLC0415

    return RemoteWriteDecoder()


def _otlp() -> OtlpProtobuf:
    from nowline.ingest.otlp_protobuf import OtlpProtobuf  # noqa: PLC0415

    return OtlpProtobuf()
