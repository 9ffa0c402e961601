"""What every store of events promises of pages, filters, offsets, known keys and retention."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activity_stores import FOREVER, KINDS, Kind
from nowline.ingest.events import EventDecoder
from nowline.ingest.masking import Masker
from nowline.model.event import Event, Happened
from nowline.model.query import DAY_MS, HOUR_MS
from nowline.store.activity import FILTERED, ActivityStore, Filter, Place, Stored

LOG = "the log"
NOW = 1_800_000_000_000
END = NOW + 10 * 365 * DAY_MS
ALL = Filter(0, END)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
async def store(kind: Kind, tmp_path: Path) -> AsyncIterator[ActivityStore]:
    opened = await kind.open(tmp_path, FOREVER)
    yield opened
    await opened.close()


def month(number: int) -> int:
    """When a month begins, counted from January 2000."""
    return int(datetime(2000 + number // 12, 1 + number % 12, 1, tzinfo=UTC).timestamp() * 1000)


def event(number: int, time: int = NOW, **fields: object) -> Event:
    """An event that is known by a number."""
    return msgspec.structs.replace(Event("SEEN", time, f"e{number}"), **fields)


async def keep(store: ActivityStore, *events: Event, offset: int = 1, log_id: str = LOG) -> None:
    await store.append(Happened([*events], []), log_id, offset, NOW)


async def remember(store: ActivityStore, keys: Sequence[int], received: int) -> None:
    await store.append(Happened([], [*keys]), LOG, 1, received)


async def told(store: ActivityStore, wanted: Filter = ALL, limit: int = 1000) -> list[str]:
    return [stored.event.event_id for stored in await store.page(wanted, limit)]


def following(page: Sequence[Stored], wanted: Filter = ALL) -> Filter:
    return Filter(wanted.start, wanted.end, wanted.values, page[-1].place)


async def test_an_empty_store(store: ActivityStore) -> None:
    assert await store.offset(LOG) == 0
    assert await store.page(ALL, 10) == []
    assert await store.since(0) == []
    assert await store.known([1, 2], 0) == set()
    await store.maintain(NOW)
    state = store.state()
    assert (state.events, state.oldest, state.appended) == (0, None, 0)


async def test_events_come_back_as_they_were_told(store: ActivityStore) -> None:
    nasty = "'; DROP TABLE activity_logs; --\"\\ \\\\ %_$1 {x} \n\r\t\x01\x7f é 😀 ﷽"
    metadata = '{"b":1.50,"a":[1e999,-0.0,{"a":null}],"a":"\\u0000\\\\u0000 \\ud83d\\ude00","":""}'
    large = '{"x":"' + "z😀" * 13_000 + '"}'
    nested = '{"x":' + "[" * 400 + "]" * 400 + "}"
    events = [
        Event("A", NOW, "1"),
        Event("A" * 255, NOW, nasty, nasty, nasty, nasty, metadata, 599, nasty, nasty),
        Event("", NOW, "", "", "", "", large, 0, "", "e" * (60 << 10)),
        Event(nasty, NOW, "u" * 1000, "é" * 1000, "ü" * 1000, "x" * 1000, nested),
    ]
    await keep(store, *events)
    found = await store.page(ALL, 10)
    assert [stored.event for stored in found] == events[::-1]
    for each in events[1:]:
        for column in FILTERED:
            wanted = Filter(0, NOW + 1, {column: getattr(each, column)})
            assert each in [stored.event for stored in await store.page(wanted, 10)]


NASTY = {
    "nul": "a\0b",
    "digits": 7**4700,
    "long": "x" * 256,
    "empty": "",
    "controls": "\x01\x7f\ufeff\ufffe\U0010ffff",
    "addresses": "a@b.c " * 42,
    "quotes": "'\"\\u0000",
}
ID_FIELDS = ("event_type", "user_id", "organization_id", "session_id", "event_id")


async def test_whatever_is_taken_in_can_be_kept(store: ActivityStore) -> None:
    rows = [{"event_type": "A", name: value} for name in ID_FIELDS for value in NASTY.values()]
    rows += [
        {"event_type": "A", "metadata": {name: value, "endpoint": value, "feature": value}}
        for name, value in NASTY.items()
    ]
    rows += [{"event_type": "A", "metadata": {"\0": ["\0", 10**300, 1e308, {"": None}]}}]
    sent = [(at, msgspec.json.encode(row)) for at, row in enumerate(rows)]
    good, rejected = EventDecoder(Masker(b"s" * 32)).decode(sent, NOW)
    assert {each.index for each in rejected} >= {
        at for at, row in enumerate(rows) if "a\0b" in row.values()
    }
    assert len(good) > len(rows) / 2
    events = [each.event for each in good]
    await keep(store, *events)
    assert [stored.event for stored in await store.page(ALL, 100)] == events[::-1]


async def test_the_newest_come_first_and_at_one_time_the_last_that_came_in(
    store: ActivityStore,
) -> None:
    await keep(store, event(1, NOW + 5), event(2, NOW), event(3, NOW + 5), event(4, NOW - 5))
    await keep(store, event(5, NOW), event(6, NOW + 5), offset=2)
    assert await told(store) == ["e6", "e3", "e1", "e5", "e2", "e4"]
    assert await told(store, limit=2) == ["e6", "e3"]
    assert await told(store, Filter(NOW, NOW + 5)) == ["e5", "e2"]
    places = [stored.place for stored in await store.page(ALL, 10)]
    assert places == sorted(places, reverse=True)
    assert len(set(places)) == 6


async def test_what_comes_in_between_pages_moves_nothing(store: ActivityStore) -> None:
    await keep(store, *(event(number, NOW + number // 3) for number in range(12)))
    first = await store.page(ALL, 5)
    assert [stored.event.event_id for stored in first] == ["e11", "e10", "e9", "e8", "e7"]
    newer, older = event(20, NOW + 9), event(21, NOW + 1)
    # At the very time at which the first page ended: it came in after that page's last one.
    same = event(22, first[-1].event.time)
    await keep(store, newer, older, same, offset=2)
    second = await store.page(following(first), 5)
    assert [stored.event.event_id for stored in second] == ["e6", "e21", "e5", "e4", "e3"]
    await keep(store, event(23, NOW), offset=3)
    third = await store.page(following(second), 5)
    assert [stored.event.event_id for stored in third] == ["e23", "e2", "e1", "e0"]
    assert await store.page(following(third), 5) == []


async def test_each_filter_alone_and_all_of_them_together(store: ActivityStore) -> None:
    combinations = [
        {name: f"{name} {'ab'[bits >> at & 1]}" for at, name in enumerate(FILTERED)}
        for bits in range(1 << len(FILTERED))
    ]
    events = [event(n, NOW + n, **fields) for n, fields in enumerate(combinations)]
    await keep(store, *events, event(99, NOW))
    for wanted in combinations:
        for names in range(1, 1 << len(FILTERED)):
            values = {n: wanted[n] for at, n in enumerate(FILTERED) if names >> at & 1}
            expected = [
                each.event_id
                for each in reversed(events)
                if all(getattr(each, name) == value for name, value in values.items())
            ]
            assert await told(store, Filter(NOW, NOW + 99, values)) == expected


@pytest.mark.parametrize("value", ["nobody", "", "user_id", "a\0b", "\0", "' OR '1'='1", "%", "😀"])
async def test_nothing_is_found_by_a_value_that_no_event_has(
    store: ActivityStore, value: str
) -> None:
    await keep(store, event(1, user_id="a"), event(2))
    assert await store.page(Filter(0, NOW + 1, {"user_id": value}), 10) == []


async def test_months_follow_each_other_without_a_seam(store: ActivityStore) -> None:
    edges = [month(number) for number in (299, 300, 301, 302, 312)]
    times = [edge + step for edge in edges for step in (-1, 0, 1)]
    await keep(store, *(event(n, time) for n, time in enumerate(times)))
    expected = [f"e{n}" for n in range(len(times))][::-1]
    assert await told(store) == expected
    for start, end in [(3, 7), (4, 4), (4, 5), (7, 15), (0, 8)]:
        bounds = Filter(times[start], times[end] if end < len(times) else END)
        assert await told(store, bounds) == [f"e{n}" for n in range(start, end)][::-1]
    found: list[str] = []
    wanted = ALL
    while page := await store.page(wanted, 2):
        found += [stored.event.event_id for stored in page]
        wanted = following(page)
    assert found == expected
    assert [each.time for each in await store.since(times[4])] == times[4:]


async def test_any_place_can_be_gone_on_from(store: ActivityStore) -> None:
    await keep(store, event(1, NOW), event(2, month(300)))
    for number in (0, 1 << 53):
        between = Filter(0, NOW + 1, before=Place(NOW - 1, number))
        assert await told(store, between) == ["e2"]
    assert await told(store, Filter(0, NOW + 1, before=Place(END, 0))) == ["e1", "e2"]
    assert await told(store, Filter(0, NOW + 1, before=Place(0, 0))) == []


async def test_events_since_a_time_are_told_oldest_first_and_by_type(store: ActivityStore) -> None:
    kinds = ["A", "B", "C", "A", "B", "C"]
    times = [NOW + 2, NOW, NOW + 1, NOW, NOW + 2, NOW - 1]
    events = [
        event(n, time, event_type=name, user_id=f"u{n}", status=500, metadata='{"a":1}')
        for n, (name, time) in enumerate(zip(kinds, times, strict=True))
    ]
    await keep(store, *events)
    found = await store.since(NOW)
    assert [each.event_id for each in found] == ["e1", "e3", "e2", "e0", "e4"]
    assert {each.metadata for each in found} == {"{}"}
    assert found[0] == msgspec.structs.replace(events[1], metadata="{}")
    for types, expected in [(["A"], ["e3", "e0"]), ({"C", "A"}, ["e3", "e2", "e0"]), (["D"], [])]:
        assert [each.event_id for each in await store.since(NOW, types)] == expected


async def test_keys_are_known_from_when_they_came_in(store: ActivityStore) -> None:
    ends = [-(1 << 63), -1, 0, (1 << 63) - 1]
    await remember(store, ends, NOW)
    await remember(store, [7, *range(100, 5_000)], NOW + HOUR_MS)
    await remember(store, [0, 8], NOW + DAY_MS)
    assert await store.known([*ends, 7, 8, 9], NOW) == {*ends, 7, 8}
    assert await store.known([*ends, 7, 8, 9], NOW + 1) == {0, 7, 8}
    assert await store.known([*ends, 7, 8, 9], NOW + DAY_MS) == {0, 8}
    assert await store.known([*range(10_000)], NOW) == {0, 7, 8, *range(100, 5_000)}
    assert await store.known([0], NOW + DAY_MS + 1) == set()
    assert await store.known([], 0) == set()


async def test_keys_are_known_for_a_day_and_then_dropped(store: ActivityStore) -> None:
    hours = [0, 5, 23, 24, 30, 47, 48]
    for hour in hours:
        await remember(store, [hour], NOW + hour * HOUR_MS)
    now = NOW + 48 * HOUR_MS
    await store.maintain(now)
    assert await store.known(hours, now - DAY_MS) == {24, 30, 47, 48}
    await store.maintain(now + 3 * DAY_MS)
    assert await store.known(hours, 0) == set()
    await remember(store, [5], now + 3 * DAY_MS)
    assert await store.known(hours, 0) == {5}


async def test_each_log_has_an_offset_of_its_own(store: ActivityStore) -> None:
    await keep(store, event(1), offset=7)
    await keep(store, event(2), offset=3, log_id="another")
    await keep(store, offset=9)
    assert [await store.offset(each) for each in (LOG, "another", "third")] == [9, 3, 0]
    assert await told(store) == ["e2", "e1"]


async def test_an_append_that_fails_leaves_nothing_at_all(store: ActivityStore) -> None:
    await keep(store, event(1, NOW), offset=4)
    bad = Happened([event(2, NOW), event(3, month(200))], [7])
    with pytest.raises(Exception, match=r"."):
        # More than an offset can be: the last thing that is written fails.
        await store.append(bad, LOG, 1 << 70, NOW)
    assert await store.offset(LOG) == 4
    assert await told(store) == ["e1"]
    assert await store.known([7], 0) == set()
    assert (store.state().events, store.state().appended) == (1, 1)
    await store.append(bad, LOG, 5, NOW)
    assert await told(store) == ["e2", "e1", "e3"]
    assert await store.known([7], 0) == {7}
    assert store.state().events == 3


async def test_all_of_it_is_there_after_opening_again(kind: Kind, tmp_path: Path) -> None:
    store = await kind.open(tmp_path, FOREVER)
    await store.append(Happened([event(1), event(2, month(300))], [5]), LOG, 3, NOW)
    before = await store.page(ALL, 10)
    await store.close()
    store = await kind.open(tmp_path, FOREVER)
    assert await store.page(ALL, 10) == before
    assert await store.known([5], NOW) == {5}
    assert await store.offset(LOG) == 3
    state = store.state()
    assert (state.events, state.appended) == (2, 0)
    await keep(store, event(3), event(4, month(300)), offset=4)
    assert await told(store) == ["e3", "e1", "e4", "e2"]
    assert await told(store, following(before[:1])) == ["e4", "e2"]
    await store.close()


async def test_the_state_is_what_is_there(kind: Kind, tmp_path: Path) -> None:
    store = await kind.open(tmp_path, FOREVER)
    await store.maintain(NOW)
    empty = store.state().bytes_on_disk
    await keep(store, *(event(n, month(300) + 40 * DAY_MS * (n % 2)) for n in range(5_000)))
    await store.maintain(NOW)
    state = store.state()
    assert (state.events, state.appended) == (5_000, 5_000)
    # To the month, or to the chunk that TimescaleDB keeps it in.
    assert state.oldest is not None
    assert month(300) - 7 * DAY_MS < state.oldest <= month(300)
    assert state.bytes_on_disk - empty > 5_000 * 30
    await store.close()


async def test_what_is_kept_no_longer_gives_its_disk_back(kind: Kind, tmp_path: Path) -> None:
    store = await kind.open(tmp_path, 60 * DAY_MS)
    text = '{"x":"' + "".join(f"{n:x}" for n in range(400)) + '"}'
    old = [event(n, NOW - 100 * DAY_MS - n, metadata=text, user_id=f"{n}") for n in range(20_000)]
    new = [event(n, NOW - n * DAY_MS) for n in range(60)]
    await keep(store, *old)
    await keep(store, *new, offset=2)
    await store.maintain(NOW - 100 * DAY_MS)
    before = store.state()
    assert (before.events, len(await store.page(ALL, 1000))) == (20_060, 1000)
    for _ in range(5):
        await store.maintain(NOW)
    after = store.state()
    assert after.bytes_on_disk < before.bytes_on_disk / 5
    assert after.events == 60
    assert after.oldest is not None
    assert NOW - 100 * DAY_MS < after.oldest <= NOW - 59 * DAY_MS
    assert await told(store) == [each.event_id for each in new]
    assert await store.offset(LOG) == 2
    # One that was long on its way is no trouble.
    await keep(store, old[0], event(99, NOW + 1), offset=3)
    assert (await told(store))[:2] == ["e99", "e0"]
    await store.maintain(NOW)
    assert len(await told(store)) == 61
    await store.close()


@dataclass
class Model:
    """A plain list of events in the order in which they came in."""

    events: list[Event] = field(default_factory=list)

    def order(self, number: int) -> tuple[int, int]:
        """What a page is ordered by."""
        return self.events[number].time, number

    def page(self, wanted: Filter, after: int | None, limit: int) -> list[int]:
        """The places in the list of what a page has; it follows the event with that place."""
        found = [
            number
            for number, each in enumerate(self.events)
            if wanted.start <= each.time < wanted.end
            and (after is None or self.order(number) < self.order(after))
            and all(getattr(each, name) == value for name, value in wanted.values.items())
        ]
        return sorted(found, key=self.order, reverse=True)[:limit]

    def since(self, start: int, types: set[str]) -> list[Event]:
        """What is told oldest first."""
        chosen = [n for n, each in enumerate(self.events) if each.time >= start]
        found = [self.events[number] for number in sorted(chosen, key=self.order)]
        return [each for each in found if not types or each.event_type in types]


@dataclass(frozen=True)
class Moment:
    """A time near to the edge of one of three months, or anywhere in them."""

    edge: int
    step: int

    def after(self, base: int) -> int:
        """The time, where the months are those after one."""
        return month(base + 1 + self.edge) + self.step


@dataclass(frozen=True)
class Walk:
    """A question, page by page, and what comes in meanwhile."""

    start: Moment
    end: Moment
    values: dict[str, str]
    limit: int
    arriving: list[list[tuple[Moment, Event]]]


names = st.sampled_from(["a", "b", "ü😀", "'\"\\"])
moments = st.builds(Moment, st.integers(0, 2), st.integers(-2, 2) | st.integers(0, 27 * DAY_MS))
events = st.builds(
    Event,
    event_type=names,
    time=st.just(0),
    event_id=names,
    user_id=st.none() | names,
    organization_id=st.none() | names,
    session_id=st.none() | names,
)
arriving = st.lists(st.tuples(moments, events), max_size=8)
walks = st.builds(
    Walk,
    moments | st.just(Moment(-1, 0)),
    moments | st.just(Moment(3, 0)),
    st.dictionaries(st.sampled_from(FILTERED), names, max_size=3),
    st.integers(1, 6),
    st.lists(arriving, max_size=4),
)
steps = st.lists(st.tuples(arriving, walks, st.sets(names, max_size=2)), min_size=1, max_size=4)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_any_pages_of_any_events_are_those_of_a_plain_list(kind: Kind) -> None:
    # Each example has months of its own, after those of the examples before.
    base = count(0, 4)
    with tempfile.TemporaryDirectory() as name, asyncio.Runner() as runner:
        store = runner.run(kind.open(Path(name), FOREVER))

        @settings(max_examples=40)
        @given(steps)
        def check(taken: list[tuple[list[tuple[Moment, Event]], Walk, set[str]]]) -> None:
            checked = Checked(store, next(base))
            for arrived, walk, types in taken:
                runner.run(checked.take(arrived))
                runner.run(checked.walk(walk))
                runner.run(checked.look_back(walk.start, types))

        check()
        runner.run(store.close())


@dataclass
class Checked:
    """A store beside the model of it, from a month on."""

    store: ActivityStore
    base: int
    model: Model = field(default_factory=Model)

    async def take(self, arrived: list[tuple[Moment, Event]]) -> None:
        """Append to both; each event gets the place in the list as its id."""
        number = count(len(self.model.events))
        taken = [
            msgspec.structs.replace(
                each, time=moment.after(self.base), event_id=f"{next(number)} {each.event_id}"
            )
            for moment, each in arrived
        ]
        await keep(self.store, *taken)
        self.model.events += taken

    async def walk(self, walk: Walk) -> None:
        """Ask both for page after page."""
        wanted = Filter(walk.start.after(self.base), walk.end.after(self.base), walk.values)
        last: int | None = None
        arriving = iter(walk.arriving)
        while True:
            page = await self.store.page(wanted, walk.limit)
            expected = self.model.page(wanted, last, walk.limit)
            assert [stored.event for stored in page] == [self.model.events[n] for n in expected]
            if not page:
                return
            wanted, last = following(page, wanted), expected[-1]
            await self.take(next(arriving, []))

    async def look_back(self, start: Moment, types: set[str]) -> None:
        """Ask both for all events from a time on."""
        since = start.after(self.base)
        assert await self.store.since(since, types) == self.model.since(since, types)
