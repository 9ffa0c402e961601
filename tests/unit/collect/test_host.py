from __future__ import annotations

import logging
from collections import Counter

import psutil
import pytest

from nowline.collect.host import HostCollector
from nowline.model.series import MetricType, Point

ALWAYS = {
    "host.cpu.percent",
    "host.cpu.core.percent",
    "host.load",
    "host.memory.used_bytes",
    "host.memory.available_bytes",
    "host.memory.total_bytes",
    "host.memory.percent",
    "host.swap.used_bytes",
    "host.swap.total_bytes",
    "host.swap.percent",
    "host.disk.used_bytes",
    "host.disk.total_bytes",
    "host.disk.percent",
    "host.processes",
}


def spend_cpu() -> None:
    """Let the kernel's 10 ms clock tick, so that CPU time has passed between two samples."""
    before = sum(map(sum, psutil.cpu_times(percpu=True)))
    while sum(map(sum, psutil.cpu_times(percpu=True))) < before + 0.05:
        pass


def two_samples() -> tuple[list[Point], list[Point]]:
    collector = HostCollector()
    first = collector.sample()
    spend_cpu()
    return first, collector.sample()


def test_the_second_sample_has_every_metric_in_a_sane_range() -> None:
    _, points = two_samples()
    assert {point.name for point in points} >= ALWAYS
    for point in points:
        assert point.value >= 0, point
        assert point.time is None
        if point.name.endswith("percent"):
            assert point.value <= 100, point
    value = {point.name: point.value for point in points}
    assert value["host.memory.used_bytes"] < value["host.memory.total_bytes"]
    assert value["host.processes"] >= 1


def test_the_first_sample_has_no_share_and_no_increment() -> None:
    first, _ = two_samples()
    assert "host.cpu.percent" not in {point.name for point in first}
    assert all(point.type is MetricType.GAUGE for point in first)


def test_every_series_has_one_point_in_a_sample() -> None:
    _, points = two_samples()
    series = Counter((point.name, *sorted(point.tags.items())) for point in points)
    assert set(series.values()) == {1}


def test_each_core_and_each_load_window_is_tagged() -> None:
    _, points = two_samples()
    cores = {point.tags["core"] for point in points if point.name == "host.cpu.core.percent"}
    windows = {point.tags["window"] for point in points if point.name == "host.load"}
    assert cores == {str(core) for core in range(psutil.cpu_count() or 0)}
    assert windows == {"1m", "5m", "15m"}


def test_a_metric_is_described_the_first_time_only() -> None:
    collector = HostCollector()
    described = [
        point.name for _ in range(3) for point in collector.sample() if "unit" in point.metadata
    ]
    assert len(described) == len(set(described))
    assert set(described) >= ALWAYS - {"host.cpu.percent", "host.cpu.core.percent"}


def test_seldom_read_sources_are_in_every_sample() -> None:
    collector = HostCollector()
    samples = [{point.name for point in collector.sample()} for _ in range(12)]
    assert all({"host.disk.percent", "host.processes"} <= names for names in samples)


def test_an_unreadable_source_is_left_out_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> None:
        raise PermissionError(13, "Permission denied", "/proc/vmstat")

    monkeypatch.setattr(psutil, "swap_memory", refused)
    collector = HostCollector()
    with caplog.at_level(logging.WARNING):
        names = {point.name for _ in range(3) for point in collector.sample()}
    assert not {name for name in names if name.startswith("host.swap")}
    assert "host.memory.percent" in names
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage().startswith("host metrics: swap cannot be read")
