"""What a `/metrics` page says: the Prometheus text format 0.0.4 and OpenMetrics 1.0. Pure.

Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0
specification. One grammar, the more lenient of the two, reads both; they differ in the unit of
timestamps, in how families are declared, and in the `# EOF` that only OpenMetrics has.

Nearly every line of a page begins as one of the page before did. What series that is, is
remembered by its text, so that only values are read again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowline.ingest.columns import Columns, Label
from nowline.model.partials import Ints
from nowline.model.series import MetricType

_COUNTED: Final = ("_total", "_bucket", "_count", "_sum")
_SUFFIXES: Final = (*_COUNTED, "_created", "_gcount", "_gsum", "_info")
_CUMULATIVE: Final = frozenset({"counter", "histogram", "summary"})
_UNTOLD: Final = frozenset({None, "untyped", "unknown"})
_UNITS: Final = ("bytes", "seconds")
# Far from what any clock says, and safe to convert.
_LATEST_MS: Final = 1e15
_END: Final = "# EOF"

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_PAIR = r'[ \t]*+{0}[a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*+=[ \t]*+"{0}[^"\\]*+(?:\\.[^"\\]*+)*+)"[ \t]*+'
_LABEL = re.compile(_PAIR.format("("), re.ASCII)
_ANY_LABEL = _PAIR.format("(?:")
_SAMPLE = re.compile(
    rf"({_NAME})(?:[ \t]*+\{{((?:{_ANY_LABEL},)*+(?:{_ANY_LABEL})?+[ \t]*+)\}}[ \t]*+|[ \t]++)"
    r"([^\s#]++)(?:[ \t]++([-+.0-9eE]++))?[ \t]*+(?:#[ \t].*)?",
    re.ASCII | re.DOTALL,
)
_COMMENT = re.compile(r"#[ \t]++(TYPE|HELP|UNIT)[ \t]++(\S++)[ \t]*+(.*)", re.DOTALL)
_NUMBER = re.compile(
    r"[-+]?(?:(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?|(?i:nan|inf(?:inity)?))"
)
_ESCAPED = re.compile(r'\\(["\\n])')


class NotMetricsError(Exception):
    """A page that is not what it should be, or not all of it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one reading of a page gave.

    Attributes:
        columns: Its samples; metrics are described the first time that they are seen.
        samples: How many lines have a sample or should, those left out included.
        not_finite: Samples left out because they are NaN or infinite.
        malformed: Lines left out: they are not of the format, or say a sample again.
        first_malformed: The first of them, cut short.
    """

    columns: Columns
    samples: int
    not_finite: int
    malformed: int
    first_malformed: str | None


@dataclass(slots=True)
class _Lines:
    """The samples of a page as they are found.

    Attributes:
        keys: For each, the text of its line that names the series.
        labels: For each, its series; None for what is left out on purpose.
        values: For each, the text of its value.
        times: Epoch milliseconds of those that have a time of their own, by place.
        families: What is said of each family: its type, help and unit, by that and its name.
        malformed: The lines that are not of the format.
        has_ended: Whether there was an `# EOF`.
    """

    keys: list[str] = field(default_factory=list)
    labels: list[Label | None] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    times: dict[int, int] = field(default_factory=dict)
    families: dict[tuple[str, str], str] = field(default_factory=dict)
    malformed: list[str] = field(default_factory=list)
    has_ended: bool = False


class PageReader:
    """Reads the pages of one target, one after the other.

    Args:
        tags: What every series of the target gets.
        honor_labels: Where a page says one of these tags itself, keep what the page says;
            otherwise that becomes `exported_<tag>`.
        honor_timestamps: Keep the times of the page; otherwise all is of when it was asked for.
        most_samples: How many samples a page may have.
    """

    def __init__(
        self,
        tags: Mapping[str, str],
        *,
        honor_labels: bool = False,
        honor_timestamps: bool = True,
        most_samples: int = 50_000,
    ) -> None:
        self._tags = dict(tags)
        self._honor_labels = honor_labels
        self._honor_timestamps = honor_timestamps
        self._most_samples = most_samples
        self._known: dict[str, Label | None] = {}
        self._families: dict[tuple[str, str], str] = {}
        self._described: set[str] = set()

    def read(self, body: bytes, time_ms: int, *, is_openmetrics: bool) -> Page:
        """The samples of a page.

        Args:
            body: The page, as sent.
            time_ms: When it was asked for: the time of samples without one.
            is_openmetrics: What the page says it is.

        Raises:
            NotMetricsError: There are lines but no sample, OpenMetrics without its end, or more
                samples than there may be.
        """
        lines = self._lines(body, is_openmetrics)
        if self._known and lines.families != self._families:
            # The types may have changed, on which depends what a series is.
            self._known = {}
            lines = self._lines(body, is_openmetrics)
        # What is not on this page any more is forgotten, and all of it if the page is refused.
        self._known = {}
        self._refuse_broken(lines, is_openmetrics)
        self._families = lines.families
        self._known = dict(zip(lines.keys, lines.labels, strict=True))
        return self._page(lines, time_ms)

    def _refuse_broken(self, lines: _Lines, is_openmetrics: bool) -> None:
        if lines.malformed and not lines.values:
            raise NotMetricsError(f"the page has no metrics; it begins {lines.malformed[0]!r}")
        if is_openmetrics and not lines.has_ended:
            raise NotMetricsError("the page has no # EOF, so a part of it may be missing")
        if len(lines.values) > self._most_samples:
            raise NotMetricsError(
                f"the page has {len(lines.values):,} samples; the limit is {self._most_samples:,}"
            )

    def _lines(self, body: bytes, is_openmetrics: bool) -> _Lines:
        found, known = _Lines(), self._known
        add_key, add_label, add_value = found.keys.append, found.labels.append, found.values.append
        for line in _text_lines(body, found.malformed):
            key, _, value = line.rpartition(" ")
            if key in known:
                add_key(key)
                add_label(known[key])
                add_value(value)
            else:
                self._read_other(line.strip(" \t\r"), found, is_openmetrics)
        return found

    def _read_other(self, line: str, found: _Lines, is_openmetrics: bool) -> None:
        """A line that is no sample of a known series with nothing but a value."""
        if line.startswith("#"):
            _read_comment(line, found)
        elif line:
            sample = _SAMPLE.fullmatch(line)
            if sample is None or not self._read_sample(sample, found, is_openmetrics):
                found.malformed.append(line[:80])

    def _read_sample(self, sample: re.Match[str], found: _Lines, is_openmetrics: bool) -> bool:
        """Add a sample; False if its labels or its time cannot be."""
        time_ms = _time_ms(sample[4], is_openmetrics)
        key = sample.string[: sample.start(3)].rstrip(" \t")
        if key not in self._known:
            tags = self._tags_of(sample[2])
            if tags is None:
                return False
            self._known[key] = _label(sample[1], tags, found.families, is_openmetrics)
        if time_ms is not None:
            if not abs(time_ms) < _LATEST_MS:
                return False
            if self._honor_timestamps:
                found.times[len(found.keys)] = round(time_ms)
        found.keys.append(key)
        found.labels.append(self._known[key])
        found.values.append(sample[3])
        return True

    def _tags_of(self, text: str | None) -> dict[str, str] | None:
        """The tags of a series, by what is between its braces; None if one is there twice."""
        pairs = _LABEL.findall(text or "")
        labels = {name: _unescaped(value) for name, value in pairs}
        if len(labels) < len(pairs):
            return None
        # To Prometheus an empty label is one that is not there.
        said = {name: value for name, value in labels.items() if value}
        if self._honor_labels:
            return {**self._tags, **said}
        renamed = {f"exported_{n}" if n in self._tags else n: value for n, value in said.items()}
        return {**renamed, **self._tags}

    def _page(self, lines: _Lines, time_ms: int) -> Page:
        value, is_number = _numbers(lines.values)
        is_new = _is_first(lines)
        wanted = np.array([label is not None for label in lines.labels], np.bool_)
        finite = np.isfinite(value)
        malformed = lines.malformed + [
            f"{lines.keys[at]} {lines.values[at]}"[:80]
            for at in np.flatnonzero(~(is_number & is_new)).tolist()
        ]
        keep = np.flatnonzero(wanted & finite & is_new)
        time = np.full(len(value), time_ms, np.int64)
        time[list(lines.times)] = list(lines.times.values())
        return Page(
            self._columns(lines, keep, time[keep], value[keep]),
            samples=len(value) + len(lines.malformed),
            not_finite=int((is_number & ~finite).sum()),
            malformed=len(malformed),
            first_malformed=malformed[0] if malformed else None,
        )

    def _columns(
        self, lines: _Lines, keep: Ints, time: Ints, value: NDArray[np.float64]
    ) -> Columns:
        labels = [label for at in keep.tolist() if (label := lines.labels[at]) is not None]
        place = np.arange(len(labels))
        columns = Columns(labels, place, time, value, place)
        for name in {label.name for label in labels} - self._described:
            self._described.add(name)
            columns.metadata[name] = _description(name, lines.families)
        return columns


def _text_lines(body: bytes, malformed: list[str]) -> Iterator[str]:
    """The lines of a page; those that are not UTF-8 are malformed."""
    try:
        yield from body.decode().split("\n")
    except UnicodeDecodeError:
        for line in body.split(b"\n"):
            try:
                yield line.decode()
            except UnicodeDecodeError:
                malformed.append(repr(line[:60]))


def _read_comment(line: str, found: _Lines) -> None:
    if line == _END:
        found.has_ended = True
    elif comment := _COMMENT.fullmatch(line):
        found.families.setdefault((comment[1], comment[2]), comment[3])


def _time_ms(text: str | None, is_openmetrics: bool) -> float | None:
    """A sample's time: whole milliseconds, in OpenMetrics seconds. NaN if it is neither."""
    if text is None:
        return None
    try:
        return float(text) * 1000 if is_openmetrics else int(text)
    except ValueError:
        return float("nan")


