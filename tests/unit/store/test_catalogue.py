"""The catalogue: ids, first types, tags, what a query selects, and what is still to be saved."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.batch import Batch
from nowline.model.series import MetricType, SeriesKey
from nowline.store.catalogue import Catalogue, Metric, NewSeries

Tags = dict[str, str]
GAUGE, COUNTER = MetricType.GAUGE, MetricType.COUNTER

names = st.sampled_from(["a", "b", "cpu"])
tags = st.dictionaries(st.sampled_from(["host", "core"]), st.sampled_from(["", "1", "2"]))
series_sets = st.lists(st.tuples(names, tags), min_size=1, max_size=12)


def batch(
    *series: tuple[str, Tags],
    times: Sequence[int] | None = None,
    kind: MetricType = GAUGE,
    metadata: dict[str, object] | None = None,
) -> Batch:
    """One row of each series."""
    keys = list(dict.fromkeys(SeriesKey.of(name, tags).encode() for name, tags in series))
    places = [keys.index(SeriesKey.of(name, tags).encode()) for name, tags in series]
    return Batch(
        keys,
        [kind] * len(keys),
        np.array(places, np.uint32),
        np.array(times or [100] * len(series), np.int64),
        np.zeros(len(series)),
        0,
        {name: msgspec.json.encode(said) for name, said in (metadata or {}).items()},
    )


def enter(catalogue: Catalogue, *series: tuple[str, Tags]) -> list[int]:
    ids: list[int] = catalogue.resolve(batch(*series)).tolist()
    return ids


@given(series_sets)
def test_a_series_has_one_id_however_often_it_is_seen(series: list[tuple[str, Tags]]) -> None:
    catalogue = Catalogue()
    ids = enter(catalogue, *series)
    assert enter(catalogue, *series) == ids
    assert sorted(set(ids)) == list(range(len(catalogue.keys)))
    for number, (name, tags) in zip(ids, series, strict=True):
        assert catalogue.keys[number] == SeriesKey.of(name, tags)
        assert number in catalogue.metrics[name].series
        assert all(tags[key] in catalogue.metrics[name].tags[key] for key in tags)


@given(
    series_sets,
    names,
    st.dictionaries(
        st.sampled_from(["host", "core", "no"]), st.lists(st.sampled_from(["", "1", "2"]))
    ),
    st.lists(st.sampled_from(["host", "core", "no"]), unique=True),
)
def test_a_selection_is_what_plain_python_says(
    series: list[tuple[str, Tags]], name: str, filters: dict[str, list[str]], group_by: list[str]
) -> None:
    catalogue = Catalogue()
    ids = enter(catalogue, *series)
    expected = {
        number: {key: tags.get(key, "") for key in group_by}
        for number, (owner, tags) in zip(ids, series, strict=True)
        if owner == name and all(tags.get(key, "") in filters[key] for key in filters)
    }
    selected = catalogue.select(name, filters, group_by)
    assert selected.series.tolist() == sorted(expected)
    groups = {n: selected.tags[g] for n, g in zip(selected.series, selected.group, strict=True)}
    assert groups == expected
    ordered = [tuple(group.values()) for group in selected.tags]
    assert ordered == sorted(set(ordered))


@given(series_sets, names, st.lists(st.integers(0, 15)))
def test_groups_of_any_rows(series: list[tuple[str, Tags]], name: str, rows: list[int]) -> None:
    catalogue = Catalogue()
    enter(catalogue, *series)
    selected = catalogue.select(name, {}, ["host"])
    chosen, groups = selected.groups_of(np.array(rows, np.int64))
    known = dict(zip(selected.series.tolist(), selected.group.tolist(), strict=True))
    assert chosen.tolist() == [row in known for row in rows]
    assert groups.tolist() == [known[row] for row in rows if row in known]


def test_a_metric_has_its_first_type() -> None:
    catalogue = Catalogue()
    assert catalogue.type_for("new", None) is GAUGE
    assert catalogue.type_for("new", COUNTER) is GAUGE
    assert catalogue.type_for("other", COUNTER) is COUNTER
    catalogue.resolve(batch(("a", {}), kind=COUNTER))
    catalogue.resolve(batch(("a", {"k": "v"}), kind=GAUGE))
    assert catalogue.metrics["a"].type is COUNTER
    assert catalogue.type_for("a", None) is COUNTER


def test_first_and_last_seen_are_of_the_rows() -> None:
    catalogue = Catalogue()
    catalogue.resolve(batch(("a", {}), ("a", {"k": "v"}), ("b", {}), times=[500, 300, 7]))
    catalogue.resolve(batch(("a", {}), times=[400]))
    assert (catalogue.metrics["a"].first_seen, catalogue.metrics["a"].last_seen) == (300, 500)
    assert (catalogue.metrics["b"].first_seen, catalogue.metrics["b"].last_seen) == (7, 7)
    catalogue.resolve(batch(("a", {}), times=[1]))
    assert (catalogue.metrics["a"].first_seen, catalogue.metrics["a"].last_seen) == (1, 500)


def test_metadata_adds_up() -> None:
    catalogue = Catalogue()
    catalogue.resolve(batch(("a", {}), metadata={"a": {"unit": "s", "help": "x"}}))
    catalogue.resolve(batch(("a", {}), metadata={"a": {"unit": "ms"}, "unknown": {"unit": "s"}}))
    assert catalogue.metrics["a"].metadata == {"unit": "ms", "help": "x"}
    assert set(catalogue.metrics) == {"a"}


def test_search_is_blind_to_case_and_sorted() -> None:
    catalogue = Catalogue()
    enter(catalogue, ("Disk.Read", {}), ("cpu", {}), ("disk.write", {}))
    assert [m.name for m in catalogue.search("DISK")] == ["Disk.Read", "disk.write"]
    assert [m.name for m in catalogue.search("")] == ["Disk.Read", "cpu", "disk.write"]
    assert catalogue.search("no") == []


def test_the_revision_moves_with_everything_but_last_seen() -> None:
    catalogue = Catalogue()
    enter(catalogue, ("a", {}), ("b", {}))
    seen = catalogue.revision
    catalogue.resolve(batch(("a", {}), times=[900]))
    assert (catalogue.revision, catalogue.changed_since(seen)) == (seen, [])
    enter(catalogue, ("b", {"k": "v"}))
    assert [m.name for m in catalogue.changed_since(seen)] == ["b"]
    seen = catalogue.revision
    catalogue.resolve(batch(("a", {}), metadata={"a": {"unit": "s"}}))
    assert [m.name for m in catalogue.changed_since(seen)] == ["a"]
    catalogue.resolve(batch(("a", {}), metadata={"a": {"unit": "s"}}))
    assert catalogue.revision == catalogue.metrics["a"].revision


def test_what_is_new_is_to_be_saved_once() -> None:
    catalogue = Catalogue()
    enter(catalogue, ("b", {}), ("a", {}), ("a", {"k": "v"}))
    metrics, series = catalogue.take_unsaved(with_seen=False)
    assert [metric.name for metric in metrics] == ["a", "b"]
    assert sorted(new.id for new in series) == [0, 1, 2]
    assert catalogue.take_unsaved(with_seen=False) == ([], [])


def test_what_only_was_seen_is_saved_when_asked_for() -> None:
    catalogue = Catalogue()
    enter(catalogue, ("a", {}), ("b", {}))
    catalogue.take_unsaved(with_seen=True)
    catalogue.resolve(batch(("a", {}), times=[900]))
    assert catalogue.take_unsaved(with_seen=False) == ([], [])
    metrics, series = catalogue.take_unsaved(with_seen=True)
    assert [(metric.name, metric.last_seen) for metric in metrics] == [("a", 900)]
    assert series == []


@given(series_sets, series_sets)
def test_a_restored_catalogue_goes_on_where_it_was(
    before: list[tuple[str, Tags]], after: list[tuple[str, Tags]]
) -> None:
    catalogue, restored = Catalogue(), Catalogue()
    enter(catalogue, *before)
    metrics, series = catalogue.take_unsaved(with_seen=True)
    for metric in metrics:
        bare = Metric(metric.name, metric.type, metric.first_seen, metric.last_seen)
        restored.restore(bare, [new for new in series if new.key.name == metric.name])
    assert restored.keys == catalogue.keys
    assert enter(restored, *after) == enter(catalogue, *after)
    for name, metric in catalogue.metrics.items():
        assert sorted(restored.metrics[name].series) == sorted(metric.series)
        assert restored.metrics[name].tags == metric.tags


def test_series_restored_in_any_order_keep_their_ids() -> None:
    catalogue = Catalogue()
    stored = [NewSeries(2, SeriesKey.of("a", {"k": "2"})), NewSeries(0, SeriesKey.of("a", {}))]
    catalogue.restore(Metric("a", COUNTER, 1, 2), stored)
    assert enter(catalogue, ("a", {"k": "2"}), ("a", {}), ("a", {"k": "new"})) == [2, 0, 3]
    assert catalogue.type_for("a", GAUGE) is COUNTER
    assert [new.id for new in catalogue.take_unsaved(with_seen=False)[1]] == [3]


def test_a_batch_without_rows_enters_nothing() -> None:
    catalogue = Catalogue()
    assert len(catalogue.resolve(batch())) == 0
    assert catalogue.metrics == {}
