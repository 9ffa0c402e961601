"""What a measurement leaves behind: a table on the screen and `bench/results/<name>.json`."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path(__file__).parent / "results"
Row = Mapping[str, str | int | float]


def seconds_asked(default: int) -> int:
    """How long to measure, from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=default)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    seconds: int = 5 if asked.quick else asked.seconds
    return seconds


def report(name: str, rows: Sequence[Row]) -> None:
    """Print the rows as a table and keep them, with what they were measured on."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, *([_cell(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": _machine(), "rows": list(rows)}, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n")


def percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    """The middle and the slow end of some latencies."""
    ordered = sorted(milliseconds)
    at = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
    last = len(ordered) - 1
    return {name: round(ordered[min(last, int(len(ordered) * p))], 1) for name, p in at.items()}


def _cell(value: str | float) -> str:
    return f"{value:,}" if isinstance(value, int | float) else value


def _machine() -> dict[str, str | int | float]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": psutil.cpu_count() or 0,
        "load": round(psutil.getloadavg()[0], 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
