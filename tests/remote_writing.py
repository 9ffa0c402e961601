"""WriteRequests of Prometheus remote write, put together byte by byte as its specification says."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

import cramjam
import httpx

URL = "/api/v1/prom/write"
HEADERS = {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": "0.1.0",
}
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0_0000_0000_0002))[0]


def varint(number: int) -> bytes:
    """Base-128, the lowest seven bits first; of a negative number, its 64 bits."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def part(field: int, content: bytes) -> bytes:
    """A field that tells its length."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def label(name: str | bytes, value: str | bytes) -> bytes:
    """A label, as a field of its series."""
    raw = [text.encode() if isinstance(text, str) else text for text in (name, value)]
    return part(1, part(1, raw[0]) + part(2, raw[1]))


def sample(value: float, time: int) -> bytes:
    """A sample, as a field of its series: proto3 leaves out what is zero."""
    bits = struct.pack("<d", value)
    told = b"" if bits == bytes(8) else b"\x09" + bits
    return part(2, told + (b"\x10" + varint(time) if time else b""))


def series(labels: Mapping[str, str], *samples: tuple[float, int]) -> bytes:
    """A time series, as a field of the request."""
    fields = [label(*each) for each in labels.items()] + [sample(*each) for each in samples]
    return part(1, b"".join(fields))


def named(name: str, *samples: tuple[float, int], **tags: str) -> bytes:
    """A time series of that metric."""
    return series({"__name__": name, **tags}, *samples)


def metadata(family: str, text: str, unit: str) -> bytes:
    """What is said of a family of counters, as a field of the request."""
    told = part(2, family.encode()) + part(4, text.encode()) + part(5, unit.encode())
    return part(3, b"\x08\x01" + told)


def send(client: httpx.Client, parts: Iterable[bytes], **headers: str) -> httpx.Response:
    """Post a request of these parts."""
    packed = bytes(cramjam.snappy.compress_raw(b"".join(parts)))
    return client.post(URL, content=packed, headers={**HEADERS, **headers})
