"""A few rounds of `bench.chaos`; the long run is `python -m bench.chaos`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_few_rounds_lose_nothing_and_count_nothing_twice() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bench.chaos",
            "--live",
            "0",
            "--rounds",
            "3",
            "--redis-rounds",
            "4",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"rounds (\d), batches ([\d,]+), .* missing 0, twice 0, torn 0", done.stdout)
    assert [rounds for rounds, _ in told] == ["3", "4"]
    assert all(int(batches.replace(",", "")) >= 3 for _, batches in told)
