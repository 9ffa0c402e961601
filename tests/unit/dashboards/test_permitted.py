"""A link shows what stands on its dashboard, and answers nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.dashboards.content import queries_of
from nowline.dashboards.narrowing import met_together, narrowed
from nowline.dashboards.permitted import Permitted
from nowline.errors import Code, NowlineError
from nowline.model.dashboard import Content, Position, Widget, WidgetType
from nowline.model.query import DAY_MS, HOUR_MS, MINUTE_MS, Query
from nowline.model.share import Share, ShareKind

NOW = 1_800_000_000_000
QUERY: dict[str, Any] = {
    "metric_name": "orders",
    "aggregation": "sum",
    "group_by": ["region", "host"],
    "filters": {"tenant": ["a", "b"]},
}


def widget(**config: object) -> Widget:
    return Widget("w", WidgetType.CHART, Position(0, 0, 6, 4), config)


def permitted(
    *widgets: Widget,
    filters: dict[str, list[str]] | None = None,
    locked: dict[str, list[str]] | None = None,
    look_back_ms: int = DAY_MS,
) -> Permitted:
    content = Content(name="One", widgets=list(widgets), filters=filters or {})
    share = Share("s", ShareKind.LINK, "d", "", "u", "u", NOW, None, look_back_ms, (), locked or {})
    return Permitted(content, share)


def asked(**change: object) -> Query:
    return msgspec.convert(QUERY | change, Query)


def refused(what: Permitted, query: Query, every_ms: int = 0) -> bool:
    try:
        what.check(query, NOW, every_ms)
    except NowlineError as error:
        return error.code is Code.FORBIDDEN
    return False


def test_what_a_widget_asks_is_answered_in_any_span_and_buckets() -> None:
    what = permitted(widget(query=QUERY))
    for change in (
        {},
        {"time_range": {"last": "5m"}},
        {"time_range": {"last": "1d"}, "interval": "5m"},
        {"time_range": {"start": NOW - HOUR_MS, "end": NOW - MINUTE_MS}, "fill": "zero"},
        {"time_range": {"start": "2027-01-15T07:00:00Z"}},
        {"filters": {"tenant": ["b", "a", "a"]}},
        {"group_by": ["host", "region"]},
    ):
        assert not refused(what, asked(**change)), change


@pytest.mark.parametrize(
    "change",
    [
        {"metric_name": "salaries"},
        {"aggregation": "max"},
        {"group_by": ["region", "host", "customer"]},
        {"group_by": ["region"]},
        {"group_by": []},
        {"filters": {}},
        {"filters": {"tenant": ["a"]}},
        {"filters": {"tenant": ["a", "b", "c"]}},
        {"filters": {"tenant": ["a", "b"], "customer": ["x"]}},
        {"time_range": {"last": "2d"}},
        {"time_range": {"start": 0}},
        {"time_range": {"start": NOW - 2 * DAY_MS, "end": NOW}},
        {"time_range": {"start": "never"}},
        {"time_range": {"last": "long ago"}},
        {"compare": "1d"},
        {"compare": "nonsense"},
        {"interval": "30d"},
        {"interval": "3h"},
        {"max_points": 3},
    ],
)
def test_what_no_widget_asks_is_refused(change: dict[str, Any]) -> None:
    assert refused(permitted(widget(query=QUERY)), asked(**change))


def test_how_often_it_is_told_widens_no_bucket_beyond_what_is_shown() -> None:
    what = permitted(widget(query=QUERY), look_back_ms=HOUR_MS)
    assert not refused(what, asked(), 5 * MINUTE_MS)
    assert refused(what, asked(), DAY_MS)


def test_a_query_with_a_span_of_its_own_is_shown_all_of_it() -> None:
    long = permitted(widget(query=QUERY | {"time_range": {"last": "7d"}}), look_back_ms=HOUR_MS)
    assert not refused(long, asked(time_range={"last": "7d"}))
    assert refused(long, asked(time_range={"last": "8d"}))


def test_every_query_of_a_widget_counts_and_nothing_that_is_none() -> None:
    listed = [{"query": QUERY | {"metric_name": "a"}, "label": "A"}, {"query": "b"}, 5, {}]
    what = permitted(widget(query=QUERY, queries=listed, unit="ms", text={"query": 1}))
    assert not refused(what, asked())
    assert not refused(what, asked(metric_name="a"))
    config = what.widgets[0].config
    assert [each["label"] for each in config["queries"]] == ["A"]
    assert config["unit"] == "ms"
    broken = Widget("t", WidgetType.TEXT, Position(0, 0, 1, 1), {"text": "", "query": {"x": 1}})
    assert "query" not in permitted(broken).widgets[0].config
    assert permitted(widget(queries="x")).widgets[0].config == {"queries": []}


def test_filters_narrow_what_is_shown_and_what_may_be_asked() -> None:
    what = permitted(
        widget(query=QUERY),
        filters={"region": ["eu", "us"], "host": []},
        locked={"tenant": ["b", "c"], "region": ["eu"]},
    )
    narrow = {"tenant": ["b"], "region": ["eu"]}
    assert queries_of(what.widgets[0])[0].filters == narrow
    assert not refused(what, asked(filters=narrow))
    for wider in (
        QUERY["filters"],
        {"tenant": ["b"]},
        {"region": ["eu"]},
        {"tenant": ["b", "c"], "region": ["eu"]},
        {"tenant": ["b"], "region": ["eu", "us"]},
        {},
    ):
        assert refused(what, asked(filters=wider)), wider


def test_a_locked_filter_that_meets_nothing_shows_nothing() -> None:
    what = permitted(widget(query=QUERY), locked={"tenant": ["z"]})
    assert queries_of(what.widgets[0])[0].filters == {"tenant": []}
    assert refused(what, asked())
    assert refused(what, asked(filters={"tenant": ["z"]}))
    assert not refused(what, asked(filters={"tenant": []}))


FILTERS = st.dictionaries(
    st.sampled_from("abc"), st.lists(st.sampled_from("xyz"), min_size=1, unique=True), max_size=3
)


@given(own=FILTERS, dashboard=FILTERS, locked=FILTERS, asks=FILTERS)
def test_no_question_reaches_a_series_that_is_locked_out(
    own: dict[str, list[str]],
    dashboard: dict[str, list[str]],
    locked: dict[str, list[str]],
    asks: dict[str, list[str]],
) -> None:
    what = permitted(widget(query=QUERY | {"filters": own}), filters=dashboard, locked=locked)
    query = asked(filters=asks)
    if not refused(what, query):
        for tag, values in locked.items():
            assert set(query.filters[tag]) <= set(values)
        for tag, values in own.items():
            assert set(query.filters[tag]) <= set(values)


@given(one=FILTERS, other=FILTERS)
def test_filters_meet_in_either_order(
    one: dict[str, list[str]], other: dict[str, list[str]]
) -> None:
    def plain(filters: dict[str, list[str]]) -> dict[str, set[str]]:
        return {tag: set(values) for tag, values in filters.items()}

    assert plain(met_together(one, other)) == plain(met_together(other, one))
    query = narrowed(Query("m", filters=dict(one)), other)
    assert narrowed(query, other) == query
