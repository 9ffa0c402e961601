"""Bodies of JSON: what is read from them, and what every bad row is told.

Each is read with the native scanner, where there is one, and without it, which has to be the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nowline.errors import Code, NowlineError
from nowline.ingest import json as decoders
from nowline.ingest.columns import Columns, Rejected
from nowline.model.series import MetricType

NOW = 1_800_000_000_000
JsonRow = dict[str, object]

texts = st.text(st.characters(codec="utf-8"), max_size=6)
finite = st.floats(allow_nan=False, allow_infinity=False)
optional = {
    "time": st.one_of(
        st.none(), st.integers(0, 1 << 50), st.just("2024-05-01T12:00:00+02:00"), st.just(1.5e12)
    ),
    "type": st.sampled_from([None, "gauge", "counter", "cumulative", "distribution"]),
    "tags": st.one_of(st.none(), st.dictionaries(texts, texts, max_size=3)),
    "metadata": st.one_of(st.none(), st.dictionaries(texts, texts, max_size=2)),
}
good_rows: st.SearchStrategy[JsonRow] = st.fixed_dictionaries(
    {"name": texts, "value": finite}, optional=optional
)
batches = st.lists(good_rows, max_size=8)


def encoded(row: object) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode()


def seen(columns: Columns) -> list[tuple[object, ...]]:
    """The rows as they were understood."""
    labels = [columns.labels[at] for at in columns.label.tolist()]
    rest = zip(columns.index.tolist(), columns.time.tolist(), columns.value.tolist(), strict=True)
    return [
        (index, label.name, label.type, label.tags, time, value)
        for label, (index, time, value) in zip(labels, rest, strict=True)
    ]


def told(decode: Callable[..., Columns], scan: decoders.Scan | None, body: bytes) -> object:
    """All that a decoder says, to be compared."""
    try:
        columns = decode(body, NOW, scan=scan)
    except NowlineError as error:
        return error.code, error.detail, error.errors
    signs = np.signbit(columns.value).tolist()
    return seen(columns), signs, columns.rejected, columns.metadata


def both(decode: Callable[..., Columns], body: bytes) -> Columns:
    """What a decoder makes of a body, with the native scanner and without it."""
    if decoders.NATIVE is not None:
        assert told(decode, decoders.NATIVE, body) == told(decode, None, body)
    columns: Columns = decode(body, NOW)
    return columns


def decode_json(body: bytes, _now_ms: int) -> Columns:
    return both(decoders.decode_json, body)


def decode_ndjson(body: bytes, _now_ms: int) -> Columns:
    return both(decoders.decode_ndjson, body)


def meant(rows: list[JsonRow]) -> list[tuple[object, ...]]:
    return [
        (
            index,
            row["name"],
            MetricType(row["type"]) if row.get("type") else None,
            row.get("tags") or {},
            _meant_time(row.get("time")),
            row["value"],
        )
        for index, row in enumerate(rows)
    ]


def _meant_time(time: object) -> int:
    if time is None:
        return NOW
    return 1_714_557_600_000 if isinstance(time, str) else int(time)  # type: ignore[call-overload]


def described(rows: list[JsonRow]) -> dict[str, JsonRow]:
    merged: dict[str, JsonRow] = {}
    for row in rows:
        merged.setdefault(str(row["name"]), {}).update(row.get("metadata") or {})  # type: ignore[call-overload]
    return {name: metadata for name, metadata in merged.items() if metadata}


@given(batches)
def test_good_rows_in_every_shape_of_body(rows: list[JsonRow]) -> None:
    lines = b"\n".join(map(encoded, rows))
    for columns in (
        decode_json(encoded(rows), NOW),
        decode_json(encoded({"metrics": rows}), NOW),
        decode_ndjson(lines, NOW),
    ):
        assert seen(columns) == meant(rows)
        assert columns.rejected == []
        assert {n: json.loads(raw) for n, raw in columns.metadata.items()} == described(rows)


@given(batches, st.integers(0, 8))
def test_a_bad_row_changes_nothing_for_the_good_ones(rows: list[JsonRow], at: int) -> None:
    at = min(at, len(rows))
    mixed: list[JsonRow] = [*rows[:at], {"name": "bad", "value": "5"}, *rows[at:]]
    expected = meant([*rows[:at], {"name": "", "value": 0}, *rows[at:]])
    del expected[at]
    for columns in (
        decode_json(encoded(mixed), NOW),
        decode_json(encoded({"metrics": mixed}), NOW),
        decode_ndjson(b"\n".join(map(encoded, mixed)), NOW),
    ):
        assert seen(columns) == expected
        assert [rejected.index for rejected in columns.rejected] == [at]


REFUSALS = [
    (b"5", "row"),
    (b"[]", "row"),
    (b"null", "row"),
    (b"{}", "name"),
    (b'{"value":1}', "name"),
    (b'{"name":"a"}', "value"),
    (b'{"name":5,"value":1}', "name"),
    (b'{"name":null,"value":1}', "name"),
    (b'{"name":"\xff","value":1}', "row"),
    (b'{"name":"a","value":"1"}', "value"),
    (b'{"name":"a","value":null}', "value"),
    (b'{"name":"a","value":true}', "value"),
    (b'{"name":"a","value":[1]}', "value"),
    (b'{"name":"a","value":1e999}', "value"),
    (b'{"name":"a","value":-1e999}', "value"),
    (b'{"name":"a","value":' + b"9" * 400 + b"}", "value"),
    (b'{"name":"a","value":1,"time":true}', "time"),
    (b'{"name":"a","value":1,"time":"yesterday"}', "time"),
    (b'{"name":"a","value":1,"time":"2024-05-01T12:00:00"}', "time"),
    (b'{"name":"a","value":1,"time":"2024-02-30T12:00:00Z"}', "time"),
    (b'{"name":"a","value":1,"time":99999999999999999999999}', "time"),
    (b'{"name":"a","value":1,"time":1e999}', "time"),
    (b'{"name":"a","value":1,"time":[]}', "time"),
    (b'{"name":"a","value":1,"type":"histogram"}', "type"),
    (b'{"name":"a","value":1,"type":1}', "type"),
    (b'{"name":"a","value":1,"tags":[]}', "tags"),
    (b'{"name":"a","value":1,"tags":"x"}', "tags"),
    (b'{"name":"a","value":1,"tags":{"k":1}}', "tags"),
    (b'{"name":"a","value":1,"tags":{"k":null}}', "tags"),
    (b'{"name":"a","value":1,"tags":{"k":"\xff"}}', "tags"),
    (b'{"name":"a","value":1,"metadata":[]}', "metadata"),
    (b'{"name":"a","value":1,"metadata":"x"}', "metadata"),
    (b'{"name":"a","value":1,"metadata":{"x":1e999}}', "metadata"),
    (b'{"name":"a","value":1,"metadata":{"x":"\xff"}}', "metadata"),
    (b'{"name":"a","value":1,"metadata":{"x":' + b"[" * 20 + b"]" * 20 + b"}}", "metadata"),
    (b'{"name":"a","value":1,"tag":{}}', "tag"),
    (b'{"name":"a","value":1,"timestamp":5}', "timestamp"),
]


@pytest.mark.parametrize(("row", "field"), REFUSALS, ids=lambda value: repr(value)[:60])
def test_every_refusal_names_row_and_field(row: bytes, field: str) -> None:
    good = b'{"name":"good","value":1}'
    for columns in (
        decode_json(b"[" + good + b"," + row + b"," + good + b"]", NOW),
        decode_json(b'{"metrics":[' + good + b"," + row + b"," + good + b"]}", NOW),
        decode_ndjson(good + b"\n" + row + b"\n" + good, NOW),
    ):
        assert columns.index.tolist() == [0, 2]
        assert [rejected.index for rejected in columns.rejected] == [1]
        assert columns.rejected[0].error.partition(":")[0].partition(".")[0] == field
        assert columns.metadata == {}


def test_a_row_that_is_wrong_twice_is_refused_once() -> None:
    row = b'{"name":"a","value":1,"time":"x","tags":[],"metadata":[]}'
    columns = decode_json(b"[" + row + b"," + row + b"]", NOW)
    assert [rejected.index for rejected in columns.rejected] == [0, 1]
    assert len(columns.label) == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"{",
        b"[1,",
        b"NaN",
        b'[{"name":"a","value":NaN}]',
        b'[{"name":"a","value":Infinity}]',
        b'[{"name":"a","value":1}',
        b'[{"name":"a","value":1}] x',
        b'[{"name":"a","value":01}]',
        b"[" * 100_000,
        b'[{"name":"a","value":1,"tags":' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
        '{"metrics":[]}'.encode("utf-16"),
    ],
    ids=lambda body: repr(body)[:60],
)
def test_a_body_that_is_not_json_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(NowlineError) as caught:
        decode_json(body, NOW)
    assert caught.value.code is Code.INVALID


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"5", "metrics"),
        (b'"x"', "metrics"),
        (b"{}", "metrics"),
        (b'{"metrics":null}', "metrics"),
        (b'{"metrics":{}}', "metrics"),
        (b'{"metric":[]}', "metric"),
        (b'{"metrics":[],"extra":1}', "extra"),
        (b'{"metrics":[{"name":"a","value":"x"}],"extra":1}', "extra"),
    ],
)
def test_an_envelope_that_is_wrong_is_named(body: bytes, field: str) -> None:
    with pytest.raises(NowlineError) as caught:
        decode_json(body, NOW)
    assert caught.value.code is Code.INVALID
    assert [error.field for error in caught.value.errors] == [field]


def test_in_ndjson_only_the_bad_line_is_refused() -> None:
    body = b'{"name":"a","value":1}\r\n\n{"name":"a","value":NaN}\n \n[\n{"name":"b","value":2}\n'
    columns = decode_ndjson(body, NOW)
    assert columns.index.tolist() == [0, 5]
    assert [rejected.index for rejected in columns.rejected] == [2, 4]


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"a","value":1},{"name":"b","value":2}\n{"name":"c"\n"value":1}',
        b'{"name":"a","value":1}{"name":"b","value":2}\n{"name":"c",\n"value":1}',
        b'{"name":"a","value":1}],[{"name":"b","value":2}\n{"name":"c\nd","value":1}',
    ],
)
def test_lines_that_are_rows_only_when_joined_are_refused(body: bytes) -> None:
    columns = decode_ndjson(body, NOW)
    assert len(columns.label) == 0
    assert [rejected.index for rejected in columns.rejected] == [0, 1, 2]


def test_rows_of_one_batch_that_describe_a_metric_add_up() -> None:
    rows: list[JsonRow] = [
        {"name": "a", "value": 1, "metadata": {"unit": "s"}},
        {"name": "a", "value": 1, "metadata": {"help": "x"}},
        {"name": "a", "value": 1, "metadata": {"unit": "ms"}},
    ]
    columns = decode_json(encoded(rows), NOW)
    assert json.loads(columns.metadata["a"]) == {"unit": "ms", "help": "x"}


JSONISH = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["name", "value", "time", "type", "tags", "x"]), inner),
    ),
    max_leaves=12,
)


@given(JSONISH)
def test_any_json_is_taken_or_refused(value: object) -> None:
    _only_refusals(encoded(value))
    _only_refusals(encoded([value]))
    _only_refusals(encoded({"metrics": [value]}))


@given(st.binary(max_size=60))
@example(b'{"name":"\\ud800","value":1}')
@example(b'[{"name":"a","value":1,"metadata":{"x":"\\ud800"}}]')
@example(b'[{"name":"a","value":1,"tags":{"\\ud800":"1"}}]')
@example(b"\xef\xbb\xbf[]")
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    _only_refusals(body)


@given(st.data())
def test_a_good_body_with_any_byte_changed_is_taken_or_refused(data: st.DataObject) -> None:
    body = bytearray(b'[{"name":"a","value":1.5e3,"time":17,"type":"gauge","tags":{"k":"v"}}]')
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    _only_refusals(bytes(body))


def _only_refusals(body: bytes) -> None:
    """Every row of the body is kept or refused once, or the whole body is refused as INVALID."""
    for decode in (decode_json, decode_ndjson):
        try:
            columns = decode(body, NOW)
        except NowlineError as error:
            if error.code is Code.INVALID:
                continue
            raise
        places = [*columns.index.tolist(), *(rejected.index for rejected in columns.rejected)]
        assert len(set(places)) == len(places)
        assert np.isfinite(columns.value).all()
        assert all("\n" not in rejected.error for rejected in columns.rejected)


@pytest.mark.parametrize(
    ("body", "good", "refused"),
    [
        (b'{"name":"a",\n"value":1}\n{"name":"b","value":2},{"name":"c","value":3}', [], [0, 1, 2]),
        (b'{"name":"a","value":1}\n{"name":"b","value":2},{"name":"c","value":3}', [0], [1]),
        (b'{"name":"a","value":1,"tags":{}\n{"name":"b","value":2}\n{"name":"c"}', [1], [0, 2]),
        (b'{"name":"a","value":1}\r\n\n {"name":"[}\\n{","value":2}\n', [0, 2], []),
        (b'{"name":"a","value":1}\n{"name":"b","value":2}\n', [0, 1], []),
    ],
)
def test_a_line_is_a_row_of_its_own(body: bytes, good: list[int], refused: list[int]) -> None:
    columns = decode_ndjson(body, NOW)
    assert columns.index.tolist() == good
    assert [row.index for row in columns.rejected] == refused


def test_a_description_that_is_too_long_refuses_its_row() -> None:
    long = {"name": "a", "value": 1, "metadata": {"help": "x" * (16 << 10)}}
    columns = decode_json(json.dumps([long, {"name": "b", "value": 2}]).encode(), NOW)
    assert [row.error for row in columns.rejected] == [
        "metadata: is 16396 bytes long; the limit is 16384"
    ]
    assert columns.index.tolist() == [1]


spaces = st.sampled_from(["", "", "", " ", "\t", "\r", " \n ", "\v"])
# What each field may be in a row that is otherwise plain; most of it is wrong.
ODD = {
    "name": ['"é"', '"\\u0061"', '""', '"a\x01"', '"a\tb"', '"a\x7f"', '"a\\"', "5", "null", '"a'],
    "value": [
        *("0", "-0", "-0.0", "1E5", "1e+3", "2e-7", "0e999999", "1e-999", "1e999", "9" * 400),
        *("01", "-01", "1.", ".5", "-.5", "+1", "-", "1e", "1e+", "NaN", "0x1", "1_0", "true"),
        *('"1"', "null", "", "1 2", "[1]", "Infinity", "1.5.5", "0.", "00", "9007199254740993"),
        *("123456789012345678901", "0.1234567890123456789012", "1" * 130, "0." + "0" * 200 + "1"),
    ],
    "time": [
        *("0", "00", "-1", "-0", "1.5e12", "1e3", "null", '"2024-05-01T12:00:00Z"', "1" * 20),
        *("9007199254740991", "9007199254740992", "18446744073709551617", "1.", "true", "017"),
    ],
    "type": ['"gauge"', '"counter"', '"other"', '"Gauge"', '""', "null", "1", '"gauge\x01"'],
    "tags": [
        *("{}", "{ }", '{"k":"v"}', '{ "k" : "v" , "l":"w"}', '{"k":"v","k":"w"}', '{"":""}'),
        *('{"k":"v",}', "{,}", '{"k"}', '{"k":1}', '{"k":{}}', '{"k":"\\n"}', '{"k":"\n"}'),
        *("null", "[]", '{"k":"v"', '{"é":"ü"}', '{"k" "v"}', '{"k":"' + "v" * 300 + '"}', "{"),
        *('{"k":"\x1f"}', '{"k\x00":"v"}', '{"k":"v"}}', '{"k":"v" "l":"w"}', '{"k"::"v"}', '"k"'),
        *("{" + ",".join(f'"{n}":"v"' for n in range(40)) + "}", '{k:"v"}', '{"k":"v";"l":"w"}'),
    ],
    "metadata": ["{}", '{"unit":"s"}', "1", "null"],
    "x": ["1"],
    "nam\\u0065": ['"c"'],
    "Name": ['"c"'],
}
odd_fields = [(key, raw) for key, raws in ODD.items() for raw in raws]
plain_values = finite.map(repr) | st.integers().map(str) | st.sampled_from(ODD["value"])
plain_fields = st.sampled_from(odd_fields)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("key", "raw"), odd_fields, ids=lambda text: text[:20])
def test_an_odd_row_among_plain_ones(key: str, raw: str, line_end: bytes) -> None:
    required = {"name": '"a"', "value": "1", key: raw}
    odd = "{" + ",".join(f'"{name}":{text}' for name, text in required.items()) + "}"
    plain = b'{"name":"plain","value":1.5,"tags":{"h":"1"},"time":17}'
    rows = [*[plain] * 9, odd.encode(), b"", b"\v", b" \f\t", *[plain] * 9]
    decode_ndjson(line_end.join(rows), NOW)
    for body in (rows[:10], rows[9:10], rows[9:10] + rows[-1:]):
        for form in (b"[%b]", b' { "metrics" : [ %b ] } '):
            with suppress(NowlineError):
                decode_json(form % b",".join(body), NOW)


@st.composite
def almost_plain(draw: st.DrawFn) -> str:
    """A row that the scanner may read, and often is wrong."""
    required = [("name", draw(st.sampled_from(['"a"', '"bc"']))), ("value", draw(plain_values))]
    fields = draw(st.permutations([*required, *draw(st.lists(plain_fields, max_size=3))]))
    members = [f'{draw(spaces)}"{key}"{draw(spaces)}:{draw(spaces)}{raw}' for key, raw in fields]
    return "{" + ",".join(members) + draw(spaces) + "}"


good_lines = st.builds(
    '{{"name":"{}","value":{},"tags":{{"h":"{}"}},"time":{}}}'.format,
    st.sampled_from("ab"),
    finite.map(repr) | st.integers(),
    st.integers(0, 3),
    st.integers(0, 1 << 50),
)


@settings(max_examples=500)
@given(
    st.lists(good_lines, max_size=20),
    st.lists(almost_plain(), max_size=2),
    st.sampled_from(["{", "[", "]", "}", ",", ":", '"', "", "", "", "", "", "\\", "\xff", "\0"]),
    st.randoms(use_true_random=False),
)
def test_with_and_without_the_native_scanner(
    good: list[str], others: list[str], odd: str, random: Random
) -> None:
    rows = [*good, *others]
    random.shuffle(rows)
    for body in (
        "[" + ",".join(rows) + "]",
        ' { "metrics" : [ ' + " , ".join(rows) + " ] } ",
        "\n".join(rows),
        "\r\n\n".join(rows) + "\n",
    ):
        at = random.randrange(len(body) + 1)
        changed = body[:at] + odd + body[at + random.randrange(2) :]
        for decode in (decode_json, decode_ndjson):
            with suppress(NowlineError):
                decode(changed.encode("latin-1", "replace"), NOW)
            with suppress(NowlineError):
                decode(changed.encode(), NOW)


@pytest.mark.parametrize("cut", range(0, 140, 3))
def test_a_body_that_breaks_off(cut: int) -> None:
    row = b'{"name":"a","value":1.5,"time":17,"type":"gauge","tags":{"k":"v"}}'
    body = b'{"metrics":[' + row + b"," + row + b"]}"
    with pytest.raises(NowlineError):
        decode_json(body[:cut], NOW)
    _only_refusals(row + b"\n" + row[: cut % len(row)])


def test_a_line_leaves_nothing_behind_that_is_not_plain() -> None:
    number = b"1234567890123456789012e-30"
    plain = [b'{"name":"a","value":%d}' % n for n in range(20)]
    odd = b'{"value":%b,"name":"b"} 1' % number
    last = b'{"value":%b,"name":"b"}' % number
    columns = decode_ndjson(b"\n".join([odd, *plain, odd, last]), NOW)
    assert columns.value.tolist() == [*range(20), float(number)]


def test_many_lines_with_others_between() -> None:
    odd = [
        b'{"name":"m","value":1,"metadata":{"unit":"s"}}',
        b'{"name":"a","value":"x"}',
        b'{"name":"\\u0061","value":2,"time":"2024-05-01T12:00:00Z"}',
        b'{"name":"a","value":3,"tags":{"k":1}}',
        b'{"name":"a","value":4,"time":-1}',
        b"",
    ]
    plain = [b'{"name":"a","value":%d.5,"tags":{"h":"%d"}}' % (n, n % 7) for n in range(20_000)]
    plain[77] = b'{"name":"a","value":1,"tags":{"h":"\xff"}}'
    lines = [odd[n // 50 % 6] if n % 50 == 0 else line for n, line in enumerate(plain)]
    columns = decode_ndjson(b"\n".join(lines), NOW)
    assert len(columns.index) + len(columns.rejected) == len(lines) - lines.count(b"")
    assert columns.metadata == {"m": b'{"unit":"s"}'}
    assert Rejected(77, "tags: not valid UTF-8") in columns.rejected
    assert columns.index.tolist() == sorted(columns.index.tolist())


def test_the_labels_that_bodies_share_stay_as_they_are() -> None:
    rows = [b'{"name":"m","value":%d,"tags":{"h":"%d"}}' % (n, n) for n in range(40)]
    odd = b'{"name":"m","value":1,"tags":{"h":"\\u0041"}}'
    body, longer = b"\n".join(rows), b"\n".join([*rows, odd])
    first, other, again = (decode_ndjson(each, NOW) for each in (body, longer, body))
    assert [len(each.labels) for each in (first, again)] == [40, 40]
    assert [other.labels[at].tags["h"] for at in other.label.tolist()][-1] == "A"
    assert first.in_use()[1].keys == [label.key for label in again.labels]
