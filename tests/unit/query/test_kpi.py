from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from nowline.errors import Code, NowlineError
from nowline.model.grouping import fold
from nowline.model.kpi import Bounds, Direction, Kpi, KpiReading, Period
from nowline.model.query import Aggregation
from nowline.model.user import Caller
from nowline.query.configurations import Configurations
from nowline.query.figure import Figure
from nowline.query.kpi import Kpis, reading, spans
from nowline.store import audit
from nowline.store.documents import Documents
from personas import SetClock

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
# 2027-01-15T08:00:00Z, and 90.25 s later.
NOW = 1_800_000_000_000 + 90_250
ADA = Caller("ada@example.org", "192.0.2.1")
RATIO = Kpi(
    code="perfect",
    name="Perfect orders",
    expression="sum(orders.perfect) / sum(orders.total) * 100",
    unit="%",
)


class Rows:
    """Rows in memory, aggregated as the engine does it."""

    def __init__(self, **metrics: list[tuple[int, float]]) -> None:
        self.metrics = {name.replace("_", "."): rows for name, rows in metrics.items()}
        self.asked: list[Sequence[Figure]] = []

    async def figures(self, asked: Sequence[Figure]) -> list[float | None]:
        self.asked.append(asked)
        return [self._figure(each) for each in asked]

    def _figure(self, asked: Figure) -> float | None:
        every = self.metrics.get(asked.metric, ())
        rows = [row for row in every if asked.start <= row[0] < asked.end]
        times = np.array([time for time, _ in rows], np.int64)
        values = np.array([value for _, value in rows], np.float64)
        found = fold(np.zeros(len(rows), np.int64), times, values, 1 << 60)
        if not len(found):
            return None
        finished = {
            Aggregation.SUM: found.total[0],
            Aggregation.COUNT: found.count[0],
            Aggregation.LAST: found.last[0],
        }
        return float(finished[asked.aggregation])


@pytest.fixture
async def documents(tmp_path: Path) -> AsyncIterator[Documents]:
    opened = await Documents.open(f"sqlite:///{tmp_path}/documents.db")
    yield opened
    await opened.close()


@pytest.fixture
def kpis(documents: Documents) -> Kpis:
    return Kpis(Configurations(documents, SetClock(NOW)), Rows(), SetClock(NOW))


async def value_of(kpi: Kpi, rows: Rows, documents: Documents, period: Period) -> KpiReading:
    kpis = Kpis(Configurations(documents, SetClock(NOW)), rows, SetClock(NOW))
    return await kpis.value(kpi, period, NOW)


@pytest.mark.parametrize(
    ("period", "start", "width"),
    [
        (Period.MINUTE, 1_800_000_060_000, MINUTE),
        (Period.HOUR, 1_800_000_000_000, HOUR),
        (Period.DAY, 1_799_971_200_000, DAY),
    ],
)
def test_the_period_so_far_and_the_whole_one_before(period: Period, start: int, width: int) -> None:
    # The second that it is now belongs to the period so far.
    assert spans(period, NOW) == ((start, 1_800_000_091_000), (start - width, start))


def test_the_first_moment_of_a_period_is_its_own() -> None:
    start = 1_800_000_000_000
    assert spans(Period.HOUR, start) == ((start, start + SECOND), (start - HOUR, start))
    assert spans(Period.HOUR, start - 1) == (
        (start - HOUR, start),
        (start - 2 * HOUR, start - HOUR),
    )


async def test_a_value_against_the_period_before(documents: Documents) -> None:
    rows = Rows(
        orders_perfect=[(NOW, 90), (NOW - MINUTE, 40), (NOW - MINUTE - 1, 8)],
        orders_total=[(NOW - 1, 60), (NOW, 60), (NOW - MINUTE, 80)],
    )
    found = await value_of(RATIO, rows, documents, Period.MINUTE)
    assert (found.value, found.previous, found.delta) == (75, 60, 15)
    assert (found.delta_percent, found.direction, found.valid) == (25, Direction.UP, True)
    assert (found.code, found.name, found.unit) == ("perfect", "Perfect orders", "%")
    assert (found.period, found.timestamp) == (Period.MINUTE, "2027-01-15T08:01:30.250Z")


async def test_without_data_there_is_no_value_and_no_direction(documents: Documents) -> None:
    rows = Rows(orders_perfect=[(NOW, 1)], orders_total=[(NOW, 2)])
    found = await value_of(RATIO, rows, documents, Period.MINUTE)
    assert (found.value, found.previous, found.valid) == (50, None, True)
    assert (found.delta, found.delta_percent, found.direction) == (None, None, None)
    nothing = await value_of(RATIO, Rows(), documents, Period.DAY)
    assert (nothing.value, nothing.previous, nothing.valid) == (None, None, None)


