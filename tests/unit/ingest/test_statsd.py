"""StatsD and DogStatsD: what lines say, and what is gathered of many."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.ingest import statsd as statsd_module
from nowline.ingest.columns import Columns
from nowline.ingest.statsd import Statsd
from nowline.model.series import MetricType

NOW = 1_800_000_000_000
COUNTER, GAUGE = MetricType.COUNTER, MetricType.GAUGE
DISTRIBUTION = MetricType.DISTRIBUTION
Row = tuple[str, MetricType | None, dict[str, str], int, float]


def rows(columns: Columns) -> list[Row]:
    labels = [columns.labels[at] for at in columns.label.tolist()]
    cells = zip(labels, columns.time.tolist(), columns.value.tolist(), strict=True)
    return [(own.name, own.type, own.tags, *cell) for own, *cell in cells]


def gathered(*datagrams: str) -> list[Row]:
    statsd = Statsd()
    for datagram in datagrams:
        statsd.add(datagram.encode())
    assert (statsd.malformed, statsd.dropped) == (0, 0)
    return rows(statsd.take(NOW))


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("gorets:1|c", ("gorets", COUNTER, {}, NOW, 1)),
        ("gorets:1|c|@0.1", ("gorets", COUNTER, {}, NOW, 10)),
        ("gorets:-3|c", ("gorets", COUNTER, {}, NOW, -3)),
        ("glork:320|ms", ("glork", DISTRIBUTION, {}, NOW, 320)),
        ("gaugor:333|g", ("gaugor", GAUGE, {}, NOW, 333)),
        ("fuel.level:0.5|g", ("fuel.level", GAUGE, {}, NOW, 0.5)),
        ("page.views:1|c|#country:china", ("page.views", COUNTER, {"country": "china"}, NOW, 1)),
        (
            "users.online:1|c|@0.5|#country:china,environment:production",
            ("users.online", COUNTER, {"country": "china", "environment": "production"}, NOW, 2),
        ),
        ("song.length:240|h|@0.5|#a", ("song.length", DISTRIBUTION, {"a": "true"}, NOW, 240)),
        ("file:1|d|#path:c:/x,,é:è", ("file", DISTRIBUTION, {"path": "c:/x", "é": "è"}, NOW, 1)),
        ("views:15|c|#env:dev|T1656581400", ("views", COUNTER, {"env": "dev"}, 1656581400000, 15)),
        ("a:1|c|c:83c0a99c0a54|e:it-false,cn-x|card:low", ("a", COUNTER, {}, NOW, 1)),
        (" a:1|c \r", ("a", COUNTER, {}, NOW, 1)),
    ],
)  # fmt: skip
def test_a_line(line: str, row: Row) -> None:
    found = gathered(line)
    assert found == [row] * (2 if "song" in line else 1)


def test_counters_add_up_and_gauges_tell_their_last_level() -> None:
    assert gathered("a:1|c\nb:5|g\na:2|c|@0.5\n", "a:1|c|#x:y\nb:7|g", "a:1:2:3|c") == [
        ("a", COUNTER, {}, NOW, 11),
        ("a", COUNTER, {"x": "y"}, NOW, 1),
        ("b", GAUGE, {}, NOW, 7),
    ]


def test_each_observation_is_a_row() -> None:
    assert [row[4] for row in gathered("d:1:2:3|d", "d:4|d\nd:4|ms")] == [1, 2, 3, 4, 4]


@pytest.mark.parametrize(("rate", "sent"), [(0.1, 7), (0.3, 1000), (0.7, 1000), (1, 9)])
def test_observations_stand_for_those_that_were_not_sent(rate: float, sent: int) -> None:
    found = gathered(*[f"d:1|d|@{rate}"] * sent)
    assert len(found) == pytest.approx(sent / rate, abs=1)


def test_a_sign_changes_a_gauge() -> None:
    statsd = Statsd()
    statsd.add(b"g:333|g\ng:-10|g\ng:+4|g")
    assert rows(statsd.take(NOW)) == [("g", GAUGE, {}, NOW, 327)]
    statsd.add(b"g:-27|g\nnew:+5|g\nother:-5|g")
    assert [row[4] for row in rows(statsd.take(NOW + 1))] == [300, 5, -5]
    statsd.add(b"g:0|g\ng:-7|g")
    assert [row[4] for row in rows(statsd.take(NOW + 2))] == [-7]


def test_nothing_came_in() -> None:
    assert len(Statsd().take(NOW).time) == 0


def test_one_name_of_two_types_stays_apart() -> None:
    assert [row[1] for row in gathered("a:1|c", "a:1|g", "a:1|d")] == [COUNTER, GAUGE, DISTRIBUTION]


@pytest.mark.parametrize(
    "line",
    [
        "a", "a:1", "a:|c", ":1|c", "a:1|", "a:1|x", "a:765|s", "a:x|c", "a:1_0|c", "a:nan|g",
        "a:inf|g", "a:1e999|g", "a:1:x|d", "a:1|c|@0", "a:1|c|@2", "a:1|c|@x", "a:1|d|@0.000001",
        "a:1|c|Tx", "a:1|c|T-5", "a:1|c|#:v", f"{'n' * 256}:1|c", f"a:1|c|#k:{'v' * 1025}",
        "_e{5,4}:title|text|#a:b", "_sc|name|0", "a|c", "\xff",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_counted_and_spoils_nothing(line: str) -> None:
    statsd = Statsd()
    statsd.add(b"good:1|c\n" + line.encode("latin-1") + b"\ngood:1|c")
    assert (statsd.lines, statsd.malformed, statsd.dropped) == (3, 1, 0)
    assert rows(statsd.take(NOW)) == [("good", COUNTER, {}, NOW, 2)]


def test_sums_beyond_all_numbers_are_dropped_and_counted() -> None:
    statsd = Statsd()
    statsd.add(b"a:1e308|c\na:1e308|c\ng:1e308|g\ng:+1e308|g\nb:1|c")
    assert rows(statsd.take(NOW)) == [("b", COUNTER, {}, NOW, 1)]
    assert statsd.dropped == 2


def test_what_is_too_much_is_dropped_and_counted() -> None:
    statsd = Statsd(most_rows=3)
    statsd.add(b"d:1|d\nd:2|d\na:1|c\nd:4|d\nb:1|c\na:5|c")
    assert statsd.dropped == 3
    assert len(statsd.take(NOW).time) == 3
    statsd.add(b"d:4|d")
    assert len(statsd.take(NOW).time) == 1


@pytest.mark.parametrize("kind", ["ms", "h", "d"])
def test_one_line_makes_no_more_rows_than_there_may_be(kind: str) -> None:
    statsd = Statsd(most_rows=25_000)
    statsd.add(f"a{':1' * 3}|{kind}|@0.0001\nb:1:1|{kind}|@0.0001\nc:1|{kind}|@0.0001".encode())
    assert (statsd.lines, statsd.dropped, statsd.malformed) == (3, 2, 0)
    assert {row[0] for row in rows(statsd.take(NOW))} == {"b"}
    statsd.add(f"a{':1' * 32_000}|{kind}|@0.0001\nb:1|c|@0.0001".encode())
    assert len(statsd.take(NOW).time) == 1
    assert statsd.dropped == 3


def test_meanings_of_long_lines_take_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statsd_module, "_MOST_MEANING_BYTES", 1 << 20)
    statsd = Statsd()
    tags = ",".join(f"t{at}:{'v' * 900}" for at in range(30))
    tracemalloc.start()
    try:
        for at in range(400):
            statsd.add(b"a:1|c|%d" % at + b"x" * 60_000)
            statsd.add(b"x" * 60_000 + b"%d:1|c" % at)
            statsd.add(f"a:1|c|#{tags}|c:{at}".encode())
        assert tracemalloc.get_traced_memory()[0] < 4 << 20
    finally:
        tracemalloc.stop()
    assert statsd.malformed == 400
    assert sum(row[4] for row in rows(statsd.take(NOW))) == 800


def test_labels_that_wait_take_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statsd_module, "_MOST_GATHERED_BYTES", 1 << 20)
    statsd = Statsd()
    tags = ",".join(f"t{at}:{'v' * 900}" for at in range(30))
    for at in range(100):
        statsd.add(f"a{at}:1|c|#{tags}".encode())
    assert statsd.dropped > 0
    assert len(rows(statsd.take(NOW))) == 100 - statsd.dropped
    statsd.add(b"a:1|c")
    assert len(rows(statsd.take(NOW))) == 1


def test_of_too_many_gauges_the_oldest_begin_anew() -> None:
    statsd = Statsd(most_series=2)
    for name in "abca":
        statsd.add(f"{name}:+1|g".encode())
    assert [row[4] for row in rows(statsd.take(NOW))] == [1, 1, 1]


def test_of_gauges_with_long_tags_the_oldest_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statsd_module, "_MOST_LEVEL_BYTES", 2500)
    statsd = Statsd()
    for name in "abcab":
        statsd.add(f"{name}:+1|g|#k:{'v' * 1000}\ns:+1|g".encode())
    found = rows(statsd.take(NOW))
    assert {row[0]: row[4] for row in found} == {"a": 1, "b": 1, "c": 1, "s": 5}


NAMES = st.sampled_from(["a", "b.c", "d"])
LINES = st.tuples(NAMES, st.integers(-1000, 1000), st.sampled_from(["c", "g", "d"]))


@given(st.lists(st.lists(LINES, max_size=5), max_size=6))
def test_what_was_sent_is_what_is_gathered(datagrams: list[list[tuple[str, int, str]]]) -> None:
    sent = [line for datagram in datagrams for line in datagram]
    # Without a sign a gauge is set.
    texts = ["\n".join(f"{n}:{abs(v)}|{t}" for n, v, t in datagram) for datagram in datagrams]
    found = gathered(*texts)
    values = {(row[0], row[1]): row[4] for row in found if row[1] is not DISTRIBUTION}
    for name in {name for name, _, _ in sent}:
        counted = [abs(value) for n, value, kind in sent if (n, kind) == (name, "c")]
        levels = [abs(value) for n, value, kind in sent if (n, kind) == (name, "g")]
        observed = [abs(value) for n, value, kind in sent if (n, kind) == (name, "d")]
        assert values.get((name, COUNTER)) == (sum(counted) if counted else None)
        assert values.get((name, GAUGE)) == (levels[-1] if levels else None)
        assert [r[4] for r in found if r[:2] == (name, DISTRIBUTION)] == observed


@given(st.binary(max_size=60) | st.text("a:1|c@#+-.\n", max_size=40).map(str.encode))
def test_any_bytes_are_read_or_counted(datagram: bytes) -> None:
    statsd = Statsd()
    statsd.add(datagram)
    columns = statsd.take(NOW)
    assert np.isfinite(columns.value).all()
    assert not any(math.isnan(value) for value in columns.value.tolist())
    assert statsd.malformed <= statsd.lines
