from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from nowline.collect.exposition import NotMetricsError, Page, PageReader
from nowline.model.series import MetricType

NOW = 1_700_000_000_000
GAUGE, CUMULATIVE = MetricType.GAUGE, MetricType.CUMULATIVE
Sample = tuple[str, dict[str, str], float, int]

# The example of https://prometheus.io/docs/instrumenting/exposition_formats/, some buckets fewer.
PROMETHEUS = r"""# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="0.1"} 33444
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# Finally a summary, which has a complex representation, too:
# HELP rpc_duration_seconds A summary of the RPC duration in seconds.
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102
rpc_duration_seconds{quantile="0.99"} 76656
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
"""  # noqa: E501

# Examples of the OpenMetrics 1.0 specification, their families renamed so that they fit together.
OPENMETRICS = """# TYPE acme_http_router_request_seconds summary
# UNIT acme_http_router_request_seconds seconds
# HELP acme_http_router_request_seconds Latency though all of ACME's HTTP request router.
acme_http_router_request_seconds_sum{path="/api/v1",method="GET"} 9036.32
acme_http_router_request_seconds_count{path="/api/v1",method="GET"} 807283.0
acme_http_router_request_seconds_created{path="/api/v1",method="GET"} 1605281325.0
# TYPE go_goroutines gauge
# HELP go_goroutines Number of goroutines that currently exist.
go_goroutines 69
# TYPE process_cpu_seconds counter
# UNIT process_cpu_seconds seconds
# HELP process_cpu_seconds Total user and system CPU time spent in seconds.
process_cpu_seconds_total 4.20072246e+06
# TYPE foo counter
foo_total 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67
# TYPE bar histogram
bar_bucket{le="0.01"} 0
bar_bucket{le="0.1"} 8 # {} 0.054
bar_bucket{le="1"} 11 # {trace_id="KOO5S4vxi0o"} 0.67
bar_bucket{le="+Inf"} 17 # {trace_id="oHg5SJYRHA0"} 9.8 1520879607.789
bar_count 17
bar_sum 324789.3
bar_created  1520430000.123
# TYPE baz gaugehistogram
baz_bucket{le="0.01"} 20.0
baz_bucket{le="+Inf"} 42.0
baz_gcount 42.0
baz_gsum 3289.3
baz_created  1520430000.123
# TYPE qux info
qux_info{entity="controller",name="pretty name",version="8.2.7"} 1.0
# TYPE lamp stateset
lamp{lamp="a"} 1.0
lamp{lamp="bb"} 0.0
# TYPE what unknown
# HELP what Use \\n a backslash \\\\ and \\"quotes\\"
what 42.0 123.5
# EOF
"""


def read(text: str | bytes, *, openmetrics: bool = False, reader: PageReader | None = None) -> Page:
    body = text.encode() if isinstance(text, str) else text
    return (reader or PageReader({})).read(body, NOW, is_openmetrics=openmetrics)


def samples(page: Page) -> list[Sample]:
    columns = page.columns
    labels = [columns.labels[at] for at in columns.label.tolist()]
    return [
        (label.name, label.tags, value, time)
        for label, value, time in zip(
            labels, columns.value.tolist(), columns.time.tolist(), strict=True
        )
    ]


def types(page: Page) -> dict[str, MetricType | None]:
    return {label.name: label.type for label in page.columns.labels}


def test_the_example_of_the_text_format() -> None:
    page = read(PROMETHEUS)
    file = {"path": "C:\\DIR\\FILE.TXT", "error": 'Cannot find file:\n"FILE.TXT"'}
    duration = "http_request_duration_seconds"
    assert samples(page) == [
        ("http_requests_total", {"method": "post", "code": "200"}, 1027, 1395066363000),
        ("http_requests_total", {"method": "post", "code": "400"}, 3, 1395066363000),
        ("msdos_file_access_time_seconds", file, 1.458255915e9, NOW),
        ("metric_without_timestamp_and_labels", {}, 12.47, NOW),
        (f"{duration}_bucket", {"le": "0.05"}, 24054, NOW),
        (f"{duration}_bucket", {"le": "0.1"}, 33444, NOW),
        (f"{duration}_bucket", {"le": "+Inf"}, 144320, NOW),
        (f"{duration}_sum", {}, 53423, NOW),
        (f"{duration}_count", {}, 144320, NOW),
        ("rpc_duration_seconds", {"quantile": "0.01"}, 3102, NOW),
        ("rpc_duration_seconds", {"quantile": "0.99"}, 76656, NOW),
        ("rpc_duration_seconds_sum", {}, 1.7560473e07, NOW),
        ("rpc_duration_seconds_count", {}, 2693, NOW),
    ]
    assert (page.samples, page.not_finite, page.malformed) == (14, 1, 0)
    assert types(page) == {
        "http_requests_total": CUMULATIVE,
        "msdos_file_access_time_seconds": GAUGE,
        "metric_without_timestamp_and_labels": GAUGE,
        f"{duration}_bucket": CUMULATIVE,
        f"{duration}_sum": CUMULATIVE,
        f"{duration}_count": CUMULATIVE,
        "rpc_duration_seconds": GAUGE,
        "rpc_duration_seconds_sum": CUMULATIVE,
        "rpc_duration_seconds_count": CUMULATIVE,
    }


