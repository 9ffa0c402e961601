"""Small bodies that are taken in together: one record of the log, and to each its own outcome."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowline.bus.embedded import EmbeddedLog
from nowline.errors import Code, NowlineError
from nowline.ingest.columns import Columns
from nowline.ingest.group_commit import Form, GroupCommit, Told
from nowline.ingest.joint import decode_lines_of
from nowline.ingest.json import decode_json
from nowline.ingest.lines import decode_lines
from nowline.ingest.service import Ingest, Outcome
from nowline.model.batch import Batch
from nowline.store.catalogue import Catalogue
from personas import SetClock

NOW = 1_800_000_000_000
KEEP_MS = 86_400_000


def columns(*rows: object) -> Columns:
    return decode_json(json.dumps(rows).encode(), NOW)


def row(name: str = "a", **fields: object) -> dict[str, object]:
    return {"name": name, "value": 1, **fields}


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[EmbeddedLog]:
    log = await EmbeddedLog.open(tmp_path / "log.sqlite")
    yield log
    await log.close()


def ingest_on(bus: EmbeddedLog) -> Ingest:
    return Ingest(bus, Catalogue(), SetClock(NOW), KEEP_MS)


async def batches(bus: EmbeddedLog) -> list[Batch]:
    return [Batch.decode(bytes(record.blob)) for record in await bus.read(0, 1 << 30)]


async def contents(bus: EmbeddedLog) -> Counter[tuple[bytes, int, float]]:
    return Counter(
        (batch.keys[series], time, value)
        for batch in await batches(bus)
        for series, time, value in zip(
            batch.series.tolist(), batch.time.tolist(), batch.value.tolist(), strict=True
        )
    )


async def test_what_comes_at_once_is_one_record_and_has_an_outcome_each(bus: EmbeddedLog) -> None:
    group = GroupCommit(ingest_on(bus))
    bodies = [
        columns(row(tags={"k": "1"}), row(value=2)),
        columns(row(name=""), row("b", time=NOW + 10**9), row("b")),
        columns(row(tags={"k": "1"}, value=7)),
    ]
    outcomes = await asyncio.gather(*map(group.accept, bodies))
    assert [outcome.accepted for outcome in outcomes] == [2, 1, 1]
    assert [[each.index for each in outcome.rejected] for outcome in outcomes] == [[], [0, 1], []]
    (batch,) = await batches(bus)
    assert batch.value.tolist() == [1, 2, 1, 7]
    assert len(batch.keys) == 3


async def test_what_comes_while_others_are_written_is_the_next_record(bus: EmbeddedLog) -> None:
    group = GroupCommit(ingest_on(bus))
    first = asyncio.create_task(group.accept(columns(row(value=1))))
    for _ in range(3):
        await asyncio.sleep(0)
    later = [asyncio.create_task(group.accept(columns(row(value=n)))) for n in (2, 3)]
    await asyncio.gather(first, *later)
    assert [batch.value.tolist() for batch in await batches(bus)] == [[1], [2, 3]]


async def test_a_long_body_and_one_with_metadata_are_records_of_their_own(bus: EmbeddedLog) -> None:
    group = GroupCommit(ingest_on(bus))
    described = columns(row(metadata={"unit": "s"}))
    bodies = [columns(*[row()] * 300), described, columns(row()), columns(row())]
    outcomes = await asyncio.gather(*map(group.accept, bodies))
    assert [outcome.accepted for outcome in outcomes] == [300, 1, 1, 1]
    assert sorted(len(batch) for batch in await batches(bus)) == [1, 2, 300]


async def test_all_of_them_are_refused_when_the_log_refuses(tmp_path: Path) -> None:
    bus = await EmbeddedLog.open(tmp_path / "log.sqlite")
    group = GroupCommit(ingest_on(bus))
    await bus.close()
    told = await asyncio.gather(
        *(group.accept(columns(row())) for _ in range(3)), return_exceptions=True
    )
    assert [isinstance(each, NowlineError) and each.code for each in told] == [Code.UNAVAILABLE] * 3


async def test_who_stops_waiting_takes_nothing_from_the_others(bus: EmbeddedLog) -> None:
    group = GroupCommit(ingest_on(bus))
    leaving = asyncio.create_task(group.accept(columns(row(value=1))))
    staying = asyncio.create_task(group.accept(columns(row(value=2))))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).accepted == 1
    assert sum((await contents(bus)).values()) == 2
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_one_who_cannot_be_told_keeps_no_other_from_it(bus: EmbeddedLog) -> None:
    group = GroupCommit(ingest_on(bus))

    def fail(_told: object) -> None:
        raise RuntimeError("its connection is broken")

    group.submit(columns(row()), fail)
    assert (await group.accept(columns(row()))).accepted == 1


LINES = Form(
    lambda body, now_ms: decode_lines(body, now_ms, "ms"),
    lambda bodies, now_ms: decode_lines_of(bodies, now_ms, "ms"),
)


async def sent(group: GroupCommit, bodies: Sequence[bytes]) -> list[Told]:
    """What became of bodies that come at once."""
    told: list[asyncio.Future[Told]] = [asyncio.Future() for _ in bodies]
    for body, each in zip(bodies, told, strict=True):
        group.submit_body(LINES, body, each.set_result)
    return await asyncio.gather(*told)


async def test_bodies_of_one_form_are_decoded_into_one_record(bus: EmbeddedLog) -> None:
    first, second, third = await sent(
        GroupCommit(ingest_on(bus)), [b"a v=1", b"a v=2\nb v=3", b"c v=4 1"]
    )
    assert [first, second] == [Outcome(1, []), Outcome(2, [])]
    assert isinstance(third, Outcome)
    assert [(each.index, each.error[:5]) for each in third.rejected] == [(0, "time:")]
    (batch,) = await batches(bus)
    assert batch.value.tolist() == [1, 2, 3]


async def test_a_bad_body_keeps_no_other_from_being_taken_in(bus: EmbeddedLog) -> None:
    bodies = [b"a v=1", b"nonsense", b"a v=2\nmore nonsense", b'a s="x",v=3']
    outcomes = await sent(GroupCommit(ingest_on(bus)), bodies)
    kept = [(each.accepted, len(each.rejected)) for each in outcomes if isinstance(each, Outcome)]
    assert kept == [(1, 0), (0, 1), (1, 1), (1, 0)]
    assert sum((await contents(bus)).values()) == 3


async def test_a_form_that_refuses_a_body_tells_only_whose_it_is(bus: EmbeddedLog) -> None:
    group = GroupCommit(ingest_on(bus))
    picky = Form(decode_json, lambda _bodies, _now_ms: None)
    told: list[asyncio.Future[Told]] = [asyncio.Future() for _ in range(3)]
    group.submit_body(picky, b"nonsense", told[0].set_result)
    group.submit_body(picky, b'[{"name":"a","value":1}]', told[1].set_result)
    group.submit_body(LINES, b"a v=2", told[2].set_result)
    refused, *good = await asyncio.gather(*told)
    assert isinstance(refused, NowlineError)
    assert refused.code is Code.INVALID
    assert good == [Outcome(1, []), Outcome(1, [])]


ROWS = st.builds(
    lambda name, value, time, tags, kind: {
        "name": name,
        "value": value,
        "time": time,
        "tags": tags,
        **({"type": kind} if kind else {}),
    },
    st.sampled_from(["a", "b", "", "c" * 300]),
    st.sampled_from([0, 1.5, -2, "x"]),
    st.sampled_from([NOW, NOW - 5, NOW - 2 * KEEP_MS, NOW + 10**7, "never"]),
    st.sampled_from([{}, {"k": "1"}, {"k": "2"}, {"": "x"}]),
    st.sampled_from([None, "gauge", "counter"]),
)


@given(st.lists(st.lists(ROWS, max_size=4), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_together_they_are_what_they_are_one_by_one(bodies: Sequence[Sequence[object]]) -> None:
    async def taken(folder: Path, *, together: bool) -> tuple[list[Outcome], object]:
        bus = await EmbeddedLog.open(folder / "log.sqlite")
        ingest = ingest_on(bus)
        # A metric has the type of its first row, whose body may be any of those that are together.
        await ingest.accept(columns(row("a"), row("b", type="counter")))
        parts = [columns(*rows) for rows in bodies]
        if together:
            outcomes = await ingest.accept_together(parts)
        else:
            outcomes = [await ingest.accept(part) for part in parts]
        found = outcomes, await contents(bus)
        await bus.close()
        return found

    async def both() -> None:
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            assert await taken(Path(one), together=True) == await taken(Path(other), together=False)

    asyncio.run(both())