async def test_a_division_by_zero_is_no_value(documents: Documents) -> None:
    rows = Rows(orders_perfect=[(NOW, 1)], orders_total=[(NOW, 0)])
    found = await value_of(RATIO, rows, documents, Period.HOUR)
    assert found.value is None


async def test_each_term_of_both_periods_is_asked_once_and_all_at_once(
    documents: Documents,
) -> None:
    kpi = Kpi(code="k", name="K", expression='sum(a{r="x"}) / (sum(a{r="x"}) + last(b)) - count(c)')
    rows = Rows()
    await value_of(kpi, rows, documents, Period.HOUR)
    (asked,) = rows.asked
    assert len(asked) == 6
    assert Figure("a", Aggregation.SUM, {"r": ("x",)}, *spans(Period.HOUR, NOW)[0]) in asked


@pytest.mark.parametrize(
    ("value", "previous", "delta", "percent", "direction"),
    [
        (3.0, 2.0, 1.0, 50.0, Direction.UP),
        (1.0, 2.0, -1.0, -50.0, Direction.DOWN),
        (2.0, 2.0, 0.0, 0.0, Direction.FLAT),
        (1.0, 0.0, 1.0, None, Direction.UP),
        (0.0, 0.0, 0.0, None, Direction.FLAT),
        (-1.0, -2.0, 1.0, 50.0, Direction.UP),
        (1e308, -1e308, None, None, None),
        (1e300, 1e-300, 1e300, None, Direction.UP),
        (None, 2.0, None, None, None),
        (2.0, None, None, None, None),
    ],
)
def test_how_two_values_compare(
    value: float | None,
    previous: float | None,
    delta: float | None,
    percent: float | None,
    direction: Direction | None,
) -> None:
    found = reading(RATIO, Period.DAY, NOW, value, previous)
    assert (found.delta, found.delta_percent, found.direction) == (delta, percent, direction)


def test_a_value_outside_the_rules_is_not_valid() -> None:
    kpi = Kpi(code="k", name="K", expression="1", target=3, rules=(Bounds(min=0, max=2),))
    found = [reading(kpi, Period.DAY, NOW, value, None) for value in (2.0, 2.1, None)]
    assert [each.valid for each in found] == [True, False, None]
    assert found[0].target == 3


async def test_a_bad_expression_is_neither_created_nor_put_in_place(kpis: Kpis) -> None:
    await kpis.create(RATIO, ADA)
    bad = Kpi(code="perfect", name="Bad", expression="sum(a")
    for work in (kpis.create(bad, ADA), kpis.replace(bad, ADA)):
        with pytest.raises(NowlineError, match=r"expression: column 6: expected") as caught:
            await work
        assert caught.value.errors[0].field == "expression"
    assert await kpis.definitions() == [RATIO]


async def test_every_change_is_in_the_audit_trail_and_no_refused_one(
    kpis: Kpis, documents: Documents
) -> None:
    await kpis.create(RATIO, ADA)
    await kpis.replace(RATIO, ADA)
    for work in (kpis.create(RATIO, ADA), kpis.delete("other", ADA)):
        with pytest.raises(NowlineError):
            await work
    await kpis.delete("perfect", ADA)
    async with documents.read() as connection:
        page = await audit.page(connection, before=None, limit=10)
    told = [(e.actor, e.action, e.target, e.outcome, e.ip) for e in page.entries]
    assert told == [
        ("ada@example.org", action, "perfect", "success", "192.0.2.1")
        for action in ("kpi.delete", "kpi.update", "kpi.create")
    ]


@pytest.mark.parametrize("code", ["unknown", "a\0b", "..", "é"])
async def test_an_unknown_code_is_not_found(kpis: Kpis, code: str) -> None:
    other = Kpi(code=code, name="K", expression="1")
    for work in (
        kpis.read(code, Period.DAY),
        kpis.definition(code),
        kpis.replace(other, ADA),
        kpis.delete(code, ADA),
    ):
        with pytest.raises(NowlineError) as caught:
            await work
        assert caught.value.code is Code.NOT_FOUND


async def test_a_kpi_is_read_as_of_now(documents: Documents) -> None:
    rows = Rows(orders_perfect=[(NOW, 1)], orders_total=[(NOW, 1)])
    kpis = Kpis(Configurations(documents, SetClock(NOW)), rows, SetClock(NOW))
    await kpis.create(RATIO, ADA)
    found = await kpis.read("perfect", Period.DAY)
    assert (found.value, found.timestamp) == (100, "2027-01-15T08:01:30.250Z")
