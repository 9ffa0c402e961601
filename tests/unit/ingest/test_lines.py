"""InfluxDB line protocol: its documented examples, what is refused, and that fast is exact.

Whatever is read together is read by each scanner there is, and they have to agree.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.ingest import line_scan, lines, native
from nowline.ingest import rows as limits
from nowline.ingest.columns import Columns
from nowline.ingest.lines import PRECISIONS, Way

NOW = 1_800_000_000_000
Point = tuple[str, dict[str, str], int, float]
Row = tuple[int, str, dict[str, str], int, float]


EACH = Way(line_scan.scan, alone_below=1 << 40)
TOGETHER = [Way(line_scan.scan, alone_below=0), *([lines.NATIVE] if native.IS_BUILT else [])]


def decode_lines(body: bytes, now_ms: int, precision: str = "ns") -> Columns:
    """However short it is, read together."""
    first, *others = (outcome(body, now_ms, precision, way) for way in TOGETHER)
    assert all(told(other) == told(first) for other in others)
    if isinstance(first, NowlineError):
        raise first
    return first


def outcome(body: bytes, now_ms: int, precision: str, way: Way) -> Columns | NowlineError:
    try:
        return lines.decode_lines(body, now_ms, precision, way=way)
    except NowlineError as error:
        return error


def told(found: Columns | NowlineError) -> object:
    if isinstance(found, NowlineError):
        return found.code, found.detail, found.errors
    return rows(found), found.rejected


def decode_each_line(body: bytes, now_ms: int, precision: str = "ns") -> Columns:
    """However long it is, read line by line."""
    return lines.decode_lines(body, now_ms, precision, way=EACH)


def rows(columns: Columns) -> list[Row]:
    """The rows as they were understood: line, name, tags, time, value."""
    labels = [columns.labels[at] for at in columns.label.tolist()]
    rest = zip(columns.index.tolist(), columns.time.tolist(), columns.value.tolist(), strict=True)
    return [
        (index, label.name, label.tags, time, value)
        for label, (index, time, value) in zip(labels, rest, strict=True)
    ]


def one(line: bytes, precision: str = "ns") -> list[Point]:
    """The rows of a body that is all good, from both ways to read it."""
    columns = decode_lines(line, NOW, precision)
    assert columns.rejected == []
    assert rows(columns) == rows(decode_each_line(line, NOW, precision))
    return [row[1:] for row in rows(columns)]


# docs.influxdata.com, "Line protocol reference" of InfluxDB 2 and of InfluxDB 1.8.
DOCUMENTED: dict[bytes, list[Point]] = {
    b'myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000': [],
    b"myMeasurement fieldKey=1.0": [("myMeasurement.fieldKey", {}, NOW, 1)],
    b"myMeasurement fieldKey=1": [("myMeasurement.fieldKey", {}, NOW, 1)],
    b"myMeasurement fieldKey=-1.234456e+78": [("myMeasurement.fieldKey", {}, NOW, -1.234456e78)],
    b"myMeasurement fieldKey=1i": [("myMeasurement.fieldKey", {}, NOW, 1)],
    b"myMeasurement fieldKey=12485903i": [("myMeasurement.fieldKey", {}, NOW, 12_485_903)],
    b"myMeasurement fieldKey=-12485903i": [("myMeasurement.fieldKey", {}, NOW, -12_485_903)],
    b"myMeasurement fieldKey=1u": [("myMeasurement.fieldKey", {}, NOW, 1)],
    b"myMeasurement fieldKey=12485903u": [("myMeasurement.fieldKey", {}, NOW, 12_485_903)],
    b'myMeasurement fieldKey="this is a string"': [],
    b"myMeasurement fieldKey=true": [("myMeasurement.fieldKey", {}, NOW, 1)],
    b"myMeasurement fieldKey=f": [("myMeasurement.fieldKey", {}, NOW, 0)],
    b"myMeasurementName fieldKey=1 1556813561098000000": [
        ("myMeasurementName.fieldKey", {}, 1_556_813_561_098, 1)
    ],
    b'# This is a comment\nmyMeasurement,tagKey=tagValue fieldKey="a",x=2 1556813561098000000': [
        ("myMeasurement.x", {"tagKey": "tagValue"}, 1_556_813_561_098, 2)
    ],
    rb"my\ Measurement fieldKey=1": [("my Measurement.fieldKey", {}, NOW, 1)],
    rb"my\,Measurement fieldKey=1": [("my,Measurement.fieldKey", {}, NOW, 1)],
    b'myMeasurement fieldKey="\\"string\\" within a string",y=1': [("myMeasurement.y", {}, NOW, 1)],
    rb"myMeasurement,tag\ Key1=tag\ Value1,tag\ Key2=tag\ Value2 fieldKey=100": [
        ("myMeasurement.fieldKey", {"tag Key1": "tag Value1", "tag Key2": "tag Value2"}, NOW, 100)
    ],
    "myMeasurement,tagKey=🍭 fieldKey=2 1556813561098000000".encode(): [
        ("myMeasurement.fieldKey", {"tagKey": "🍭"}, 1_556_813_561_098, 2)
    ],
    b"weather,location=us-midwest temperature=82,humidity=71 1465839830100400200": [
        ("weather.temperature", {"location": "us-midwest"}, 1_465_839_830_100, 82),
        ("weather.humidity", {"location": "us-midwest"}, 1_465_839_830_100, 71),
    ],
    rb"weather,location=us\,midwest temperature=82 1465839830100400200": [
        ("weather.temperature", {"location": "us,midwest"}, 1_465_839_830_100, 82)
    ],
    rb"weather,location=us-midwest temp\=rature=82 1465839830100400200": [
        ("weather.temp=rature", {"location": "us-midwest"}, 1_465_839_830_100, 82)
    ],
    rb"weather,location\ place=us-midwest temperature=82 1465839830100400200": [
        ("weather.temperature", {"location place": "us-midwest"}, 1_465_839_830_100, 82)
    ],
    rb"wea\,ther,location=us-midwest temperature=82 1465839830100400200": [
        ("wea,ther.temperature", {"location": "us-midwest"}, 1_465_839_830_100, 82)
    ],
    b'weather,location=us-midwest temperature_str="too hot\\\\\\cold",t=1 1465839830100400200': [
        ("weather.t", {"location": "us-midwest"}, 1_465_839_830_100, 1)
    ],
    b'"weather","location"="us-midwest" temperature=82 1465839830100400200': [
        ('"weather".temperature', {'"location"': '"us-midwest"'}, 1_465_839_830_100, 82)
    ],
    b"weather=,location=us-midwest temperature=82": [
        ("weather=.temperature", {"location": "us-midwest"}, NOW, 82)
    ],
}


@pytest.mark.parametrize("line", DOCUMENTED)
def test_the_documented_examples(line: bytes) -> None:
    assert one(line) == DOCUMENTED[line]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"m value=1", [("m", {}, NOW, 1)]),
        (b"m v=1 0\nm v=2 -1\n", [("m.v", {}, 0, 1), ("m.v", {}, -1, 2)]),
        (b"\n\r\n  \n# m v=9 9\n \t# too\nm v=1 2000000\r\n", [("m.v", {}, 2, 1)]),
        (b"  m   v=1   3000000  ", [("m.v", {}, 3, 1)]),
        (b"m v=1 4000000\r", [("m.v", {}, 4, 1)]),
        (b'm s="a b=c, d",v=1 5000000', [("m.v", {}, 5, 1)]),
        (b'm s="a\nb\\"\n",v=1 6000000\nm v=2 7000000', [("m.v", {}, 6, 1), ("m.v", {}, 7, 2)]),
        (b"m t=t,T=T,a=true,b=True,c=TRUE", [(f"m.{k}", {}, NOW, 1) for k in "tTabc"]),
        (b"m f=f,F=F,a=false,b=False,c=FALSE", [(f"m.{k}", {}, NOW, 0) for k in "fFabc"]),
        (
            b"m a=.5,b=5.,c=+1,d=-.5e-3",
            [(f"m.{k}", {}, NOW, v) for k, v in zip("abcd", (0.5, 5, 1, -0.0005), strict=True)],
        ),
        (
            b"m a=9223372036854775807i,b=18446744073709551615u",
            [("m.a", {}, NOW, 2.0**63), ("m.b", {}, NOW, 2.0**64)],
        ),
        (
            b"m a=0.1234567890123456789,b=123456789012345678",
            [("m.a", {}, NOW, 0.12345678901234568), ("m.b", {}, NOW, 123456789012345680)],
        ),
        (rb"m,p=C:\dir\ x v=1", [("m.v", {"p": r"C:\dir x"}, NOW, 1)]),
        (rb"m,a=x\,y,b=\\z v=1", [("m.v", {"a": "x,y", "b": "\\\\z"}, NOW, 1)]),
        (b"m.n,a.b=1.5 c.d=2.5 8000000", [("m.n.c.d", {"a.b": "1.5"}, 8, 2.5)]),
    ],
)
def test_every_shape_of_line(body: bytes, found: list[Point]) -> None:
    assert one(body) == found


@pytest.mark.parametrize(
    ("precision", "time", "ms"),
    [
        ("ns", 1_700_000_000_123_456_789, 1_700_000_000_123),
        ("n", -1, -1),
        ("us", 1_700_000_000_123_456, 1_700_000_000_123),
        ("u", 999, 0),
        ("ms", 1_700_000_000_123, 1_700_000_000_123),
        ("ms", -5, -5),
        ("s", 1_700_000_000, 1_700_000_000_000),
        ("s", -1, -1000),
        ("s", 9_999_999_999_999_999, 1 << 53),
        ("s", 18_446_744_073_709_552, 1 << 53),
        ("ms", 9_999_999_999_999_999_999, 1 << 53),
        ("s", -9_999_999_999_999_999_999, -(1 << 53)),
    ],
)
def test_precision(precision: str, time: int, ms: int) -> None:
    assert one(b"m v=1 %d\n" % time, precision) == [("m.v", {}, ms, 1)]


def test_another_precision_is_named() -> None:
    with pytest.raises(NowlineError, match=r"`h` is not one of ns, n, us, u, ms, s") as refused:
        decode_lines(b"m v=1", NOW, "h")
    assert refused.value.code is Code.INVALID
    assert refused.value.errors[0].field == "precision"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"m", "fields: there are none"),
        (b"m,a=b", "fields: there are none"),
        (b",a=b v=1", "measurement: is missing"),
        (b"m, v=1", "tags: each must be key=value, neither of them empty"),
        (b"m,a v=1", "tags: each must be key=value, neither of them empty"),
        (b"m,a= v=1", "tags: each must be key=value, neither of them empty"),
        (b"m,=b v=1", "tags: each must be key=value, neither of them empty"),
        (b"m,a=b=c v=1", "tags: each must be key=value, neither of them empty"),
        (b"m,a=1,a=2 v=1", "tags.a: is there twice"),
        (b"m v", "fields: each must be key=value, neither of them empty"),
        (b"m v=", "fields: each must be key=value, neither of them empty"),
        (b"m =1", "fields: each must be key=value, neither of them empty"),
        (b"m v=1,", "fields: each must be key=value, neither of them empty"),
        (b"m v=1,,w=2", "fields: each must be key=value, neither of them empty"),
        (b'm s="open', "fields: each must be key=value, neither of them empty"),
        (b'm s="a"b', "fields.s: nothing may follow a value but a comma"),
        (b"m v=abc", "fields.v: `abc` is no number, boolean or string"),
        (b"m v=1_000", "fields.v: `1_000` is no number, boolean or string"),
        (b"m v=1.5i", "fields.v: `1.5i` is no number, boolean or string"),
        (b"m v=-1u", "fields.v: is beyond 64 bits"),
        (b"m v=9223372036854775808i", "fields.v: is beyond 64 bits"),
        (b"m v=NaN", "fields.v: `NaN` is no number, boolean or string"),
        (b"m v=inf", "fields.v: `inf` is no number, boolean or string"),
        (b"m v=1e999", "fields.v: is beyond what a number can be"),
        (b"m v=0x10", "fields.v: `0x10` is no number, boolean or string"),
        (b"m v=tRUE", "fields.v: `tRUE` is no number, boolean or string"),
        (b"m v=1 now", "time: `now` is no whole number of up to 19 digits"),
        (b"m v=1 1.5", "time: `1.5` is no whole number of up to 19 digits"),
        (b"m v=1 1 2", "time: `1 2` is no whole number of up to 19 digits"),
        (b"m v=1 12345678901234567890", "time: `12345678901234567890` is no whole number"),
        (b"m,a=\xff v=1", "tags: is not valid UTF-8"),
        (b"\xff v=1", "measurement: is not valid UTF-8"),
        (b"m \xff=1", "fields: is not valid UTF-8"),
        (b'{"name": "cpu"}', "fields: each must be key=value"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_kept(line: bytes, reason: str) -> None:
    body = b"a v=1 1000000\n" + line + b"\nb v=2 2000000\n"
    for columns in (decode_lines(body, NOW), decode_each_line(body, NOW)):
        assert [row[:2] for row in rows(columns)] == [(0, "a.v"), (2, "b.v")]
        assert [refused.index for refused in columns.rejected] == [1]
        assert columns.rejected[0].error.startswith(reason)


def test_one_bad_field_refuses_its_line() -> None:
    columns = decode_lines(b"m a=1,b=x 1", NOW)
    assert rows(columns) == []
    assert [refused.index for refused in columns.rejected] == [0]


def test_an_open_string_takes_nothing_that_follows_with_it() -> None:
    body = b'm s="open 1\nm v=1 1000000\nm s="x" 2000000\nm v=2 3000000\n'
    columns = decode_lines(body, NOW)
    assert [(row[0], row[4]) for row in rows(columns)] == [(1, 1.0), (3, 2.0)]
    assert [refused.index for refused in columns.rejected] == [0]


def test_strings_over_the_ends_of_pieces() -> None:
    line = b'm s="' + b"x\n" * 2000 + b'",v=1 1000000\n'
    columns = decode_lines(line * 400, NOW)
    assert columns.rejected == []
    assert columns.index.tolist() == [n * 2001 for n in range(400)]


def test_a_long_body_of_every_kind_of_line() -> None:
    kinds = (
        b"m,h=%d v=%d.5 %d000000\n",
        b"m,h=%d v=%d,w=2i %d000000\n",
        b"m,h=%d v=%de0 %d000000 \n",
    )
    body = b"".join(kinds[n % 3] % (n % 100, n, n) for n in range(30_000))
    fast, exact = decode_lines(body, NOW), decode_each_line(body, NOW)
    assert fast.rejected == exact.rejected == []
    assert rows(fast) == rows(exact)
    assert len(fast.index) == 40_000


@pytest.mark.parametrize(
    "line", [b'm s="\\"\n', b'="x ="\n', b'm s=",', b"\\\n", b"=,", b'"', b"m,a=b", b"m v=1\\ "]
)
def test_nothing_takes_long(line: bytes) -> None:
    before = time.process_time()
    decode_lines(line * (200_000 // len(line)), NOW)
    assert time.process_time() - before < 30


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"m " + b"a=1," * 1_000_000 + b"b=2 1", "line: is over 1048576 bytes"),
        (b"m " + b"a=1," * 10_000 + b"b=2 1", "fields: there are over 10000"),
        (b'm s="' + b"x" * (1 << 20) + b'" 1', "line: is over 1048576 bytes"),
        (b'm s="' + (b"x" * 13 + b"\n") * 80_000 + b'" 1', "fields: each must be"),
    ],
    ids=["millions of fields", "a few too many", "string", "string of many lines"],
)
def test_a_line_that_is_too_much_is_named_and_the_others_are_kept(line: bytes, reason: str) -> None:
    body = b"a v=1 1000000\n" + line + b"\nb v=2 2000000\n"
    for columns in (decode_lines(body, NOW), decode_each_line(body, NOW)):
        assert [row[1] for row in rows(columns)] == ["a.v", "b.v"]
        assert columns.rejected[0].index == 1
        assert columns.rejected[0].error.startswith(reason)


def test_a_line_with_as_much_as_it_may_have() -> None:
    many = b"m " + b"a=1," * 9_999 + b"b=2 1"
    long = b"m" * ((1 << 20) - 6) + b" v=1 1"
    for columns in (decode_lines(many + b"\n" + long, NOW), decode_each_line(many, NOW)):
        assert (columns.index == 0).sum() == 10_000
        assert columns.rejected == []


@pytest.mark.parametrize("decode", [decode_lines, decode_each_line])
def test_there_are_only_so_many_values(
    monkeypatch: pytest.MonkeyPatch, decode: Callable[[bytes, int], Columns]
) -> None:
    monkeypatch.setattr(limits, "MOST_ROWS", 20)
    line = b"m a=1,b=2,c=3,d=4,e=5 1\n"
    assert len(decode(line * 4, NOW).value) == 20
    with pytest.raises(NowlineError) as refused:
        decode(line * 5, NOW)
    assert refused.value.code is Code.TOO_LARGE


@pytest.mark.parametrize("length", [400, 20_000])
@pytest.mark.parametrize("decode", [decode_lines, decode_each_line])
def test_tags_that_many_values_share_are_only_so_long(
    monkeypatch: pytest.MonkeyPatch, decode: Callable[[bytes, int], Columns], length: int
) -> None:
    monkeypatch.setattr(limits, "_LEAST_ROOM_BYTES", 1 << 20)
    fields = b",".join(b"%x=1" % field for field in range(9_000))
    tags = b",".join(b"%d=%b" % (tag, b"v" * (length // 20)) for tag in range(20))
    body = b"".join(b"m%d,%b %b 1\n" % (line, tags, fields) for line in range(3))
    tracemalloc.start()
    try:
        with pytest.raises(NowlineError) as refused:
            decode(body, NOW)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.code is Code.TOO_LARGE
    assert most < 40 << 20


def test_series_and_fields_in_any_order() -> None:
    random = Random(1)
    series, fields = [b"m,h=%d" % n for n in range(9)], [b"a", b"b", b"c"]
    written = [
        (random.choice(series), random.sample(fields, random.randint(1, 3))) for _ in range(2_000)
    ]
    body = b"\n".join(
        name + b" " + b",".join(b"%b=%d" % (key, n) for key in keys) + b" 1"
        for n, (name, keys) in enumerate(written)
    )
    assert rows(decode_lines(body, NOW)) == [
        (n, f"m.{key.decode()}", {"h": name.decode()[-1]}, 0, n)
        for n, (name, keys) in enumerate(written)
        for key in keys
    ]


def test_a_line_leaves_nothing_behind_that_is_not_taken_together() -> None:
    number = b"1234567890123456789012e-30"
    body = b"a v=%b,w=t 1\nb v=7 1\nc v=%b,w=x 1\nd v=8 1\ne v=%b\n" % ((number,) * 3)
    columns = decode_lines(body, NOW)
    values = [(label, value) for _, label, _, _, value in rows(columns)]
    exact = float(number)
    assert values == [("a.v", exact), ("a.w", 1), ("b.v", 7), ("d.v", 8), ("e.v", exact)]


def test_many_fields_of_a_long_series_take_no_longer_than_their_text() -> None:
    fields = b",".join(b"k%d=1" % field for field in range(9_999))
    before = time.process_time()
    for _ in range(5):
        with pytest.raises(NowlineError):
            decode_lines((b"m,h=" + b"x" * 500_000 + b" " + fields + b" 1\n") * 2, NOW)
    assert time.process_time() - before < 10


plain = st.text(st.sampled_from('ab=, .\\"1é#'), min_size=1, max_size=4)


def escaped(text: str, special: str) -> bytes:
    return "".join(f"\\{c}" if c in special else c for c in text).encode()


# A name that ends in a backslash cannot be told from one with an escape after it.
names = plain.filter(lambda text: not text.startswith("#") and "\\" not in text)
values: st.SearchStrategy[tuple[bytes, float | None]] = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: (repr(v).encode(), v)),
    st.decimals(-(10**9), 10**9, places=3).map(lambda v: (f"{v:f}".encode(), float(v))),
    st.integers(-(1 << 63), (1 << 63) - 1).map(lambda v: (b"%di" % v, float(v))),
    st.integers(0, (1 << 64) - 1).map(lambda v: (b"%du" % v, float(v))),
    st.sampled_from([(b"t", 1.0), (b"FALSE", 0.0)]),
    st.text(max_size=5).map(
        lambda v: (b'"%b"' % v.replace("\\", "\\\\").replace('"', '\\"').encode(), None)
    ),
)


@st.composite
def points(draw: st.DrawFn) -> tuple[bytes, list[Row]]:
    """A line, and the rows that it means, of line 0."""
    measurement = draw(names)
    tags = draw(st.dictionaries(names, names, max_size=2))
    fields = draw(st.dictionaries(names, values, min_size=1, max_size=3))
    at = draw(st.none() | st.integers(-(10**17), 10**18))
    series = b"".join(
        b",%b=%b" % (escaped(key, ",= "), escaped(tag, ",= ")) for key, tag in tags.items()
    )
    pairs = b",".join(b"%b=%b" % (escaped(key, ",= "), raw) for key, (raw, _) in fields.items())
    line = escaped(measurement, ", ") + series + b" " + pairs
    time_ms = NOW if at is None else at // 1_000_000
    meant = [
        (0, measurement if key == "value" else f"{measurement}.{key}", tags, time_ms, value)
        for key, (_, value) in fields.items()
        if value is not None
    ]
    return line + (b"" if at is None else b" %d" % at), meant


@given(st.lists(points(), max_size=5), st.sampled_from([b"\n", b"\r\n"]))
def test_whatever_is_written_is_understood(
    written: list[tuple[bytes, list[Row]]], line_end: bytes
) -> None:
    columns = decode_lines(line_end.join(line for line, _ in written), NOW)
    assert columns.rejected == []
    index = 0
    meant: list[Row] = []
    for line, found in written:
        meant += [(index, *row[1:]) for row in found]
        index += line.replace(b"\r\n", b"\n").count(b"\n") + 1
    assert rows(columns) == meant


pieces = st.sampled_from(
    [
        *(b"m", b"m,a=b", b"cpu,host=a", b" ", b" v=1", b" v=1.5,w=2i", b" 1700000000000000000"),
        *(
            b"\n",
            b"\r\n",
            b'"',
            b"\\",
            b",",
            b"=",
            b"#",
            b"\t",
            b"\0",
            b"\xff",
            b"[",
            b"]",
            b'="x"',
        ),
        *(b"1", b".", b"-", b"e5", b"i", b"u", b"t", b"NaN", b"value=0123456789.0123456789"),
    ]
)


@settings(max_examples=500)
@given(st.lists(pieces, max_size=30).map(b"".join), st.sampled_from(PRECISIONS))
@example(b"m v=1 1\nm v=2", "s")
@example(b"m v=00000000000000000001i 00000000000000000012\n", "s")
@example(b"m 1=]1,2=[1 1\n", "ns")
def test_what_is_read_together_is_what_is_read_alone(body: bytes, precision: str) -> None:
    fast, exact = decode_lines(body, NOW, precision), decode_each_line(body, NOW, precision)
    assert rows(fast) == rows(exact)
    assert fast.rejected == exact.rejected


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    columns = decode_lines(body, NOW)
    assert np.isfinite(columns.value).all()
    # Nothing is passed over in silence but empty lines and comments.
    assert len(columns.rejected) <= body.count(b"\n") + 1


@given(st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b'"', b"")), max_size=6))
def test_good_lines_are_kept_between_any_others(others: list[bytes]) -> None:
    columns = decode_lines(b"\n".join([*others, b"good value=7 5000000"]), NOW)
    assert rows(columns)[-1][1:] == ("good", {}, 5, 7.0)


def test_the_labels_that_bodies_share_stay_as_they_are() -> None:
    shared = b"".join(b"m,h=%d v=%d 1\n" % (n, n) for n in range(40))
    odd = b'm,h=a\\ b v=1 1\nm,h=0 s="x",v=2 1\n'
    piece = b"#" * (1 << 20) + b"\n"
    first = lines.decode_lines(shared, NOW, "ms")
    again = lines.decode_lines(shared, NOW, "ms")
    assert first.labels == again.labels
    assert len(first.labels) == 40
    for body in (shared + odd, odd + shared, shared + piece + shared + odd, shared):
        columns = lines.decode_lines(body, NOW, "ms")
        assert told(columns) == told(lines.decode_lines(body, NOW, "ms", way=EACH))
    assert len(first.labels) == len(again.labels) == 40
    assert first.in_use()[1].keys == [label.key for label in first.labels]
