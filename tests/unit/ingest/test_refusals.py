from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.errors import NowlineError
from nowline.ingest.columns import Rejected
from nowline.ingest.json import decode_json, decode_ndjson
from nowline.ingest.lines import decode_lines
from nowline.ingest.otlp_json import OtlpJson
from nowline.ingest.otlp_protobuf import OtlpProtobuf
from nowline.ingest.refusals import REASONS, Refusals, category_of
from nowline.ingest.remote_write import RemoteWriteDecoder
from nowline.ingest.rows import MOST_MESSAGES, MOST_REJECTED, MOST_ROWS
from remote_writing import label, part, sample


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("time: is older than anything that is kept", "too_old"),
        ("timestamp: is more than 5 minutes ahead", "too_new"),
        ("time: must be RFC 3339 with a zone, or epoch milliseconds", "time"),
        ("end_time: must not be before start_time", "time"),
        ("name: there are 100000 metrics already, as many as there may be", "metrics_limit"),
        ("name: must not be empty", "name"),
        ("event_type: must not be empty", "name"),
        ("tags.host: is over 1024 bytes", "tags"),
        ("tags: there are 33; the limit is 32", "tags"),
        ("type: cpu is a gauge since its first row, not a counter", "type"),
        ("value: Expected `float`, got `str`", "value"),
        ("metadata: is nested more than 16 deep", "metadata"),
        ("nmae: unknown field", "unknown_field"),
        ("row: not valid UTF-8", "malformed"),
        ("", "malformed"),
    ],
)
def test_a_refusal_has_a_reason(error: str, reason: str) -> None:
    assert category_of(error) == reason


@given(st.lists(st.text()))
def test_whatever_is_said_there_are_few_reasons(errors: list[str]) -> None:
    refusals = Refusals()
    refusals.add(Rejected(at, error) for at, error in enumerate(errors))
    assert sum(refusals.by_reason.values()) == len(errors)
    assert tuple(refusals.by_reason) == REASONS


def test_millions_of_tags_are_refused_and_not_kept() -> None:
    many = ",".join(f'"{at:06d}":""' for at in range(200_000))
    few = ",".join(f'"{at}":""' for at in range(33))
    body = f'[{{"name":"a","value":1,"tags":{{{many}}}}},{{"name":"a","value":1,"tags":{{{few}}}}}]'
    columns = decode_json(body.encode(), 0)
    assert len(columns.value) == 0
    assert all(label.tags == {} for label in columns.labels)
    assert [row.error for row in columns.rejected] == [
        "tags: are 2400001 bytes long; the limit is 524288",
        "tags: there are 33; the limit is 32",
    ]


def test_lines_are_limited_as_rows_are() -> None:
    with pytest.raises(NowlineError, match="Send smaller batches"):
        decode_lines(b"\n" * (MOST_ROWS + 1), 0)
    with pytest.raises(NowlineError, match="nothing of the batch was taken in"):
        decode_lines(b"x\n" * (MOST_REJECTED + 1), 0)


TAGS = [b"\x0a", b"\x12", b"\x1a", b"\x22", b"\x2a", b"\x32", b"\x3a", b"\x42", b"\x4a", b"\x62"]


@pytest.mark.parametrize("tag", [*TAGS, b"\x8a\x00", b"\xca\x80\x80\x00"])
def test_messages_are_limited_whatever_they_are(tag: bytes) -> None:
    body = (tag + b"\0") * (MOST_MESSAGES + 1)
    for decode in (RemoteWriteDecoder().decode, lambda body: OtlpProtobuf().decode(body, 0)):
        with pytest.raises(NowlineError, match="Send smaller batches"):
            decode(body)


@pytest.mark.parametrize(
    "body",
    [
        part(1, label("__name__", "a") + sample(math.nan, 0) * (MOST_REJECTED + 1)),
        part(1, label("__name__", "") + sample(1, 0) * (MOST_REJECTED + 1)),
        part(1, label("__name__", "a") + part(4, b"") * (MOST_REJECTED + 1)),
    ],
    ids=["no number", "no name", "native histograms"],
)
def test_samples_are_limited_as_rows_are(body: bytes) -> None:
    with pytest.raises(NowlineError, match="nothing of the batch was taken in"):
        RemoteWriteDecoder().decode(body)


def test_data_points_are_limited_as_rows_are() -> None:
    def request(points: int) -> bytes:
        metric = b'{"name":"a","gauge":{"dataPoints":[%s]}}' % b",".join([b"{}"] * points)
        return b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[%s]}]}]}' % metric

    with pytest.raises(NowlineError, match="Send smaller batches"):
        OtlpJson().decode(request(MOST_ROWS), 0)
    with pytest.raises(NowlineError, match="nothing of the batch was taken in"):
        OtlpJson().decode(request(MOST_REJECTED + 1), 0)


@pytest.mark.parametrize("row", [b"{}", b'{"name":"a","value":1}'])
def test_more_rows_than_may_be_are_refused_before_they_are_read(row: bytes) -> None:
    for body, decode in (
        (b"[" + b",".join([row] * (MOST_ROWS + 1)) + b"]", decode_json),
        (b"\n" * (MOST_ROWS + 1) + row, decode_ndjson),
    ):
        with pytest.raises(NowlineError, match="Send smaller batches"):
            decode(body, 0)


def test_a_batch_with_very_many_bad_rows_is_refused_as_a_whole() -> None:
    rows = [b"{}"] * MOST_REJECTED + [b'{"name":"a","value":1}']
    columns = decode_json(b"[" + b",".join(rows) + b"]", 0)
    assert len(columns.rejected) == MOST_REJECTED
    assert columns.value.tolist() == np.array([1.0]).tolist()
    with pytest.raises(NowlineError) as caught:
        decode_json(b"[" + b",".join([b"{}", *rows]) + b"]", 0)
    assert "nothing of the batch was taken in" in caught.value.detail
    assert caught.value.errors[0].index == 0
    assert len(caught.value.errors) == 100
