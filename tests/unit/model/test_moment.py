"""Times come in as RFC 3339 with a zone or as epoch milliseconds, and as nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.clock import rfc3339
from nowline.model.moment import epoch_ms

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(timezones=zones))
def test_a_text_with_any_offset_is_its_instant(moment: datetime) -> None:
    assert epoch_ms(moment.isoformat()) == (moment - EPOCH) // timedelta(milliseconds=1)


@given(st.integers(0, 253_402_300_799_999))
def test_what_goes_out_comes_back_in(milliseconds: int) -> None:
    assert epoch_ms(rfc3339(milliseconds)) == milliseconds


@given(st.integers(-(1 << 53) + 1, (1 << 53) - 1))
def test_a_number_is_milliseconds(milliseconds: int) -> None:
    assert epoch_ms(milliseconds) == milliseconds
    assert epoch_ms(float(milliseconds)) == milliseconds


@given(st.text())
def test_any_text_is_a_time_or_nothing(text: str) -> None:
    assert isinstance(epoch_ms(text), int | None)


@given(st.floats())
def test_any_number_is_a_time_or_nothing(number: float) -> None:
    assert isinstance(epoch_ms(number), int | None)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.0019Z", 1),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2024-02-29T12:00:00-00:30", 1_709_209_800_000),
    ],
)
def test_known_instants(text: str, milliseconds: int) -> None:
    assert epoch_ms(text) == milliseconds


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "now",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2023-02-29T00:00:00Z",
        "2024-01-01T25:00:00Z",
        "1700000000000",
        1 << 53,
        -(1 << 53),
        1e300,
        float("nan"),
        float("inf"),
    ],
)
def test_what_is_no_time(moment: str | float) -> None:
    assert epoch_ms(moment) is None
