from __future__ import annotations

from nowline.collect.activity import ActivityCollector


def test_there_is_no_metric_before_anybody_came() -> None:
    counts = iter([0, 0, 3, 0])
    collector = ActivityCollector(lambda: next(counts))
    told = [[(point.name, point.value) for point in collector.sample()] for _ in range(4)]
    assert told == [
        [],
        [],
        [("activity.active_users", 3)],
        [("activity.active_users", 0)],
    ]
