"""What every door shares: good rows are durable, bad ones are named, nothing gets lost between."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.bus.embedded import EmbeddedLog
from nowline.errors import Code, NowlineError
from nowline.ingest.json import decode_json
from nowline.ingest.rows import MOST_REJECTED
from nowline.ingest.service import Ingest, Outcome
from nowline.model.batch import Batch
from nowline.model.series import MetricType, Point, SeriesKey
from nowline.store.catalogue import Catalogue, Limits
from personas import SetClock

NOW = 1_800_000_000_000
KEEP_MS = 86_400_000
Rows = list[tuple[SeriesKey, MetricType, int, float]]


class Door:
    """An ingest on a real log, with what went through it."""

    def __init__(self, bus: EmbeddedLog, limits: Limits | None = None) -> None:
        self.bus = bus
        self.catalogue = Catalogue(limits)
        self.ingest = Ingest(bus, self.catalogue, SetClock(NOW), KEEP_MS)

    async def accept(self, *rows: object) -> Outcome:
        return await self.ingest.accept(decode_json(json.dumps(rows).encode(), NOW))

    async def batches(self) -> list[Batch]:
        return [Batch.decode(bytes(record.blob)) for record in await self.bus.read(0, 1 << 30)]

    async def rows(self) -> Rows:
        return [
            (SeriesKey.decode(batch.keys[series]), batch.types[series], time, value)
            for batch in await self.batches()
            for series, time, value in zip(
                batch.series.tolist(), batch.time.tolist(), batch.value.tolist(), strict=True
            )
        ]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    bus = await EmbeddedLog.open(tmp_path / "log.sqlite")
    yield Door(bus)
    await bus.close()


def row(name: str = "a", **fields: object) -> dict[str, object]:
    return {"name": name, "value": 1, **fields}


@pytest.mark.parametrize(
    "bad", [{"name": ""}, {"time": 1}, {"time": 1e300}, {"type": "counter"}, {"metadata": [0]}]
)
async def test_very_many_bad_rows_are_not_told_one_by_one(
    door: Door, bad: dict[str, object]
) -> None:
    await door.accept(row())
    wrong = {**row(), **bad}
    rows = [wrong] * MOST_REJECTED
    assert len((await door.accept(*rows, row())).rejected) == MOST_REJECTED
    with pytest.raises(NowlineError) as caught:
        await door.accept(*rows, wrong, row())
    assert caught.value.code is Code.INVALID
    assert len(caught.value.errors) == 100
    assert len(await door.rows()) == 2


async def test_a_row_is_in_the_log_when_it_is_accepted(door: Door) -> None:
    outcome = await door.accept(row(value=2.5, tags={"b": "2", "a": "1"}, type="counter"))
    assert (outcome.accepted, outcome.rejected) == (1, [])
    key = SeriesKey("a", (("a", "1"), ("b", "2")))
    assert await door.rows() == [(key, MetricType.COUNTER, NOW, 2.5)]
    assert [batch.received_ms for batch in await door.batches()] == [NOW]


async def test_tags_in_another_order_are_the_same_series(door: Door) -> None:
    await door.accept(row(tags={"a": "1", "b": "2"}), row(tags={"b": "2", "a": "1"}))
    (batch,) = await door.batches()
    assert len(batch.keys) == 1


@pytest.mark.parametrize(
    ("time", "is_kept"),
    [
        (NOW + 300_000, True),
        (NOW + 300_001, False),
        (NOW - KEEP_MS, True),
        (NOW - KEEP_MS - 1, False),
        (0, False),
        (-1, False),
        (-1_000, False),
    ],
)
async def test_the_edges_of_time_are_exact(door: Door, time: int, is_kept: bool) -> None:
    outcome = await door.accept(row(), row(time=time))
    assert outcome.accepted == 1 + is_kept
    assert [r.index for r in outcome.rejected] == ([] if is_kept else [1])
    assert all(r.error.startswith("time: ") for r in outcome.rejected)


async def test_a_metric_keeps_its_first_type(door: Door) -> None:
    await door.accept(row(type="counter"))
    outcome = await door.accept(row(type="gauge"), row(), row(type="counter"))
    assert [(r.index, r.error.partition(":")[0]) for r in outcome.rejected] == [(0, "type")]
    assert {kind for _, kind, _, _ in await door.rows()} == {MetricType.COUNTER}


async def test_within_a_batch_the_first_row_decides_the_type(door: Door) -> None:
    outcome = await door.accept(row(), row(type="counter"), row("b", type="counter"), row("b"))
    assert [r.index for r in outcome.rejected] == [1]
    kinds = {key.name: kind for key, kind, _, _ in await door.rows()}
    assert kinds == {"a": MetricType.GAUGE, "b": MetricType.COUNTER}


async def test_a_refused_row_decides_no_type(door: Door) -> None:
    await door.accept(row(type="counter", time=0), row(type="counter", tags={"": "x"}))
    assert (await door.accept(row(type="gauge"))).accepted == 1


async def test_a_refused_row_describes_nothing(door: Door) -> None:
    await door.accept(row(metadata={"unit": "s"}))
    await door.accept(row("b"), row(time=0, metadata={"unit": "wrong"}))
    assert [batch.metadata for batch in await door.batches()] == [{"a": b'{"unit":"s"}'}, {}]


async def test_a_batch_of_bad_rows_leaves_nothing_in_the_log(door: Door) -> None:
    outcome = await door.accept(row(""), row(time=0), row(tags={"k": "v" * 1025}))
    assert outcome.accepted == 0
    assert [r.index for r in outcome.rejected] == [0, 1, 2]
    assert door.bus.head == 0


async def test_own_collectors_go_through_the_same_door(door: Door) -> None:
    points = [
        Point(name="cpu", value=5, tags={"core": "1"}, metadata={"unit": "percent"}),
        Point(name="cpu", value=6, time=NOW - 5),
    ]
    await door.ingest.submit(points)
    await door.ingest.submit([])
    assert [(key.name, time, value) for key, _, time, value in await door.rows()] == [
        ("cpu", NOW, 5.0),
        ("cpu", NOW - 5, 6.0),
    ]
    (batch,) = await door.batches()
    assert batch.metadata == {"cpu": b'{"unit":"percent"}'}


rows = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", "", "x" * 300]),
        "value": st.one_of(st.integers(0, 9), st.just("no")),
    },
    optional={
        "time": st.sampled_from([NOW, NOW - 5, 0, NOW + 600_000, "x"]),
        "type": st.sampled_from(["gauge", "counter", "nope"]),
        "tags": st.sampled_from([{}, {"k": "v"}, {"k": 1}, {"": ""}]),
        "metadata": st.sampled_from([{}, {"unit": "s"}, 5]),
        "extra": st.none(),
    },
)


@settings(max_examples=25)
@given(st.lists(st.lists(rows, max_size=8), max_size=3))
def test_every_row_is_durable_or_named(bodies: list[list[dict[str, object]]]) -> None:
    asyncio.run(_every_row_is_durable_or_named(bodies))


async def _every_row_is_durable_or_named(bodies: list[list[dict[str, object]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bus = await EmbeddedLog.open(Path(folder) / "log.sqlite")
        door = Door(bus)
        expected: list[object] = []
        for body in bodies:
            outcome = await door.accept(*body)
            refused = [rejected.index for rejected in outcome.rejected]
            assert refused == sorted(set(refused))
            assert outcome.accepted + len(refused) == len(body)
            expected += [float(r["value"]) for i, r in enumerate(body) if i not in refused]  # type: ignore[arg-type]
        assert [value for _, _, _, value in await door.rows()] == expected
        taken = door.ingest.taken
        assert (taken.batches, taken.accepted) == (len(bodies), len(expected))
        await bus.close()


async def test_past_the_limit_of_metrics_rows_of_new_ones_are_refused(tmp_path: Path) -> None:
    bus = await EmbeddedLog.open(tmp_path / "log.sqlite")
    door = Door(bus, Limits(metrics=2))
    outcome = await door.accept(row("a"), row("b"), row("c"), row("a"), row("c"))
    assert outcome.accepted == 3
    assert [r.index for r in outcome.rejected] == [2, 4]
    assert {r.error for r in outcome.rejected} == {
        "name: there are 2 metrics already, as many as there may be"
    }
    assert (await door.accept(row("b"), row("d"))).accepted == 1
    await bus.close()