def test_the_examples_of_openmetrics() -> None:
    page = read(OPENMETRICS, openmetrics=True)
    request = {"path": "/api/v1", "method": "GET"}
    info = {"entity": "controller", "name": "pretty name", "version": "8.2.7"}
    assert samples(page) == [
        ("acme_http_router_request_seconds_sum", request, 9036.32, NOW),
        ("acme_http_router_request_seconds_count", request, 807283.0, NOW),
        ("go_goroutines", {}, 69, NOW),
        ("process_cpu_seconds_total", {}, 4.20072246e06, NOW),
        ("foo_total", {}, 17.0, 1520879607789),
        ("bar_bucket", {"le": "0.01"}, 0, NOW),
        ("bar_bucket", {"le": "0.1"}, 8, NOW),
        ("bar_bucket", {"le": "1"}, 11, NOW),
        ("bar_bucket", {"le": "+Inf"}, 17, NOW),
        ("bar_count", {}, 17, NOW),
        ("bar_sum", {}, 324789.3, NOW),
        ("baz_bucket", {"le": "0.01"}, 20.0, NOW),
        ("baz_bucket", {"le": "+Inf"}, 42.0, NOW),
        ("baz_gcount", {}, 42.0, NOW),
        ("baz_gsum", {}, 3289.3, NOW),
        ("qux_info", info, 1.0, NOW),
        ("lamp", {"lamp": "a"}, 1.0, NOW),
        ("lamp", {"lamp": "bb"}, 0.0, NOW),
        ("what", {}, 42.0, 123_500),
    ]
    assert page.malformed == 0
    cumulative = {name for name, kind in types(page).items() if kind is CUMULATIVE}
    assert cumulative == {
        *("acme_http_router_request_seconds_sum", "acme_http_router_request_seconds_count"),
        *("process_cpu_seconds_total", "foo_total", "bar_bucket", "bar_count", "bar_sum"),
    }


def test_metrics_are_described_once() -> None:
    reader = PageReader({})
    described = read(OPENMETRICS, openmetrics=True, reader=reader).columns.metadata
    assert json.loads(described["process_cpu_seconds_total"]) == {
        "unit": "seconds",
        "description": "Total user and system CPU time spent in seconds.",
    }
    assert json.loads(described["what"]) == {
        "description": 'Use \n a backslash \\ and "quotes"',
    }
    assert read(OPENMETRICS, openmetrics=True, reader=reader).columns.metadata == {}
    new = OPENMETRICS.replace("go_goroutines 69", "go_goroutines 69\ndisk_read_bytes_total 1")
    again = read(new, openmetrics=True, reader=reader).columns.metadata
    assert again == {"disk_read_bytes_total": b'{"unit":"bytes"}'}


@pytest.mark.parametrize("text", [PROMETHEUS, OPENMETRICS], ids=["prometheus", "openmetrics"])
def test_a_page_reads_the_same_from_memory(text: str) -> None:
    is_openmetrics = text is OPENMETRICS
    reader = PageReader({"job": "j"})
    first = read(text, openmetrics=is_openmetrics, reader=reader)
    for _ in range(2):
        again = read(text, openmetrics=is_openmetrics, reader=reader)
        assert samples(again) == samples(first)
        assert types(again) == types(first)
        assert (again.samples, again.not_finite) == (first.samples, first.not_finite)


def test_values_and_series_may_change_from_page_to_page() -> None:
    reader = PageReader({})
    read("a 1\nb 2\nc 3\n", reader=reader)
    page = read('b 5\nd{x="y"} 6\na 7 12000\n', reader=reader)
    assert samples(page) == [("b", {}, 5, NOW), ("d", {"x": "y"}, 6, NOW), ("a", {}, 7, 12000)]


def test_a_type_that_changes_is_seen() -> None:
    reader = PageReader({})
    assert types(read("x_sum 1\n", reader=reader)) == {"x_sum": CUMULATIVE}
    assert types(read("# TYPE x_sum gauge\nx_sum 1\n", reader=reader)) == {"x_sum": GAUGE}
    assert types(read("# TYPE x_sum counter\nx_sum 1\n", reader=reader)) == {"x_sum": CUMULATIVE}


