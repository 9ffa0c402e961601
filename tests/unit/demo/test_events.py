from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nowline.demo import rhythm
from nowline.demo.events import ShopEvent, ShopEvents
from nowline.demo.shop import CREATE, ENDPOINTS, LOGIN, REGISTER, Shop, World
from nowline.ingest.events import EventDecoder
from nowline.ingest.masking import Masker
from nowline.ingest.rows import of_lines

START = 1_763_380_800  # 2025-11-17 12:00 UTC
DAY = 1_763_337_600
few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def told(world: World, rate: float = 20.0, seed: int = 1) -> list[ShopEvent]:
    return ShopEvents(seed, rate).of(world)


def of_type(events: list[ShopEvent], event_type: str) -> list[ShopEvent]:
    return [event for event in events if event.event_type == event_type]


@few
@given(st.integers(0, 1000), st.integers(0, 10_000), st.integers(1, 119))
def test_events_do_not_depend_on_how_they_are_asked_for(seed: int, minute: int, cut: int) -> None:
    start = START + 60 * minute
    shop = Shop(seed)
    whole = told(shop.world(start, start + 120), seed=seed)
    parts = [shop.world(start, start + cut), shop.world(start + cut, start + 120)]
    assert [event for part in parts for event in told(part, seed=seed)] == whole
    times = [event.timestamp for event in whole]
    assert times == sorted(times)
    assert (start - 1) * 1000 <= times[0] <= times[-1] < (start + 119) * 1000
    assert len({event.event_id for event in whole}) == len(whole)


def test_what_is_rare_is_told_each_time() -> None:
    world = Shop(1).world(START, START + 1200)
    events = told(world)
    succeeded = world.answers[:, :, 0].sum(axis=0)
    for event_type, endpoint in (
        ("USER_LOGIN", LOGIN),
        ("USER_REGISTERED", REGISTER),
        ("PRODUCT_CREATED", CREATE),
    ):
        assert len(of_type(events, event_type)) == succeeded[endpoint]


def test_api_calls_are_a_fair_sample_of_the_requests() -> None:
    world = Shop(1).world(START, START + 1200)
    calls = of_type(told(world), "API_CALL")
    counted = Counter((call.metadata["method"], call.metadata["endpoint"]) for call in calls)
    requests = world.answers.sum(axis=(0, 2)).tolist()
    for endpoint, happened in zip(ENDPOINTS, requests, strict=True):
        half = counted[endpoint.method, endpoint.path]
        assert half == pytest.approx(happened / 2, abs=4 * happened**0.5)


def test_an_incident_shows_in_the_events_as_in_the_metrics() -> None:
    burst = rhythm.incidents(1, rhythm.ERROR_BURST, DAY, DAY + 86_400)[0]
    world = Shop(1).world(burst.start, burst.end)
    calls = of_type(told(world), "API_CALL")
    failed = [call for call in calls if call.metadata["status"] >= 500]
    share = world.answers[:, :, 2:].sum() / world.answers.sum()
    assert len(failed) / len(calls) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("rate", [20.0, 100_000.0])
def test_even_a_large_shop_tells_a_bounded_number(rate: float) -> None:
    campaigns = rhythm.incidents(1, rhythm.CAMPAIGN, DAY, DAY + 7 * 86_400)
    busiest = max(
        campaigns, key=lambda each: float(rhythm.rhythm(np.array([each.start + 1500]))[0])
    )
    world = Shop(1, rate).world(busiest.start + 1500, busiest.start + 1560)
    assert 15 < len(told(world, rate)) / 60 < 70


def test_the_server_understands_every_event() -> None:
    world = Shop(1).world(START, START + 600)
    lines = msgspec.json.Encoder().encode_lines(told(world))
    decoder = EventDecoder(Masker(b"k" * 32, {}))
    arrived, rejected = decoder.decode(of_lines(lines), START * 1000)
    assert not rejected
    calls = [each for each in arrived if each.event.event_type == "API_CALL"]
    assert all(call.event.endpoint and call.event.status for call in calls)
    assert all(call.call.duration_ms is not None for call in calls)
    assert all(each.event.user_id and each.key is not None for each in arrived)
