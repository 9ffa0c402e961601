"""One point of InfluxDB line protocol, read exactly. Pure.

`measurement[,tag=value…] field=value[,field=value…] [time]`, as InfluxDB 1 and 2 document it
(docs.influxdata.com: "Line protocol reference") and as InfluxDB 1 reads what that leaves open:
before the fields a backslash escapes the character after it only where that has a meaning there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from nowline.ingest.columns import Label, Labels
from nowline.ingest.kept_labels import KeptLabels, KeptLists

_NAME = rb"(?:[^, \n]|(?<=\\)[, ])++"
_PART = rb"(?:[^,= \n]|(?<=\\)[,= ])++"
_SERIES = re.compile(rb"(?!,)(%b)(?:,%b=%b)*+" % (_NAME, _PART, _PART))
_TAG = re.compile(rb",(%b)=(%b)" % (_PART, _PART))
_KEY = rb"(?:[^\\,= \n]|\\.)++"
_STRING = re.compile(rb'"(?:[^"\\]|\\[\s\S])*+"')
_FIELD = re.compile(rb'(%b)=(%b|[^, "\n]++)' % (_KEY, _STRING.pattern))
_OPEN = re.compile(rb'(=)"(?:[^"\\]|\\[\s\S])*+\Z')
_FLOAT = re.compile(rb"[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_INTEGER = re.compile(rb"[+-]?[0-9]{1,20}[iu]")
_TIME = re.compile(rb"-?[0-9]{1,19}")
_ESCAPED_IN_NAME = re.compile(rb"\\([, ])")
_ESCAPED_IN_PART = re.compile(rb"\\([,= ])")
_BOOLEANS = {
    **dict.fromkeys((b"t", b"T", b"true", b"True", b"TRUE"), 1.0),
    **dict.fromkeys((b"f", b"F", b"false", b"False", b"FALSE"), 0.0),
}
_VALUE = b"value"
_MOST_SHOWN = 64
MOST_LINE_BYTES = 1 << 20
"""How long a line may be."""
MOST_FIELDS = 10_000
"""How many fields a line may have."""


Texts: TypeAlias = tuple[list[bytes], list[bytes]]
"""The series and the key of each field, as they were sent."""
NO_LABEL = Label("", None, {})
"""Stands where series or key are not what they must be: no measurement has an empty name."""


class LineError(ValueError):
    """The line is not a point; says what is wrong, led by the field."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one line says.

    Attributes:
        series: Measurement and tags as they were sent.
        fields: Key as it was sent and value of each field that is no string.
        time: In the precision of the request, None where the line has none.
    """

    series: bytes
    fields: list[tuple[bytes, float]]
    time: int | None


def read_line(line: bytes) -> Line:
    """Read a line that is neither empty nor a comment, without its end.

    Raises:
        LineError: It is not a point.
    """
    line = line.strip(b" \t")
    if len(line) > MOST_LINE_BYTES:
        raise LineError(f"line: is over {MOST_LINE_BYTES} bytes")
    found = _SERIES.match(line)
    if found is None:
        raise LineError("measurement: is missing")
    if found.end() == len(line):
        raise LineError("fields: there are none")
    rest = line[found.end() :]
    if not rest.startswith(b" "):
        raise LineError("tags: each must be key=value, neither of them empty")
    fields = list(_fields(rest.lstrip(b" ")))
    time = rest.lstrip(b" ")[fields[-1].end() :].strip(b" ")
    numbers = [(f[1], _number(f[1], f[2])) for f in fields if not f[2].startswith(b'"')]
    return Line(found[0], numbers, _time(time))


def has_open_string(line: bytes) -> bool:
    """Whether a string begins on this line that may end on a later one."""
    return _OPEN.search(line) is not None


def end_of_open_string(body: bytes, start: int, end: int) -> int | None:
    """Where the string ends that begins between `start` and `end` and goes on after that."""
    found = _OPEN.search(body, start, end)
    string = None if found is None else _STRING.match(body, found.end(1))
    return None if string is None else string.end()


def label_of(series: bytes, field: bytes) -> Label:
    """The label of a field: series and key as they were sent. It is kept for the next time.

    Raises:
        LineError: They are not what they must be.
    """
    label = _kept.get((series, field))
    if label is None:
        label = _kept.keep((series, field), len(series) + len(field), _label(series, field))
    return label


def labels_of(sent: Hashable, texts: Callable[[], Texts]) -> list[Label]:
    """The label of each field: `Labels`, or with `NO_LABEL` where there can be none.

    Args:
        sent: All that was sent for them.
        texts: The series and the field key of each, if they have to be read.
    """
    if (labels := _kept_lists.get(sent)) is not None:
        return labels
    series, fields = texts()
    known = list(map(_kept.get, zip(series, fields, strict=True)))
    found = [label for label in known if label is not None]
    if len(found) < len(known):
        found = list(map(_label_if_any, series, fields))
    if any(label is NO_LABEL for label in found):
        return found
    return _kept_lists.keep(sent, Labels(found))


def _label_if_any(series: bytes, field: bytes) -> Label:
    try:
        return label_of(series, field)
    except LineError:
        return NO_LABEL


def _label(series: bytes, field: bytes) -> Label:
    name, tags = _read_series(series)
    if field != _VALUE:
        name += "." + _text("fields", _plain(_ESCAPED_IN_PART, field))
    return Label(name, None, tags)


# The fields of a line come one after the other: their labels share the tags.
@lru_cache(1)
def _read_series(series: bytes) -> tuple[str, dict[str, str]]:
    found = _SERIES.fullmatch(series)
    if found is None:
        raise LineError("tags: each must be key=value, neither of them empty")
    name = _text("measurement", _plain(_ESCAPED_IN_NAME, found[1]))
    return name, _tags(series, found.end(1))


_kept = KeptLabels[tuple[bytes, bytes]]()
_kept_lists = KeptLists()


def _tags(series: bytes, start: int) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in _TAG.finditer(series, start):
        key, value = (_text("tags", _plain(_ESCAPED_IN_PART, part)) for part in pair.groups())
        if key in tags:
            raise LineError(f"tags.{key}: is there twice")
        tags[key] = value
    return tags


def _fields(text: bytes) -> Iterator[re.Match[bytes]]:
    """The fields that the text begins with, strings among them."""
    at = 0
    for _ in range(MOST_FIELDS):
        found = _FIELD.match(text, at)
        if found is None:
            raise LineError("fields: each must be key=value, neither of them empty")
        yield found
        at = found.end() + 1
        after = text[at - 1 : at]
        if after in {b"", b" "}:
            return
        if after != b",":
            raise LineError(f"fields.{_shown(found[1])}: nothing may follow a value but a comma")
    raise LineError(f"fields: there are over {MOST_FIELDS}")


def _number(key: bytes, value: bytes) -> float:
    if _FLOAT.fullmatch(value):
        number = float(value)
        if math.isinf(number):
            raise LineError(f"fields.{_shown(key)}: is beyond what a number can be")
        return number
    if _INTEGER.fullmatch(value):
        return _whole(key, int(value[:-1]), signed=value.endswith(b"i"))
    if value in _BOOLEANS:
        return _BOOLEANS[value]
    raise LineError(f"fields.{_shown(key)}: `{_shown(value)}` is no number, boolean or string")


def _whole(key: bytes, number: int, *, signed: bool) -> float:
    least, end = (-(1 << 63), 1 << 63) if signed else (0, 1 << 64)
    if not least <= number < end:
        raise LineError(f"fields.{_shown(key)}: is beyond 64 bits")
    return float(number)


def _time(text: bytes) -> int | None:
    if not text:
        return None
    if not _TIME.fullmatch(text):
        raise LineError(f"time: `{_shown(text)}` is no whole number of up to 19 digits")
    return int(text)


def _plain(escaped: re.Pattern[bytes], text: bytes) -> bytes:
    return escaped.sub(rb"\1", text) if b"\\" in text else text


def _text(what: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise LineError(f"{what}: is not valid UTF-8") from error


def _shown(raw: bytes) -> str:
    return raw[:_MOST_SHOWN].decode(errors="replace")
