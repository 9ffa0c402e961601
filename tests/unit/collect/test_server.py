from __future__ import annotations

import os

import psutil

from nowline.collect.server import ProcessCollector


def test_cpu_is_the_share_of_one_core_since_the_last_sample() -> None:
    elapsed, cpu = iter([10.0, 11.0, 13.0]), iter([1.0, 1.25, 4.25])
    collector = ProcessCollector(lambda: next(elapsed), lambda: next(cpu))
    values = [
        point.value
        for _ in range(2)
        for point in collector.sample()
        if point.name == "nowline.process.cpu_percent"
    ]
    assert values == [25.0, 150.0]


def test_the_process_is_this_one() -> None:
    value = {point.name: point.value for point in ProcessCollector().sample()}
    memory = psutil.Process(os.getpid()).memory_info().rss
    assert 0.5 * memory < value["nowline.process.memory_bytes"] < 2 * memory
    assert value["nowline.process.threads"] >= 1
    assert value["nowline.process.open_files"] >= 3
