"""The native scanner: its numbers are Python's, it holds many series and keeps nothing."""

from __future__ import annotations

import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nowline.ingest import lines
from nowline.ingest.columns import Columns

NOW = 1_800_000_000_000
_native = pytest.importorskip("nowline.ingest._native")


def value_of(text: bytes) -> float | None:
    """The value of a field, None if it is left to the exact grammar."""
    _, _, _, others, raw = _native.scan_lines(b"m v=" + text, NOW, 6, 1 << 20)
    assert len(others) == (not raw)
    return struct.unpack("=qqqd", raw)[-1] if raw else None


digits = st.text("0123456789", min_size=1, max_size=24)
decimals = st.builds(
    "{}{}.{}{}".format,
    st.sampled_from(["", "-"]),
    digits,
    digits,
    st.sampled_from(["", "e5", "E-3", "e+12", "e-30", "e280"]),
)


@settings(max_examples=2000)
@given(
    st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | decimals
    | st.integers(-(10**22), 10**22).map(str)
)
@example("9007199254740993")
@example("9007199254740992.5")
@example("0.30000000000000004")
@example("9007199254740993e-1")
@example("18446744073709551615e-19")
@example("9999999999999999999e-19")
@example("1e-19")
@example("123456789012345678901234567890")
@example("0.00000000000000000000000000000001")
@example("4503599627370497.5")
@example("4503599627370496.5")
@example("1e23")
@example("8.41e21")
@example("-0")
@example("-0.0e999999999999")
def test_a_number_is_the_one_that_python_reads(text: str) -> None:
    found = value_of(text.encode())
    if found is None:
        assert not 1e-290 < abs(float(text)) < 1e290
    else:
        assert struct.pack("d", found) == struct.pack("d", float(text))


def test_numbers_that_lie_between_floats_go_to_the_nearest() -> None:
    random = Random(1)
    texts = [
        f"{random.randrange(10**17, 10**19)}e-{random.randint(1, 19)}".encode()
        for _ in range(100_000)
    ]
    _, _, _, others, raw = _native.scan_lines(b"\n".join(b"m v=" + each for each in texts), 0, 6, 9)
    assert others == []
    values = np.frombuffer(raw)[-len(texts) :]
    assert values.tolist() == list(map(float, texts))


@given(st.integers(-(1 << 65), 1 << 65), st.sampled_from("iu"))
@example((1 << 63) - 1, "i")
@example(1 << 63, "i")
@example(-(1 << 63), "i")
@example(-(1 << 63) - 1, "i")
@example(10**19 - 1, "u")
@example(10**19, "u")
@example(-1, "u")
def test_a_whole_number_within_64_bits(number: int, suffix: str) -> None:
    end = 1 << 63 if suffix == "i" else 1 << 64
    least = -end if suffix == "i" else 0
    has_few_digits = len(str(abs(number))) <= 19
    expected = float(number) if least <= number < end and has_few_digits else None
    assert value_of(f"{number}{suffix}".encode()) == expected


def test_more_series_than_at_first_there_is_room_for() -> None:
    body = b"".join(b"m,h=%d a=%d,b=2 1000000\n" % (n % 5000, n) for n in range(12_000))
    columns = lines.decode_lines(body, NOW, way=lines.NATIVE)
    assert len(columns.labels) == 10_000
    assert columns.value[::2].tolist() == list(range(12_000))
    tags = [columns.labels[at].tags["h"] for at in columns.label.tolist()]
    assert tags == [str(n % 5000) for n in range(12_000) for _ in "ab"]


def told(columns: Columns) -> list[object]:
    """All of it, so that it can be compared."""
    labels = [columns.labels[at] for at in columns.label.tolist()]
    numbers = (columns.time, columns.value, columns.index)
    return [labels, *(each.tolist() for each in numbers), columns.rejected]


