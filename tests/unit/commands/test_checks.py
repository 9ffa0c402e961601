from __future__ import annotations

import pytest

from nowline.commands.checks import size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (999_900_000, "999.9 MB"),
        (5_000_000_000_000_000, "5,000.0 TB"),
    ],
)
def test_bytes_are_told_with_a_unit(count: int, text: str) -> None:
    assert size(count) == text
