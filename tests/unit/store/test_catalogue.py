"""The catalogue: ids, first types, tags, what a query selects, and what is still to be saved."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowline.model.batch import Batch
from nowline.model.series import MetricType, SeriesKey
from nowline.store.catalogue import Catalogue, Limits, Metric, NewSeries

Tags = dict[str, str]
GAUGE, COUNTER, CUMULATIVE = MetricType.GAUGE, MetricType.COUNTER, MetricType.CUMULATIVE

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


def enter(catalogue: Catalogue, *series: tuple[str, Tags], kind: MetricType = GAUGE) -> list[int]:
    ids: list[int] = catalogue.resolve(batch(*series, kind=kind)).tolist()
    return ids


def tag_values(metric: Metric) -> dict[str, set[str]]:
    return {key: set(values) for key, values in metric.tags.items()}


def again(catalogue: Catalogue, order: list[int] | None = None) -> Catalogue:
    """What a server makes of what this one had the store write."""
    restored = Catalogue(catalogue.limits)
    metrics, series = catalogue.take_unsaved(with_seen=True)
    for metric in metrics:
        of_metric = [new for new in series if new.key.name == metric.name]
        of_metric = [of_metric[at] for at in order] if order else of_metric
        bare = Metric(metric.name, metric.type, metric.first_seen, metric.last_seen)
        restored.restore(bare, of_metric)
    return restored


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


def test_metadata_adds_up_to_so_much_only() -> None:
    catalogue = Catalogue()
    for number in range(100):
        catalogue.resolve(batch(("a", {}), metadata={"a": {f"k{number}": "x" * 1000}}))
    catalogue.resolve(batch(("a", {}), metadata={"a": {"huge": "x" * 20_000}}))
    described = catalogue.metrics["a"].metadata
    assert list(described) == [f"k{number}" for number in range(16)]
    catalogue.resolve(batch(("a", {}), metadata={"a": {"k0": "s"}}))
    assert catalogue.metrics["a"].metadata == described | {"k0": "s"}


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
    catalogue = Catalogue()
    enter(catalogue, *before)
    restored = again(catalogue)
    assert restored.keys == catalogue.keys
    assert enter(restored, *after) == enter(catalogue, *after)
    for name, metric in catalogue.metrics.items():
        assert sorted(restored.metrics[name].series) == sorted(metric.series)
        assert tag_values(restored.metrics[name]) == tag_values(metric)


def test_series_restored_in_any_order_keep_their_ids() -> None:
    catalogue = Catalogue()
    stored = [
        NewSeries(2, SeriesKey.of("a", {"k": "2"}), COUNTER),
        NewSeries(0, SeriesKey.of("a", {}), COUNTER),
    ]
    catalogue.restore(Metric("a", COUNTER, 1, 2), stored)
    assert enter(catalogue, ("a", {"k": "2"}), ("a", {}), ("a", {"k": "new"})) == [2, 0, 3]
    assert catalogue.type_for("a", GAUGE) is COUNTER
    assert [new.id for new in catalogue.take_unsaved(with_seen=False)[1]] == [3]


def test_a_batch_without_rows_enters_nothing() -> None:
    catalogue = Catalogue()
    assert len(catalogue.resolve(batch())) == 0
    assert catalogue.metrics == {}


def test_a_cumulative_series_has_a_companion_that_nobody_sees() -> None:
    catalogue = Catalogue()
    ids = enter(catalogue, ("a", {"k": "1"}), ("a", {"k": "2"}), kind=CUMULATIVE)
    companions = catalogue.companion(np.array(ids)).tolist()
    assert len({*ids, *companions}) == 4
    metric = catalogue.metrics["a"]
    assert (metric.series, tag_values(metric)) == (ids, {"k": {"1", "2"}})
    assert (len(catalogue.metrics["a"].series), catalogue.series) == (2, 2)
    assert catalogue.select("a", {}, []).series.tolist() == ids
    assert catalogue.select("a", {"": ["increase"]}, []).series.tolist() == []
    by_tag = catalogue.select("a", {"k": ["2", "3"]}, ["k"], increases=True)
    assert (by_tag.series.tolist(), by_tag.tags) == (companions[1:], [{"k": "2"}])
    new = {each.id: each for each in catalogue.take_unsaved(with_seen=False)[1]}
    assert [new[n].type for n in (*ids, *companions)] == [CUMULATIVE] * 2 + [COUNTER] * 2
    assert new[companions[0]].key == SeriesKey.of("a", {"k": "1", "": "increase"})


def test_only_cumulative_series_have_companions() -> None:
    catalogue = Catalogue()
    ids = enter(catalogue, ("a", {}), ("b", {}), kind=COUNTER)
    assert catalogue.companion(np.array(ids)).tolist() == [-1, -1]
    assert catalogue.select("a", {}, [], increases=True).series.tolist() == []


@given(st.permutations(range(6)))
def test_companions_are_restored_in_any_order(order: list[int]) -> None:
    catalogue = Catalogue()
    series = [("a", {"k": str(number)}) for number in range(3)]
    ids = enter(catalogue, *series, kind=CUMULATIVE)
    restored = again(catalogue, order)
    assert enter(restored, *series) == ids
    known = catalogue.companion(np.array(ids)).tolist()
    assert restored.companion(np.array(ids)).tolist() == known
    assert sorted(restored.select("a", {}, [], increases=True).series) == sorted(known)
    assert len(restored.keys) == 6


def test_a_series_stored_without_a_companion_gets_one_with_the_next_rows() -> None:
    catalogue = Catalogue()
    key = SeriesKey.of("a", {"k": "1"})
    catalogue.restore(Metric("a", CUMULATIVE, 1, 2), [NewSeries(0, key, CUMULATIVE)])
    catalogue.restore(Metric("b", GAUGE, 1, 2), [NewSeries(1, SeriesKey.of("b", {}), GAUGE)])
    assert catalogue.select("a", {}, [], increases=True).series.tolist() == []
    enter(catalogue, ("b", {}))
    assert catalogue.select("a", {}, [], increases=True).series.tolist() == [2]
    assert catalogue.companion(np.array([0, 1])).tolist() == [2, -1]
    assert [new.id for new in catalogue.take_unsaved(with_seen=False)[1]] == [2]


def test_a_selection_asked_for_again_knows_the_series_that_came_since() -> None:
    catalogue = Catalogue()
    enter(catalogue, ("a", {"k": "1"}))
    assert catalogue.select("a", {}, ["k"]) is catalogue.select("a", {}, ["k"])
    enter(catalogue, ("a", {"k": "0"}))
    assert catalogue.select("a", {}, ["k"]).tags == [{"k": "0"}, {"k": "1"}]
    assert catalogue.select("a", {"k": ["1"]}, []).series.tolist() == [0]


def test_selections_are_not_kept_without_end() -> None:
    catalogue = Catalogue()
    enter(catalogue, ("a", {"k": "1"}))
    first = catalogue.select("a", {}, ["0"])
    for number in range(300):
        catalogue.select("a", {}, [str(number)])
    assert catalogue.select("a", {}, ["0"]) is not first
    assert catalogue.select("a", {}, ["299"]) is catalogue.select("a", {}, ["299"])


def numbered(name: str, *numbers: int) -> list[tuple[str, Tags]]:
    return [(name, {"k": str(number)}) for number in numbers]


def test_past_its_limit_a_metric_has_one_more_series() -> None:
    catalogue = Catalogue(Limits(series_per_metric=2))
    ids = enter(catalogue, *numbered("a", 0, 1, 2, 3), *numbered("b", 0))
    assert ids == [0, 1, 2, 2, 3]
    assert catalogue.keys[2] == SeriesKey.of("a", {"overflow": "true"})
    assert enter(catalogue, *numbered("a", 1, 9)) == [1, 2]
    metric = catalogue.metrics["a"]
    assert (metric.overflow, metric.series, catalogue.offenders()) == (2, [0, 1, 2], [metric])
    assert tag_values(metric) == {"k": {"0", "1"}, "overflow": {"true"}}
    assert catalogue.overflows(np.array(ids)).tolist() == [False, False, True, True, False]


def test_past_the_limit_in_total_each_metric_has_one_more_series() -> None:
    catalogue = Catalogue(Limits(series=2))
    assert enter(catalogue, *numbered("a", 0, 1, 2), *numbered("b", 0, 1)) == [0, 1, 2, 3, 3]
    assert enter(catalogue, *numbered("a", 1, 5), *numbered("c", 1)) == [1, 2, 4]
    assert [metric.name for metric in catalogue.offenders()] == ["a", "b", "c"]


def test_nothing_is_kept_of_the_series_that_are_refused() -> None:
    catalogue = Catalogue(Limits(series_per_metric=2))
    enter(catalogue, *numbered("a", *range(100)), kind=CUMULATIVE)
    kept = (len(catalogue.keys), len(catalogue._ids), catalogue.revision)
    enter(catalogue, *numbered("a", *range(100, 1_000)))
    assert (len(catalogue.keys), len(catalogue._ids), catalogue.revision) == kept
    assert kept[0] == 6


def test_rows_past_a_limit_are_counted_by_metric() -> None:
    catalogue = Catalogue(Limits(series_per_metric=1))
    ids = catalogue.resolve(batch(*numbered("a", 0, 1, 2), *numbered("b", 0, 1)))
    catalogue.count_overflow(ids)
    catalogue.count_overflow(ids[:2])
    assert {m.name: m.overflowed for m in catalogue.offenders()} == {"a": 3, "b": 1}


@given(st.lists(st.tuples(names, st.integers(0, 9)), max_size=40), st.data())
def test_which_series_are_refused_depends_on_the_log_alone(
    rows: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Two readers share the catalogue, and it is restored from any moment of the first one."""
    limits = Limits(series_per_metric=2, series=4)
    series = [(name, {"k": str(number)}) for name, number in rows]
    alone = Catalogue(limits)
    expected = [enter(alone, each)[0] for each in series]
    catalogue = Catalogue(limits)
    ahead = data.draw(st.integers(0, len(series)))
    for each in series[:ahead]:
        enter(catalogue, each)
    restored = again(catalogue)
    start = data.draw(st.integers(0, ahead))
    assert [enter(catalogue, each)[0] for each in series] == expected
    assert [enter(restored, each)[0] for each in series[start:]] == expected[start:]


def test_a_new_metric_is_admitted_while_there_is_room() -> None:
    catalogue = Catalogue(Limits(metrics=2))
    for name in ("a", "b"):
        assert catalogue.admits(name)
        catalogue.type_for(name, None)
    assert [catalogue.admits(name) for name in ("a", "b", "c")] == [True, True, False]
