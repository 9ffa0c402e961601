"""A few rounds of `bench.live_chaos`; the long run is `python -m bench.chaos --live 200`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROUNDS = 3


def test_viewers_hold_what_there_is_whatever_breaks() -> None:
    only = ["--rounds", "0", "--redis-rounds", "0", "--live", str(ROUNDS)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.chaos", *only],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"rounds (\d+), messages ([\d,]+), skipped ([\d,]+), resets", done.stdout)
    assert told is not None, done.stdout
    rounds, messages, skipped = (int(number.replace(",", "")) for number in told.groups())
    assert rounds == ROUNDS
    assert messages > 100 * ROUNDS
    assert skipped > 0
    assert re.search(r"kill \d.*restart \d", done.stdout)