@pytest.mark.parametrize(
    ("declared", "name", "kind"),
    [
        ("", "x", GAUGE),
        ("", "x_total", CUMULATIVE),
        ("# TYPE x untyped", "x", GAUGE),
        ("# TYPE x_bucket untyped", "x_bucket", CUMULATIVE),
        ("# TYPE x counter", "x", CUMULATIVE),
        ("# TYPE x_count gauge", "x_count", GAUGE),
        ("# TYPE x summary", "x", GAUGE),
        ("# TYPE x_created gauge", "x_created", GAUGE),
        ("# TYPE x gaugehistogram", "x_bucket", GAUGE),
    ],
)
def test_what_counts_as_a_running_total(declared: str, name: str, kind: MetricType) -> None:
    assert types(read(f"{declared}\n{name} 1\n")) == {name: kind}


def test_the_targets_tags_are_kept_apart_from_what_the_page_says() -> None:
    text = 'a{job="theirs",x="1",empty=""} 1\n'
    tags = {"job": "ours", "instance": "h:1"}
    (renamed,) = samples(read(text, reader=PageReader(tags)))
    assert renamed[1] == {"job": "ours", "instance": "h:1", "exported_job": "theirs", "x": "1"}
    (kept,) = samples(read(text, reader=PageReader(tags, honor_labels=True)))
    assert kept[1] == {"job": "theirs", "instance": "h:1", "x": "1"}


def test_times_of_the_page_may_be_ignored() -> None:
    (sample,) = samples(read("a 1 5000\n", reader=PageReader({}, honor_timestamps=False)))
    assert sample[3] == NOW


@pytest.mark.parametrize("value", ["NaN", "nan", "+Inf", "-Inf", "Inf", "1e999"])
def test_what_is_not_finite_is_left_out_and_counted(value: str) -> None:
    page = read(f"a {value}\nb 1\n")
    assert samples(page) == [("b", {}, 1, NOW)]
    assert (page.samples, page.not_finite, page.malformed) == (2, 1, 0)


@pytest.mark.parametrize(
    "line",
    [
        *("a", "a ", "1 2", "a b", "a 0x10", "a 1_0", "a \u0661", "a 1 x", "a 1 1.5", "a 1 2 3"),
        *('a{x="1} 1', "a{x=1} 1", 'a{x="1"y="2"} 1', 'a{x="1"', 'a{x="1",x="2"} 1', "a{,} 1"),
        *("a{} ", "a-b 1", '{x="1"} 1', 'a{1x="1"} 1', "a 1 9999999999999999999999", "a1.5"),
    ],
)
def test_a_malformed_line_is_left_out_and_counted(line: str) -> None:
    page = read(f"before 1\n{line}\nafter 2\n")
    assert samples(page) == [("before", {}, 1, NOW), ("after", {}, 2, NOW)]
    assert page.malformed == 1
    assert page.first_malformed is not None
    assert line[:5].strip() in page.first_malformed


@pytest.mark.parametrize(
    "line",
    [
        *(
            'a{x="1"} 2',
            'a{x="1",} 2',
            'a{ x = "1" } 2',
            'a{x="1"}2',
            '  a {x="1"}\t2 ',
            'a{x="1"} 2\r',
        ),
        *('a{x="1"} +2.', 'a{x="1"} 0.2e1', 'a{x="1"} 2 # {y="} 3"} 4', 'a{x="1"} 2 ' + str(NOW)),
    ],
)
def test_ways_to_write_one_sample(line: str) -> None:
    reader = PageReader({})
    for _ in range(2):
        assert samples(read(line, reader=reader)) == [("a", {"x": "1"}, 2, NOW)]


def test_a_sample_that_is_there_twice_counts_once() -> None:
    page = read("a 1\na 2\na 1 5000\na 2 6000\n")
    assert [sample[2:] for sample in samples(page)] == [(1, NOW), (1, 5000), (2, 6000)]
    assert (page.malformed, page.first_malformed) == (1, "a 2")


def test_a_line_that_is_not_utf8_is_left_out() -> None:
    page = read(b'a{x="\xff"} 1\nb{x="\xc3\xa9"} 2\n')
    assert samples(page) == [("b", {"x": "é"}, 2, NOW)]
    assert page.malformed == 1


def test_a_page_without_samples_is_one() -> None:
    assert samples(read("")) == []
    assert samples(read("# EOF\n", openmetrics=True)) == []


