"""Points as CSV (RFC 4180), made safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from math import isfinite

from nowline.clock import rfc3339_seconds
from nowline.model.points import Points

MEDIA_TYPE = "text/csv"
# What a spreadsheet takes for a formula, or hides (OWASP: CSV injection).
_DANGEROUS = ("=", "+", "-", "@")


def to_csv(points: Points, group_by: Sequence[str]) -> bytes:
    """`timestamp,value,<group_by…>`, one line a point; no value is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["timestamp", "value", *map(harmless, group_by)])
    tags = [[harmless(group[key]) for key in group_by] for group in points.tags]
    rows = zip(points.bucket.tolist(), points.value.tolist(), points.group.tolist(), strict=True)
    for bucket, value, group in rows:
        number = value if isfinite(value) else ""
        writer.writerow([rfc3339_seconds(bucket), number, *tags[group]])
    return text.getvalue().encode()


def widgets_csv(widgets: Sequence[tuple[str, Points]]) -> bytes:
    """`widget,timestamp,value,tags`, one line a point; tags are `key=value`, a space between.

    Args:
        widgets: What each is called, and what it shows.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["widget", "timestamp", "value", "tags"])
    for name, points in widgets:
        tags = [" ".join(f"{key}={value}" for key, value in each.items()) for each in points.tags]
        for bucket, value, group in zip(
            points.bucket.tolist(), points.value.tolist(), points.group.tolist(), strict=True
        ):
            number = value if isfinite(value) else ""
            moment = rfc3339_seconds(bucket)
            writer.writerow([harmless(name), moment, number, harmless(tags[group])])
    return text.getvalue().encode()


def harmless(cell: str) -> str:
    """A text cell that no program takes for a formula: such a text gets a quote in front."""
    if cell.startswith(_DANGEROUS) or (cell and ord(cell[0]) < 32):
        return f"'{cell}"
    return cell
