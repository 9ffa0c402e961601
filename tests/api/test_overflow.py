"""Past its limit of series a metric takes every row still, in one more series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from asking import accept, ask, counted, whole_minute
from polling import eventually
from running import Server

BASE = whole_minute(20)
HOSTS = 12
LIMIT = 5


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which a metric may have few series."""
    folder = tmp_path_factory.mktemp("small") / "data"
    with Server(folder, NOWLINE_MAX_SERIES_PER_METRIC=str(LIMIT)) as running:
        with running.ingest() as sender:
            for name, kind in (("over", "counter"), ("over.total", "cumulative")):
                for step in range(3):
                    accept(sender, *rows(name, kind, step))
            accept(sender, *rows("under", "gauge", 0)[:LIMIT])
        yield running


def rows(name: str, kind: str, step: int) -> list[dict[str, Any]]:
    """One row of each host; the running total of each grows by 10 a step."""
    return [
        {
            "name": name,
            "type": kind,
            "value": 10 * step + host,
            "time": BASE + 1_000 * step,
            "tags": {"host": str(host)},
        }
        for host in range(HOSTS)
    ]


@pytest.fixture(params=["while it runs", "after a stop", "after a kill"])
def reader(small: Server, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    if request.param != "while it runs":
        if request.param == "after a stop":
            assert small.stop() == 0
        else:
            small.kill()
        small.start()
    with small.alice() as client:
        yield client


def listed(reader: httpx.Client) -> dict[str, Any]:
    found = reader.get("/api/v1/metrics").raise_for_status().json()["metrics"]
    return {entry["name"]: entry for entry in found}


def test_all_totals_are_right(reader: httpx.Client) -> None:
    assert counted(reader, "over", 3 * HOSTS) == 3 * HOSTS
    assert counted(reader, "over.total", 3 * HOSTS) == 3 * HOSTS
    expected = sum(row["value"] for step in range(3) for row in rows("over", "counter", step))
    (point,) = ask(reader, "over", aggregation="sum")
    assert point["value"] == expected
    by_host = ask(reader, "over", aggregation="sum", group_by=["host", "overflow"])
    found = {(p["tags"]["host"], p["tags"]["overflow"]): p["value"] for p in by_host}
    known = {(str(host), ""): 30.0 + 3 * host for host in range(LIMIT)}
    assert found == {**known, ("", "true"): expected - sum(known.values())}


def test_running_totals_past_the_limit_make_no_jump(reader: httpx.Client) -> None:
    assert counted(reader, "over.total", 3 * HOSTS) == 3 * HOSTS
    (point,) = ask(reader, "over.total", aggregation="sum")
    assert point["value"] == 20 * LIMIT


def test_the_catalogue_lists_the_offenders(reader: httpx.Client) -> None:
    assert eventually(lambda: "under" in listed(reader))
    metrics = listed(reader)
    assert {name: metrics[name]["overflow"] for name in ("over", "over.total", "under")} == {
        "over": True,
        "over.total": True,
        "under": False,
    }
    assert (metrics["over"]["series"], metrics["over"]["tags"]) == (LIMIT + 1, ["host", "overflow"])


def test_metrics_name_the_offenders(small: Server) -> None:
    with small.ingest() as sender, small.alice() as reader:
        accept(sender, *rows("told", "counter", 0))

        def told() -> dict[str, float]:
            lines = reader.get("/metrics").raise_for_status().text.splitlines()
            return {
                name: float(value)
                for name, _, value in (line.rpartition(" ") for line in lines)
                if name.startswith(("nowline_overflow_rows", "nowline_metric_overflow_rows"))
            }

        wanted = 'nowline_metric_overflow_rows_total{metric="told"}'
        assert eventually(lambda: told().get(wanted) == HOSTS - LIMIT)
        assert told()["nowline_overflow_rows_total"] >= HOSTS - LIMIT
