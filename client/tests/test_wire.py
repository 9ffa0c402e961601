from __future__ import annotations

import gzip
import json
import math
import uuid
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline_client.wire import Event, Point, TaskRun, body, event_row, point_row, task_row

texts = st.text(st.characters(exclude_categories=["Cs"]))


def point(value: float = 1, **tags: object) -> Point:
    return Point("gauge", "load", value, tags, 1_700_000_000_000)


def test_a_point_has_the_fields_of_the_api() -> None:
    assert point_row(point(0.5, shop="rome")) == (
        b'{"name":"load","value":0.5,"time":1700000000000,"type":"gauge","tags":{"shop":"rome"}}'
    )


def test_a_point_without_tags_sends_none() -> None:
    assert point_row(point(3)) == (b'{"name":"load","value":3,"time":1700000000000,"type":"gauge"}')


def test_tags_are_text_and_those_that_are_none_are_left_out() -> None:
    row = json.loads(point_row(point(n=1, share=0.5, new=True, old=False, who=None)))
    assert row["tags"] == {"n": "1", "share": "0.5", "new": "true", "old": "false"}


@given(name=texts, key=texts, value=texts, number=st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_and_number_comes_through(name: str, key: str, value: str, number: float) -> None:
    row = json.loads(point_row(Point("counter", name, number, {key: value}, 1)))
    assert (row["name"], row["value"], row["tags"]) == (name, number, {key: value})


@pytest.mark.parametrize(
    ("given", "sent"), [(Decimal("1.5"), 1.5), (Fraction(1, 4), 0.25), (True, 1)]
)
def test_other_numbers_are_sent_as_numbers(given: float, sent: float) -> None:
    assert json.loads(point_row(point(given)))["value"] == sent


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, Decimal("NaN"), "x"])
def test_what_is_no_finite_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"finite|convert"):
        point_row(point(value))


def test_an_event_has_what_is_known() -> None:
    row = json.loads(
        event_row(Event("PAGE_VIEW", 7, "acme", None, 5, None, {"endpoint": "/", "feature": None}))
    )
    uuid.UUID(row.pop("event_id"))
    assert row == {
        "event_type": "PAGE_VIEW",
        "user_id": "7",
        "organization_id": "acme",
        "timestamp": 5,
        "metadata": {"endpoint": "/"},
    }


def test_each_event_gets_an_id_of_its_own_unless_it_has_one() -> None:
    event = Event("PAGE_VIEW", None, None, None, 5, None, {})
    assert json.loads(event_row(event))["event_id"] != json.loads(event_row(event))["event_id"]
    assert json.loads(event_row(event._replace(event_id="mine")))["event_id"] == "mine"


def test_metadata_that_json_does_not_know_is_sent_as_text() -> None:
    moment = datetime(2026, 1, 2)  # noqa: DTZ001 (any object will do)
    event = Event("X", None, None, None, 5, None, {"details": {"at": moment}})
    assert json.loads(event_row(event))["metadata"]["details"]["at"] == str(moment)


def test_a_task_has_its_times_to_the_microsecond() -> None:
    row = json.loads(task_row(TaskRun("mail", 1_700_000_000.25, 1_700_000_001.123456)))
    uuid.UUID(row.pop("task_id"))
    assert row == {
        "task_type": "mail",
        "start_time": "2023-11-14T22:13:20.250000Z",
        "end_time": "2023-11-14T22:13:21.123456Z",
        "status": "success",
    }


def test_a_body_is_the_rows_under_their_field() -> None:
    sent = gzip.decompress(body("metrics", [point_row(point(1)), point_row(point(2))]))
    assert [row["value"] for row in json.loads(sent)["metrics"]] == [1, 2]
