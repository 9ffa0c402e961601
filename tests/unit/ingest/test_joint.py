"""Bodies that are read together mean what each of them means alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nowline.errors import NowlineError
from nowline.ingest.columns import PART_SHIFT, Columns
from nowline.ingest.joint import decode_json_of, decode_lines_of, decode_ndjson_of
from nowline.ingest.json import decode_json, decode_ndjson
from nowline.ingest.lines import decode_lines

NOW = 1_800_000_000_000
Row = tuple[int, int, str, tuple[tuple[str, str], ...], int, float]


def rows(columns: Columns) -> list[Row]:
    """Body, place, name, tags, time and value of each row."""
    found = zip(
        columns.index.tolist(),
        (columns.labels[at] for at in columns.label.tolist()),
        columns.time.tolist(),
        columns.value.tolist(),
        strict=True,
    )
    return sorted(
        (index >> PART_SHIFT, index & 0xFFFFFFFF, label.name, (*label.tags.items(),), time, value)
        for index, label, time, value in found
    )


def alone(bodies: Sequence[bytes], decode: Callable[[bytes], Columns]) -> list[Row] | None:
    """The rows of each body by itself; None if anything is wrong with one of them."""
    found: list[Row] = []
    for number, body in enumerate(bodies):
        try:
            columns = decode(body)
        except NowlineError:
            return None
        if columns.rejected or columns.metadata:
            return None
        found += [(number, *row[1:]) for row in rows(columns)]
    return sorted(found)


LINES = st.sampled_from(
    [
        b"cpu,host=a value=1 1800000000000",
        b"cpu,host=a,core=0 user=1,system=2i",
        b"mem free=3u 1799999999999",
        b"# a comment",
        b"",
        b"cpu,host=a up=t\r",
        b'log text="one",n=1',
        b'log text="a string that',
        b'goes on",n=1 1800000000000',
        b"escaped\\ name n=1",
        b"ends\\",
        b"no fields",
        b"m,=x v=1",
        b"\xff v=1",
        b"m v=nan",
    ]
)
TEXTS = st.lists(LINES, max_size=3).map(b"\n".join)
ROWS = st.sampled_from(
    [
        b'{"name":"a","value":1}',
        b'{"name":"a","value":2,"tags":{"k":"1"},"time":1800000000000}',
        b'{"name":"b","value":1.5,"type":"counter"}',
        b' {"value": 3, "name": "c"} \r',
        b"",
        b'{"name":"d","value":1,"metadata":{"unit":"s"}}',
        b'{"name":"a","value":',
        b"1}",
        b'{"name":"a","value":NaN}',
        b'{"name":"","value":1}',
        b"[1]",
        b"\xff",
    ]
)
OBJECTS = st.lists(ROWS, max_size=3).map(b"\n".join)


@given(st.lists(TEXTS, min_size=1, max_size=6), st.sampled_from(["ns", "ms"]))
@example([b'a s="x', b'y",n=1'], "ms")
@settings(max_examples=300, deadline=None)
def test_line_protocol(bodies: list[bytes], precision: str) -> None:
    together = decode_lines_of(bodies, NOW, precision)
    if together is not None:
        assert rows(together) == alone(bodies, lambda body: decode_lines(body, NOW, precision))


@given(st.lists(OBJECTS, min_size=1, max_size=6))
@settings(max_examples=300, deadline=None)
def test_ndjson(bodies: list[bytes]) -> None:
    together = decode_ndjson_of(bodies, NOW)
    if together is not None:
        assert rows(together) == alone(bodies, lambda body: decode_ndjson(body, NOW))


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b'{"metrics":[', b'{"metrics": [', b"[", b" [", b""]),
            st.lists(ROWS, max_size=2).map(b",".join),
            st.sampled_from([b"]}", b"]", b"] ", b""]),
        ).map(b"".join),
        min_size=1,
        max_size=4,
    )
)
@example([b'[{"name":"}]', b'[{","value":1}]'])
@example([b'[{"name":"a","value":1}],[{"name":"a","value":1}]'])
@settings(max_examples=300, deadline=None)
def test_json(bodies: list[bytes]) -> None:
    together = decode_json_of(bodies, NOW)
    if together is not None:
        assert rows(together) == alone(bodies, lambda body: decode_json(body, NOW))


def test_what_nothing_is_wrong_with_is_read_together() -> None:
    lines = [b"a v=1", b"a v=2\nb v=3\n", b"# nothing", b"b v=4"]
    found = decode_lines_of(lines, NOW, "ms")
    assert found is not None
    assert [row[:3] for row in rows(found)] == [
        (0, 0, "a.v"),
        (1, 0, "a.v"),
        (1, 1, "b.v"),
        (3, 0, "b.v"),
    ]
    objects = [json.dumps({"name": "a", "value": n}).encode() for n in range(3)]
    found = decode_ndjson_of(objects, NOW)
    assert found is not None
    assert [row[-1] for row in rows(found)] == [0, 1, 2]
    for wrapped in (b"[%b]", b'{"metrics":[%b]}', b'{"metrics": [%b]}'):
        found = decode_json_of([wrapped % each for each in objects], NOW)
        assert found is not None
        assert [row[-1] for row in rows(found)] == [0, 1, 2]


@pytest.mark.parametrize("body", [b'a s="x",n=1', b"a\\ b n=1", b"a", b"a v=1\n\xff v=1"])
def test_what_may_not_be_plain_is_read_one_by_one(body: bytes) -> None:
    assert decode_lines_of([b"a v=1", body], NOW, "ms") is None
