"""How long `nowline up` takes until it is ready: five starts each on an empty and a used folder."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from bench.product import Product
from bench.report import report, seconds_asked


def main() -> None:
    runs = 2 if seconds_asked(60) <= 5 else 5
    cold: list[float] = []
    warm: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            for taken in (cold, warm):
                running = Product(Path(folder) / str(number), host_metrics=True)
                taken.append(running.ready_s)
                running.stop()
    report("start", [_row("empty", cold), _row("used", warm)])


def _row(folder: str, taken: list[float]) -> dict[str, str | float]:
    return {
        "folder": folder,
        "runs": len(taken),
        "median_s": round(statistics.median(taken), 2),
        "slowest_s": round(max(taken), 2),
    }


if __name__ == "__main__":
    main()
