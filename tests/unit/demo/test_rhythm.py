from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowline.demo import rhythm

MONDAY = 1_763_337_600  # 2025-11-17 00:00 UTC
KINDS = [rhythm.DEPLOY, rhythm.ERROR_BURST, rhythm.SLOW_DATABASE, rhythm.CAMPAIGN]

seeds = st.integers(0, 2**63)
moments = st.integers(1_600_000_000, 1_900_000_000)


def mean(day: int, start_hour: float, end_hour: float) -> float:
    first = MONDAY + day * rhythm.DAY_S
    span = np.arange(first + int(start_hour * 3600), first + int(end_hour * 3600))
    return float(rhythm.rhythm(span).mean())


def test_the_mean_over_a_week_is_one() -> None:
    week = np.arange(MONDAY, MONDAY + 7 * rhythm.DAY_S, 60)
    assert rhythm.rhythm(week).mean() == pytest.approx(1, abs=0.01)


def test_nights_are_quiet_lunch_dips_and_weekends_are_slower() -> None:
    assert mean(1, 2, 5) < 0.25 * mean(1, 10, 12)
    assert mean(1, 12.25, 13.25) < 0.85 * min(mean(1, 10, 11.5), mean(1, 14.5, 16))
    assert mean(5, 9, 18) < 0.85 * mean(2, 9, 18)


@given(seeds, st.integers(0, 100), moments)
def test_noise_is_bounded_and_the_same_however_it_is_asked_for(
    seed: int, stream: int, start: int
) -> None:
    together = rhythm.wander(seed, stream, np.arange(start, start + 50), 7)
    alone = [rhythm.wander(seed, stream, np.array([start + i]), 7)[0] for i in range(50)]
    assert together.tolist() == alone
    assert np.abs(together).max() <= 1
    assert np.abs(np.diff(together)).max() < 0.6


def test_random_numbers_are_uniform() -> None:
    numbers = rhythm.uniform(1, 2, np.arange(100_000))
    counts = np.histogram(numbers, bins=10, range=(0, 1))[0]
    assert counts.sum() == 100_000
    assert np.abs(counts - 10_000).max() < 500


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, start=moments, cut=st.integers(1, 86_399))
def test_incidents_do_not_depend_on_the_stretch_asked_for(
    kind: rhythm.Kind, seed: int, start: int, cut: int
) -> None:
    whole = rhythm.incidents(seed, kind, start, start + 86_400)
    parts = rhythm.incidents(seed, kind, start, start + cut)
    parts += rhythm.incidents(seed, kind, start + cut, start + 86_400)
    assert list(dict.fromkeys(parts)) == whole
    for incident in whole:
        assert kind.shortest_s <= incident.end - incident.start <= kind.longest_s


def test_deploys_keep_to_working_hours() -> None:
    deploys = rhythm.incidents(1, rhythm.DEPLOY, MONDAY, MONDAY + 28 * rhythm.DAY_S)
    assert len(deploys) > 20
    for deploy in deploys:
        assert 8 <= deploy.start % rhythm.DAY_S // 3600 < 18
        assert (deploy.start - MONDAY) // rhythm.DAY_S % 7 < 5
