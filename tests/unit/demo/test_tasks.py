from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.demo.shop import WORK, Shop
from nowline.demo.tasks import ShopTasks
from nowline.ingest.masking import Masker
from nowline.ingest.rows import of_lines
from nowline.ingest.tasks import TaskDecoder

START = 1_763_380_800  # 2025-11-17 12:00 UTC


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 10_000))
def test_each_task_that_ended_is_told_once(seed: int, minute: int) -> None:
    start = START + 60 * minute
    world = Shop(seed).world(start, start + 300)
    tasks = ShopTasks(seed, 20).of(world)
    counted = Counter((task.task_type, task.status) for task in tasks)
    for index, work in enumerate(WORK):
        failed = int(world.failed[:, index].sum())
        assert counted[work.task_type, "failure"] == failed
        assert counted[work.task_type, "success"] == world.completed[:, index].sum() - failed
    assert len({task.task_id for task in tasks}) == len(tasks)


def test_a_failure_says_why_and_a_busy_shop_tells_a_share() -> None:
    world = Shop(1, 2000).world(START, START + 120)
    tasks = ShopTasks(1, 2000).of(world)
    assert 0 < len(tasks) < world.completed.sum() / 50
    assert {task.status == "failure" for task in tasks} == {True, False}
    assert all((task.error_message is not None) == (task.status == "failure") for task in tasks)


def test_the_server_understands_every_task() -> None:
    tasks = ShopTasks(1, 20).of(Shop(1).world(START, START + 600))
    lines = msgspec.json.Encoder().encode_lines(tasks)
    decoded, rejected = TaskDecoder(Masker(b"k" * 32, {})).decode(of_lines(lines))
    assert not rejected
    assert len(decoded) == len(tasks)
    assert all(task.duration_ms > 0 and task.cpu_percent and task.memory_mb for task in decoded)
