"""What every store promises of a backup: all of it as of one moment, or a refusal that says how."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nowline.errors import Code, NowlineError
from nowline.model.series import MetricType, SeriesKey
from nowline.store.base import Append, Rows, Span, Store
from nowline.store.catalogue import Metric, NewSeries
from nowline.store.embedded import EmbeddedStore
from reference import Row, columns, selection
from stores import FOREVER, KINDS, Kind

LOG = "the log"


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    kind: Kind = request.param
    (tmp_path / "store").mkdir()
    opened = await kind.open(tmp_path / "store", FOREVER)
    yield opened
    await opened.close()


async def test_a_backup_is_whole_or_refused(store: Store, tmp_path: Path) -> None:
    series = [NewSeries(0, SeriesKey.of("a", {}), MetricType.GAUGE)]
    metrics = [Metric("a", MetricType.GAUGE, 0, 0, {})]
    for offset in (1, 2):
        rows = Rows(*columns([Row(0, offset, 1.0)]))
        await store.append(Append(rows, metrics, series if offset == 1 else [], LOG, offset, 0))
    folder = tmp_path / "copy"
    folder.mkdir()
    if not isinstance(store, EmbeddedStore):
        with pytest.raises(NowlineError, match="pg_dump") as refused:
            await store.backup(folder, LOG)
        assert refused.value.code is Code.UNSUPPORTED
        return
    assert await store.backup(folder, LOG) == 2
    copy = await EmbeddedStore.open(folder / "nowline.duckdb", FOREVER)
    try:
        assert await copy.offset(LOG) == 2
        found = await copy.partials(selection({0: 0}), Span(0, 1000, 1000))
        assert found.count.tolist() == [2]
    finally:
        await copy.close()