def test_threads_at_once() -> None:
    bodies = [
        b"".join(b"m,h=%d,t=%d v=%d.25 %d000000\n" % (i, n % 700, n, n) for n in range(20_000))
        for i in range(4)
    ]
    expected = [told(lines.decode_lines(body, NOW, way=lines.WITH_NUMPY)) for body in bodies]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda body: told(lines.decode_lines(body, NOW)), bodies * 3))
    assert found == expected * 3


@pytest.mark.parametrize(
    "arguments", [(), ("m v=1", 1, 6, 9), (bytearray(b"m v=1"), 1, 6, 9), (b"", 1.5, 6, 9)]
)
def test_other_arguments_are_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        _native.scan_lines(*arguments)


def test_kinds_are_told_as_one() -> None:
    body = b"m,h=a v=1\nm,h=a bad\nm,h=a w=1,v=2\nm,h=b v=1\n"
    _, size, packed, _, _ = _native.scan_lines(body, NOW, 6, 1 << 20)
    series, fields = _native.unpacked(packed, 2)
    assert (series, fields) == ([b"m,h=a", b"m,h=a", b"m,h=b"], [b"v", b"w", b"v"])
    assert series[0] is series[1]
    assert size == sum(map(len, series + fields))
    assert _native.unpacked(b"", 2) == ([], [])


def test_more_text_than_there_may_be_is_not_told() -> None:
    body = b"m,h=a v=1\nm,h=b v=1\n"
    assert _native.scan_lines(body, NOW, 6, 12)[1:3] != (12, b"")
    assert _native.scan_lines(body, NOW, 6, 11)[1:3] == (12, b"")


@given(st.binary(max_size=60) | st.lists(st.binary(max_size=5)), st.integers(-1, 4))
def test_other_bytes_than_a_scanner_gives_are_refused(
    some: bytes | list[bytes], parts: int
) -> None:
    texts = [] if isinstance(some, bytes) else some
    packed = some if isinstance(some, bytes) else b"".join(_packed(each) for each in some)
    is_whole = not isinstance(some, bytes) and parts in {1, 2, 3} and len(texts) % parts == 0
    try:
        lists = _native.unpacked(packed, parts)
    except ValueError:
        assert not is_whole
        return
    assert len(lists) == parts
    assert b"".join(_packed(each) for kind in zip(*lists, strict=True) for each in kind) == packed


def _packed(text: bytes) -> bytes:
    return struct.pack("=I", len(text)) + text


BODIES = (
    b"m,h=a v=1,w=2i 1000000\nbad\nm v=0.1234567890123456789e-5\n" * 3,
    b"m v=1" * 5000,
    b"",
)


MANY_KINDS = b"".join(b"m,h=%d v=1\n" % n for n in range(50))
ROWS = (
    b'{"name":"a","value":1,"tags":{"b":"c"}}\n{"name":"a","value":0.1234567890123456789e-5}',
    b'{"name":"a","value":1}\n{"name":"b","value":x}',
    b"\n".join([*[b'{"name":"a","value":1}'] * 99, b'{"name":"b","value":"2"}']),
)


def test_nothing_is_kept() -> None:
    def scan(times: int) -> None:
        for _ in range(times):
            for body in BODIES:
                _native.scan_lines(body, NOW, 6, 1 << 20)
            for body in ROWS:
                _native.scan_rows(body, NOW, True)
                _native.scan_rows(b"[" + body.replace(b"\n", b",") + b"]", NOW, False)

        for _ in range(times):
            assert len(_native.unpacked(packed, 2)[0]) == 50

    _, _, packed, _, _ = _native.scan_lines(MANY_KINDS, NOW, 6, 1 << 20)
    scan(100)
    process = psutil.Process()
    before, references = process.memory_info().rss, sys.getrefcount(BODIES[0])
    scan(100_000 // 9)
    references_after = sys.getrefcount(BODIES[0])
    assert references_after == references
    assert process.memory_info().rss - before < 2 << 20