def _label(
    name: str, tags: dict[str, str], families: Mapping[tuple[str, str], str], is_openmetrics: bool
) -> Label | None:
    """The series of a sample; None for what only says when a series of OpenMetrics began."""
    family = _family(name, families)
    if is_openmetrics and name.endswith("_created") and family != name:
        return None
    kind = families.get(("TYPE", family))
    counted = name.endswith(_COUNTED)
    by_family = kind in _CUMULATIVE and (counted or kind == "counter")
    is_cumulative = counted if kind in _UNTOLD else by_family
    return Label(name, MetricType.CUMULATIVE if is_cumulative else MetricType.GAUGE, tags)


def _family(name: str, families: Mapping[tuple[str, str], str]) -> str:
    """The family that a sample belongs to: of its own name, or of that without its suffix."""
    if ("TYPE", name) in families:
        return name
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and ("TYPE", name.removesuffix(suffix)) in families:
            return name.removesuffix(suffix)
    return name


def _description(name: str, families: Mapping[tuple[str, str], str]) -> bytes:
    """What describes a metric, as JSON: its help, and its unit as said or as its name ends."""
    family = _family(name, families)
    about: dict[str, str] = {}
    base = name
    for suffix in _COUNTED:
        base = base.removesuffix(suffix)
    unit = families.get(("UNIT", family)) or base.rpartition("_")[2]
    if ("UNIT", family) in families or unit in _UNITS:
        about["unit"] = unit
    if text := families.get(("HELP", family)):
        about["description"] = _unescaped(text)
    return msgspec.json.encode(about)


def _unescaped(text: str) -> str:
    """A text with its escapes undone: of a backslash, a quote and a line feed; no others are."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


def _numbers(texts: list[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The values, and which of the texts are numbers; others are NaN."""
    everything = "".join(texts)
    # Both are numbers to Python only.
    if everything.isascii() and "_" not in everything:
        try:
            return np.array(list(map(float, texts)), np.float64), np.ones(len(texts), np.bool_)
        except ValueError:
            pass
    are = [_NUMBER.fullmatch(text.strip(" \t\r")) is not None for text in texts]
    values = [float(text) if good else np.nan for text, good in zip(texts, are, strict=True)]
    return np.array(values, np.float64), np.array(are, np.bool_)


def _is_first(lines: _Lines) -> NDArray[np.bool_]:
    """Which samples are the first of their series and time."""
    first = np.ones(len(lines.keys), np.bool_)
    if len(set(lines.keys)) < len(lines.keys):
        seen: set[tuple[str, int | None]] = set()
        for at, key in enumerate(lines.keys):
            sample = (key, lines.times.get(at))
            first[at] = sample not in seen
            seen.add(sample)
    return first
