from __future__ import annotations

from nowline.collect.live import LiveCollector
from nowline.live.delays import Delays
from nowline.live.state import HubState
from nowline.model.series import MetricType, Point


def hub(readers: int = 0) -> HubState:
    return HubState(readers, 0, 0, 0, 0, 0, 0, 0, published=Delays(), written=Delays())


def values(points: list[Point], name: str) -> list[float]:
    return [point.value for point in points if point.name == f"nowline.live.{name}"]


def test_each_delay_is_sampled_once() -> None:
    state = hub(readers=3)
    collector = LiveCollector(lambda: state)
    state.published.observe(16)
    state.written.observe(0, times=2)
    points = collector.sample()
    assert [round(value) for value in values(points, "publish_ms")] == [16]
    assert values(points, "write_ms") == [0, 0]
    assert values(points, "readers") == [3]
    assert {p.type for p in points if p.name.endswith("_ms")} == {MetricType.DISTRIBUTION}
    assert {p.name for p in collector.sample()} == {"nowline.live.readers"}


def test_of_thousands_a_few_stand_for_all() -> None:
    state = hub()
    collector = LiveCollector(lambda: state, seed=7)
    told: list[float] = []
    for _ in range(200):
        state.written.observe(1, times=9_800)
        state.written.observe(500, times=200)
        points = collector.sample()
        assert len(values(points, "write_ms")) == 32
        told += values(points, "write_ms")
    slow = sum(1 for value in told if value > 400)
    assert 0.01 < slow / len(told) < 0.03