@pytest.mark.parametrize(
    ("text", "openmetrics", "message"),
    [
        ("<html>\n<body>no</body>", False, "the page has no metrics; it begins '<html>'"),
        ("a 1\n", True, "the page has no # EOF, so a part of it may be missing"),
        ("a 1\n" + 'b{x="1"} 1\n' * 3, False, "the page has 4 samples; the limit is 3"),
    ],
)
def test_what_is_no_page_is_refused(text: str, openmetrics: bool, message: str) -> None:
    reader = PageReader({}, most_samples=3)
    with pytest.raises(NotMetricsError) as caught:
        read(text, openmetrics=openmetrics, reader=reader)
    assert str(caught.value) == message
    assert len(samples(read("a 1\nb 1\nc 1\n", reader=reader))) == 3


def test_what_the_common_client_writes() -> None:
    registry = CollectorRegistry()
    requests = Counter("requests", "Requests.", ["route"], registry=registry)
    requests.labels('/a"b\\c\nd').inc(3)
    Gauge("temperature", "How warm.", registry=registry).set(-1.5)
    Histogram("size", "How big.", registry=registry, buckets=(1, 2)).observe(1.5)
    Summary("took", "How long.", registry=registry).observe(0.25)
    for text, openmetrics in (
        (generate_latest(registry), False),
        (generate_openmetrics(registry), True),  # type: ignore[no-untyped-call]
    ):
        found = {
            (name, *sorted(tags.items())): value
            for name, tags, value, _ in samples(read(text, openmetrics=openmetrics))
            if not name.endswith("_created")
        }
        assert found == {
            ("requests_total", ("route", '/a"b\\c\nd')): 3,
            ("temperature",): -1.5,
            ("size_bucket", ("le", "1.0")): 0,
            ("size_bucket", ("le", "2.0")): 1,
            ("size_bucket", ("le", "+Inf")): 1,
            ("size_count",): 1,
            ("size_sum",): 1.5,
            ("took_count",): 1,
            ("took_sum",): 0.25,
        }


NAMES = st.from_regex(r"[a-z_:][a-z0-9_:]{0,6}", fullmatch=True)
LABELS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,4}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
    max_size=3,
)
ROWS = st.lists(
    st.tuples(NAMES, LABELS, st.floats(), st.none() | st.integers(0, 2**45)),
    max_size=8,
    unique_by=lambda row: (row[0], tuple(sorted(row[1].items())), row[3]),
)


def written(rows: list[tuple[str, dict[str, str], float, int | None]]) -> str:
    return "".join(
        f"{name}{braces(labels)} {value!r}{'' if time is None else f' {time}'}\n"
        for name, labels, value, time in rows
    )


def braces(labels: dict[str, str]) -> str:
    def quoted(text: str) -> str:
        return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    pairs = ",".join(f'{name}="{quoted(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}"


@given(ROWS, ROWS)
def test_what_is_written_is_read(
    rows: list[tuple[str, dict[str, str], float, int | None]],
    later: list[tuple[str, dict[str, str], float, int | None]],
) -> None:
    reader = PageReader({})
    for page_rows in (rows, later, later + rows):
        unique = list({(r[0], braces(r[1]), r[3]): r for r in reversed(page_rows)}.values())
        page = read(written(unique), reader=reader)
        assert samples(page) == [
            (name, labels, value, NOW if time is None else time)
            for name, labels, value, time in unique
            if math.isfinite(value)
        ]
        assert page.malformed == 0


@given(ROWS)
def test_the_reference_parser_reads_the_same(
    rows: list[tuple[str, dict[str, str], float, int | None]],
) -> None:
    text = written(rows)
    reference = [
        (s.name, s.labels, s.value)
        for family in text_string_to_metric_families(text)
        for s in family.samples
    ]
    ours = [sample[:3] for sample in samples(read(text))]
    assert ours == [sample for sample in reference if math.isfinite(sample[2])]


@given(
    st.lists(st.binary(max_size=60) | st.sampled_from(PROMETHEUS.encode().split(b"\n"))),
    st.booleans(),
)
@example([b'a{x="' + b"\\" * 5000], False)
@example([b"a{" + b'x="y",' * 5000], False)
@example([b"a" * 5000 + b" " * 5000], False)
def test_any_bytes_are_read_or_refused(lines: list[bytes], openmetrics: bool) -> None:
    body = b"\n".join(lines)
    reader = PageReader({"job": "j"})
    outcomes = []
    for _ in range(2):
        try:
            page = read(body, openmetrics=openmetrics, reader=reader)
        except NotMetricsError as error:
            outcomes.append(str(error))
        else:
            assert all(math.isfinite(value) for value in page.columns.value.tolist())
            outcomes.append(repr((samples(page), page.samples, page.malformed)))
    assert outcomes[0] == outcomes[1]
