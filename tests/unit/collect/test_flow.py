from __future__ import annotations

import dataclasses

from nowline.collect.flow import FlowCollector, FlowState
from nowline.model.series import MetricType, Point

START = FlowState(
    rows=100,
    rejected=10,
    depth={"store": 0},
    lag_s={"store": 0.0},
    queries=7,
    query_s=1.0,
    hits={"answers": 40},
    misses={"answers": 60},
)


def sampled(*states: FlowState) -> list[list[Point]]:
    following = iter(states)
    collector = FlowCollector(lambda: next(following))
    return [collector.sample() for _ in states[1:]]


def values(points: list[Point], name: str) -> list[float]:
    return [point.value for point in points if point.name == f"nowline.{name}"]


def test_counts_are_those_since_the_sample_before() -> None:
    then = dataclasses.replace(START, rows=150, rejected=11)
    first, second = sampled(START, then, dataclasses.replace(then, rows=151))
    assert values(first, "ingest.rows") == [50]
    assert values(first, "ingest.rejected") == [1]
    assert values(second, "ingest.rows") == [1]
    assert values(second, "ingest.rejected") == [0]
    kinds = {point.name: point.type for point in first}
    assert kinds["nowline.ingest.rows"] is MetricType.COUNTER


def test_the_log_is_told_by_reader() -> None:
    behind = dataclasses.replace(
        START, depth={"store": 3, "activity": 0}, lag_s={"store": 0.25, "windows": 0.0}
    )
    [points] = sampled(START, behind)
    told = {
        (point.name, point.tags["group"]): point.value for point in points if "group" in point.tags
    }
    assert told == {
        ("nowline.log.depth", "store"): 3,
        ("nowline.log.depth", "activity"): 0,
        ("nowline.log.lag_ms", "store"): 250,
        ("nowline.log.lag_ms", "windows"): 0,
    }


def test_the_time_of_queries_is_their_mean_and_not_told_without_any() -> None:
    asked = dataclasses.replace(START, queries=11, query_s=1.02)
    first, second = sampled(START, asked, asked)
    assert values(first, "query.count") == [4]
    assert values(first, "query.mean_ms") == [5]
    assert values(second, "query.count") == [0]
    assert values(second, "query.mean_ms") == []


def test_caches_tell_hits_among_lookups_by_kind() -> None:
    looked = dataclasses.replace(
        START, hits={"answers": 43, "new": 1}, misses={"answers": 61, "new": 2}
    )
    [points] = sampled(START, looked)
    assert values(points, "cache.hits") == [3, 1]
    assert values(points, "cache.lookups") == [4, 3]
