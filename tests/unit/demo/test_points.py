from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.demo.points import ShopPoints
from nowline.demo.shop import Shop
from nowline.model.series import MetricType, Point

START = 1_763_380_800  # 2025-11-17 12:00 UTC


def totals(points: list[Point]) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for point in points:
        if point.type is MetricType.COUNTER:
            sums[f"{point.name} {sorted(point.tags.items())}"] += point.value
    return {series: round(value, 1) for series, value in sums.items() if value}


def test_the_metrics_and_their_tags_are_those_that_the_templates_name() -> None:
    points = ShopPoints().of(Shop(1, rate=200).world(START, START + 60))
    tags = {point.name: sorted(point.tags) for point in points}
    assert tags == {
        "shop.users.active": ["source"],
        "shop.logins": ["source"],
        "shop.registrations": ["source"],
        "shop.products.created": ["source"],
        "shop.orders": ["region", "source"],
        "shop.revenue": ["region", "source"],
        "shop.api.requests": ["endpoint", "method", "source", "status"],
        "shop.api.errors": ["endpoint", "source"],
        "shop.api.duration_ms": ["endpoint", "source"],
        "shop.tasks.completed": ["source", "status", "task_type"],
        "shop.tasks.duration_ms": ["source", "task_type"],
        "shop.queue.depth": ["queue", "source"],
    }
    assert {point.tags["source"] for point in points} == {"demo"}


def test_each_metric_says_once_that_it_is_demo_data() -> None:
    maker, shop = ShopPoints(), Shop(1, rate=200)
    points = maker.of(shop.world(START, START + 60)) + maker.of(shop.world(START + 60, START + 90))
    described = Counter(point.name for point in points if point.metadata)
    assert set(described.values()) == {1}
    assert set(described) == {point.name for point in points}
    revenue = next(point for point in points if point.name == "shop.revenue")
    assert revenue.metadata["unit"] == "EUR"
    assert "demo data" in revenue.metadata["description"]


def test_points_come_in_order_one_per_series_and_second() -> None:
    points = ShopPoints().of(Shop(1).world(START, START + 30))
    times = [point.time or 0 for point in points]
    assert times == sorted(times)
    assert set(times) == {(START + second) * 1000 for second in range(30)}
    singles = Counter(
        (point.name, *sorted(point.tags.items()), point.time)
        for point in points
        if point.type is not MetricType.DISTRIBUTION
    )
    assert set(singles.values()) == {1}


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1_000), st.integers(0, 10_000), st.sampled_from([10, 60]))
def test_no_total_depends_on_the_step(seed: int, minute: int, step_s: int) -> None:
    world = Shop(seed).world(START + 60 * minute, START + 60 * minute + 600)
    fine, coarse = ShopPoints().of(world), ShopPoints().of(world, step_s)
    assert totals(coarse) == pytest.approx(totals(fine), abs=0.2)
    observed = Counter((p.name, p.value) for p in fine if p.type is MetricType.DISTRIBUTION)
    thinned = Counter((p.name, p.value) for p in coarse if p.type is MetricType.DISTRIBUTION)
    assert thinned <= observed


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1_000), st.integers(0, 10_000))
def test_errors_are_the_requests_that_failed(seed: int, minute: int) -> None:
    start = START + 60 * minute
    points = ShopPoints().of(Shop(seed, 100).world(start, start + 120))
    errors: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for point in points:
        assert point.value >= 0
        if point.name == "shop.api.errors":
            errors[point.tags["endpoint"]] += int(point.value)
        if point.name == "shop.api.requests" and point.tags["status"] >= "500":
            failed[point.tags["endpoint"]] += int(point.value)
    assert +errors == +failed


def test_a_stretch_must_be_whole_steps() -> None:
    with pytest.raises(ValueError, match="no whole number of 10 s steps"):
        ShopPoints().of(Shop(1).world(START, START + 15), 10)
