"""What is merged, over months of flushes: few files, and few rows written again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from nowline.model.level import Level
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS
from nowline.store import tiers
from nowline.store.segments import Kind, Manifest, Segment

RAW = Kind(Level.RAW)
SERIES = 1_000
START = 20_000 * DAY_MS


def segment(name: str, rows: int, kind: Kind = RAW, day: int = 0) -> Segment:
    return Segment(kind, day, name, rows, rows, day * DAY_MS)


def sized(*rows: int) -> Manifest:
    return Manifest(tuple(segment(str(n), size) for n, size in enumerate(rows)))


def chosen(manifest: Manifest, now_ms: int) -> list[list[int]]:
    return [[s.rows for s in work.segments] for work in tiers.due(manifest, now_ms)]


@dataclass
class Disk:
    """Files as sets of buckets, which all series have a row in."""

    manifest: Manifest = field(default_factory=Manifest)
    buckets: dict[str, set[int]] = field(default_factory=dict)
    flushed: Counter[Kind] = field(default_factory=Counter)
    rewritten: Counter[Kind] = field(default_factory=Counter)
    most: Counter[Kind] = field(default_factory=Counter)

    def add(self, kind: Kind, day: int, buckets: set[int], gone: Sequence[Segment] = ()) -> None:
        name = str(len(self.buckets))
        self.buckets[name] = buckets
        new = segment(name, SERIES * len(buckets), kind, day)
        self.manifest = self.manifest.with_changes(gone, [new])

    def flush(self, kinds: Iterable[Kind], start: int, end: int) -> None:
        for kind in kinds:
            width = max(kind.level.width_ms, 10_000)
            day = start // kind.stretch_ms * kind.stretch_ms // DAY_MS
            buckets = set(range(start // width, -(-end // width)))
            self.add(kind, day, buckets)
            self.flushed[kind] += len(buckets)

    def maintain(self, now_ms: int) -> None:
        for work in tiers.due(self.manifest, now_ms):
            merged = set[int]().union(*(self.buckets[s.name] for s in work.segments))
            self.add(*work.place, merged, gone=work.segments)
            self.rewritten[work.place[0]] += len(merged)
        for (kind, _), segments in self.manifest.by_place.items():
            self.most[kind] = max(self.most[kind], len(segments))


def test_over_months_there_are_few_files_and_each_row_is_rarely_rewritten() -> None:
    kinds = [Kind(level) for level in Level]
    disk = Disk()
    every = 10 * MINUTE_MS
    for now in range(START, START + 34 * DAY_MS, every):
        disk.flush(kinds, now, now + every)
        disk.maintain(now + every)
    for kind in kinds:
        flushes = kind.stretch_ms / every
        classes = 1 + math.log(flushes, tiers.FAN_IN)
        assert disk.most[kind] <= 7 * classes + 1
        # Once for each class, and once when the stretch is over.
        assert disk.rewritten[kind] <= disk.flushed[kind] * (classes + 1)
    places = disk.manifest.by_place
    over = [place for place in places if place[0] is kinds[0] or place[0].level is Level.MINUTE]
    assert sum(len(places[place]) for place in over) <= len(over) + 8 * 7


def test_a_steady_stream_of_small_files_does_not_rewrite_the_great_one_each_time() -> None:
    manifest, rewritten = sized(10_000_000), 0
    for number in range(1_000):
        manifest = manifest.with_changes([], [segment(f"new {number}", 1_000)])
        for work in tiers.due(manifest, now_ms=0):
            rows = sum(s.rows for s in work.segments)
            manifest = manifest.with_changes(work.segments, [segment(f"merged {number}", rows)])
            rewritten += rows
    assert rewritten < 6 * 1_000 * 1_000
    assert len(manifest.segments) < 30


def test_what_trickles_in_late_joins_a_day_that_is_over_when_it_is_worth_it() -> None:
    over = 2 * DAY_MS
    manifest, rewritten, most = sized(64_000), 0, 0
    for number in range(640):
        manifest = manifest.with_changes([], [segment(f"new {number}", 100)])
        for work in tiers.due(manifest, over):
            rows = sum(s.rows for s in work.segments)
            manifest = manifest.with_changes(work.segments, [segment(f"merged {number}", rows)])
            rewritten += rows
        most = max(most, len(manifest.segments))
    # As much came in late as there was; it was worth it each time by a 64th part of the day.
    assert rewritten <= 64 * 128_000
    assert most <= 2 * 8
    assert sum(s.rows for s in manifest.segments) == 128_000


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([5], []),
        ([5, 6], [[5, 6]]),
        ([640, 9], []),
        ([640, 10], [[640, 10]]),
        ([1, 640, 4, 5], [[1, 640, 4, 5]]),
    ],
)
def test_a_stretch_that_is_over_becomes_one_file(
    rows: list[int], expected: list[list[int]]
) -> None:
    manifest = sized(*rows)
    assert chosen(manifest, DAY_MS + 15 * MINUTE_MS) == expected
    assert chosen(manifest, DAY_MS + 15 * MINUTE_MS - 1) == []


def test_a_stretch_of_hours_is_over_after_its_last_day() -> None:
    kind = Kind(Level.HOUR)
    manifest = Manifest(tuple(segment(n, 5, kind) for n in "ab"))
    assert chosen(manifest, kind.stretch_ms) == []
    assert chosen(manifest, kind.stretch_ms + HOUR_MS) == [[5, 5]]


def test_eight_of_one_size_are_merged_with_all_that_are_smaller() -> None:
    assert chosen(sized(*[10] * 7), 0) == []
    assert chosen(sized(1_000, 3, *[10] * 8, 5, 1_000), 0) == [[3, *[10] * 8, 5]]


def test_files_between_others_go_with_them_so_that_the_order_of_rows_is_kept() -> None:
    assert chosen(sized(1_000, *[10] * 7, 1_000, 12, 1_000), 0) == [[*[10] * 7, 1_000, 12]]


def test_files_that_would_take_minutes_to_rewrite_are_left_alone() -> None:
    assert chosen(sized(*[64_000_001] * 20), 10 * DAY_MS) == []
    assert chosen(sized(4, 64_000_001, 5, 6), 10 * DAY_MS) == [[5, 6]]


def test_a_merged_file_is_where_the_last_of_the_others_was() -> None:
    first, second, third, fourth = (segment(name, 1) for name in "abcd")
    manifest = Manifest((first, second, third, fourth))
    made, new = segment("made", 2), segment("new", 1)
    assert manifest.with_changes([first, third], [made]).segments == (second, made, fourth)
    assert manifest.with_changes([fourth], []).segments == (first, second, third)
    assert manifest.with_changes([], [made, new]).segments[-2:] == (made, new)


def test_places_are_merged_apart_and_small_work_comes_first() -> None:
    manifest = Manifest(
        tuple(
            segment(f"{day} {kind} {n}", 10 * (1 + day), kind, day)
            for n in range(8)
            for day in (1, 0)
            for kind in (RAW, Kind(Level.MINUTE), Kind(Level.MINUTE, binned=True))
        )
    )
    works = tiers.due(manifest, 0)
    assert [work.place[1] for work in works] == [0, 0, 0, 1, 1, 1]
    for work in works:
        assert {(s.kind, s.day) for s in work.segments} == {work.place}
        assert len(work.segments) == 8
