from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nowline.demo import rhythm
from nowline.demo.shop import CHECKOUT, CREATE, ENDPOINTS, REGISTER, WORK, Shop, World

MONDAY = 1_763_337_600  # 2025-11-17 00:00 UTC
HOUR = 3600

seeds = st.integers(0, 2**32)
moments = st.integers(1_600_000_000, 1_900_000_000)
few = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def assert_equal(one: World, other: World) -> None:
    for name, left, right in zip(World._fields, one, other, strict=True):
        assert np.array_equal(left, right), name


@few
@given(seeds, moments, st.floats(0.1, 500))
def test_every_number_is_possible_and_has_its_cause(seed: int, start: int, rate: float) -> None:
    world = Shop(seed, rate).world(start, start + HOUR)
    for name, column in zip(World._fields, world, strict=True):
        assert column.min() >= 0, name
        assert len(column) == HOUR, name
    assert np.array_equal(world.orders.sum(axis=1), world.answers[:, CHECKOUT, 0])
    assert np.all((world.revenue > 0) <= (world.orders > 0))
    assert np.all(world.failed <= world.completed)


@few
@given(seeds, moments)
def test_tasks_are_neither_lost_nor_invented(seed: int, start: int) -> None:
    start -= start % HOUR
    world = Shop(seed).world(start, start + HOUR)
    succeeded = world.answers[:, :, 0].sum(axis=0)
    for index, work in enumerate(WORK):
        arrived = (
            work.per_order * succeeded[CHECKOUT]
            + work.per_registration * succeeded[REGISTER]
            + work.per_product * succeeded[CREATE]
        )
        before = Shop(seed).world(start - 1, start).depth[0, index]
        left = world.depth[-1, index]
        assert before + arrived == world.completed[:, index].sum() + left


@few
@given(seeds, moments, st.integers(1, 2 * HOUR))
def test_history_and_live_meet_without_a_seam(seed: int, start: int, cut: int) -> None:
    whole = Shop(seed).world(start, start + 2 * HOUR + 1)
    live = Shop(seed)
    assert_equal(live.world(start, start + cut), World._make(c[:cut] for c in whole))
    second = live.world(start + cut, start + cut + 1)
    assert_equal(second, World._make(column[cut : cut + 1] for column in whole))


def test_a_seed_is_a_shop_and_another_seed_another() -> None:
    one, same, other = (Shop(seed).world(MONDAY, MONDAY + 600) for seed in (1, 1, 2))
    assert_equal(one, same)
    assert not np.array_equal(one.answers, other.answers)


def test_the_rate_is_the_calls_per_second_over_a_week() -> None:
    week = MONDAY + np.arange(0, 7 * 24, 4) * HOUR
    shop = Shop(5, rate=20)
    calls = [shop.world(hour, hour + HOUR).answers.sum() for hour in week.tolist()]
    assert np.mean(calls) / HOUR == pytest.approx(20, rel=0.15)


def test_a_tenth_of_the_rate_is_a_tenth_of_the_shop() -> None:
    small, large = (Shop(5, rate).world(MONDAY, MONDAY + HOUR) for rate in (20, 200))
    assert small.users.mean() == pytest.approx(large.users.mean() / 10, rel=0.02)
    assert small.answers.sum() == pytest.approx(large.answers.sum() / 10, rel=0.1)


def test_day_and_night_show() -> None:
    shop = Shop(1)
    day = shop.world(MONDAY + 10 * HOUR, MONDAY + 12 * HOUR)
    night = shop.world(MONDAY + 2 * HOUR, MONDAY + 4 * HOUR)
    assert night.users.mean() < 0.25 * day.users.mean()
    assert night.answers.sum() < 0.25 * day.answers.sum()
    assert night.orders.sum() < 0.4 * day.orders.sum()


def first_incident(kind: rhythm.Kind, seed: int) -> rhythm.Incident:
    found = rhythm.incidents(seed, kind, MONDAY, MONDAY + 28 * rhythm.DAY_S)
    return next(
        incident
        for incident in found
        if incident.severity > 0.8 and 9 <= incident.start % rhythm.DAY_S // HOUR < 20
    )


def test_a_slow_database_lengthens_durations_then_fails_requests_then_fills_queues() -> None:
    incident = first_incident(rhythm.SLOW_DATABASE, seed=3)
    shop = Shop(3, rate=100)
    before = shop.world(incident.start - 300, incident.start)
    early = shop.world(incident.start + 20, incident.start + 44)
    late = shop.world(incident.start + 200, incident.end - 150)

    def timeouts(world: World) -> float:
        return float(world.answers[:, :, 4].sum() / world.answers.sum())

    assert np.median(early.api_ms[:, 2]) > 1.4 * np.median(before.api_ms[:, 2])
    assert timeouts(early) == timeouts(before) == 0
    assert np.median(late.api_ms[:, 2]) > 4 * np.median(before.api_ms[:, 2])
    assert timeouts(late) > 0.1
    assert late.depth[:, 0].max() > 20 * (1 + early.depth[:, 0].mean())


def test_an_error_burst_strikes_one_endpoint() -> None:
    incident = first_incident(rhythm.ERROR_BURST, seed=3)
    struck = int(incident.pick * len(ENDPOINTS))
    world = Shop(3, rate=100).world(incident.start + 20, incident.end - 20)
    shares = world.answers[:, :, 2].sum(axis=0) / world.answers.sum(axis=(0, 2))
    assert shares[struck] > 0.2
    assert np.delete(shares, struck).max() < 0.05


def test_a_deploy_is_a_brief_dip_with_refused_requests() -> None:
    deploy = first_incident(rhythm.DEPLOY, seed=3)
    shop = Shop(3, rate=100)
    before = shop.world(deploy.start - 60, deploy.start)
    during = shop.world(deploy.start + 5, deploy.end - 5)
    assert during.answers.sum() / len(during.seconds) < 0.6 * before.answers.sum() / 60
    assert during.answers[:, :, 3].sum() / during.answers.sum() > 0.2
    assert before.answers[:, :, 3].sum() == 0


def test_a_campaign_brings_visitors() -> None:
    campaign = first_incident(rhythm.CAMPAIGN, seed=3)
    middle = (campaign.start + campaign.end) // 2
    users = Shop(3).world(middle - 60, middle + 60).users
    usual = 100 * rhythm.rhythm(np.arange(middle - 60, middle + 60))
    assert users.mean() > 1.6 * usual.mean()


@pytest.mark.parametrize(("seed", "rate"), [(1, 0.0), (1, -3.0), (1, float("nan")), (-1, 20.0)])
def test_impossible_shops_are_refused(seed: int, rate: float) -> None:
    with pytest.raises(ValueError, match="must"):
        Shop(seed, rate)
