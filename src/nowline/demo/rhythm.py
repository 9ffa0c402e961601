"""How lively the shop is at any second: day and week, wandering noise, incidents.

Everything here is a pure function of the seed and of epoch seconds, so that the past can be
computed in any order and meets the present without a seam.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.int64]
Levels = NDArray[np.float64]

DAY_S = 86_400
_MASK = (1 << 64) - 1
# Visits by hour of the day, UTC: quiet nights, a dip at lunch, a peak in the evening.
_MORNING = (0.35, 0.22, 0.15, 0.12, 0.12, 0.16, 0.3, 0.55, 0.85, 1.1, 1.3, 1.35)
_AFTERNOON = (1.0, 0.95, 1.25, 1.3, 1.3, 1.25, 1.3, 1.45, 1.6, 1.4, 1.0, 0.6)
_BY_HOUR = np.array([*_MORNING, *_AFTERNOON, _MORNING[0]])
_BY_WEEKDAY = np.array([1.05, 1.0, 1.0, 1.02, 1.08, 0.75, 0.65])  # from Monday
_EPOCH_WEEKDAY = 3


def uniform(seed: int, stream: int, index: Seconds) -> Levels:
    """A random number in [0, 1) for each index, always the same for a seed and a stream."""
    salt = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) & _MASK
    mixed = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def wander(seed: int, stream: int, seconds: Seconds, every_s: int) -> Levels:
    """Smooth noise in [-1, 1] that takes a new direction every `every_s` seconds."""
    node = seconds // every_s
    way = _smooth((seconds % every_s) / every_s)
    here, there = uniform(seed, stream, node), uniform(seed, stream, node + 1)
    return 2 * (here + (there - here) * way) - 1


def _smooth(way: Levels) -> Levels:
    return way * way * (3 - 2 * way)


def _visits(seconds: Seconds) -> Levels:
    day = np.interp(seconds % DAY_S, np.arange(25) * 3600, _BY_HOUR)
    noon = (seconds - DAY_S // 2) // DAY_S
    way = _smooth(((seconds - DAY_S // 2) % DAY_S) / DAY_S)
    before = _BY_WEEKDAY[(noon + _EPOCH_WEEKDAY) % 7]
    after = _BY_WEEKDAY[(noon + 1 + _EPOCH_WEEKDAY) % 7]
    levels: Levels = day * (before + (after - before) * way)
    return levels


_MEAN_VISITS = float(_visits(np.arange(0, 7 * DAY_S, 300)).mean())


def rhythm(seconds: Seconds) -> Levels:
    """How many visitors there are by time of day and week; the mean over a week is 1."""
    return _visits(seconds) / _MEAN_VISITS


class Kind(NamedTuple):
    """A kind of incident: at most one starts in each slot, within certain hours of the day."""

    stream: int
    slot_s: int
    probability: float
    shortest_s: int
    longest_s: int
    hours: tuple[int, int] = (0, 24)
    on_weekends: bool = True


DEPLOY = Kind(11, 2 * 3600, 0.55, 25, 45, hours=(8, 18), on_weekends=False)
ERROR_BURST = Kind(12, 3 * 3600, 0.6, 150, 600)
SLOW_DATABASE = Kind(13, 8 * 3600, 0.55, 480, 1200)
CAMPAIGN = Kind(14, 12 * 3600, 0.4, 2400, 4800, hours=(8, 21))


class Incident(NamedTuple):
    """Something that happens to the shop from `start` to `end` (epoch seconds).

    `severity` is in [0.5, 1); `pick` in [0, 1) chooses what it strikes.
    """

    start: int
    end: int
    severity: float
    pick: float


def incidents(seed: int, kind: Kind, start: int, end: int) -> list[Incident]:
    """The incidents of one kind that touch `[start, end)`, in order."""
    slots = np.arange((start - kind.longest_s) // kind.slot_s, end // kind.slot_s + 1)
    happens, offset, length, severity, pick = (
        uniform(seed, kind.stream * 8 + part, slots) for part in range(5)
    )
    begins = slots * kind.slot_s + (offset * kind.slot_s).astype(np.int64)
    lasts = kind.shortest_s + (length * (kind.longest_s - kind.shortest_s)).astype(np.int64)
    wanted = (happens < kind.probability) & (begins < end) & (begins + lasts > start)
    wanted &= _is_in_hours(kind, begins)
    return [
        Incident(int(begins[i]), int(begins[i] + lasts[i]), 0.5 + severity[i] / 2, pick[i])
        for i in np.flatnonzero(wanted)
    ]


def _is_in_hours(kind: Kind, begins: Seconds) -> NDArray[np.bool_]:
    hour = begins % DAY_S // 3600
    weekend = (begins // DAY_S + _EPOCH_WEEKDAY) % 7 >= 5
    allowed: NDArray[np.bool_] = (kind.hours[0] <= hour) & (hour < kind.hours[1])
    return allowed if kind.on_weekends else allowed & ~weekend


def strength(incident: Incident, seconds: Seconds, ramp_s: int) -> Levels:
    """How strongly an incident is felt: up to its severity and down again within `ramp_s`."""
    rise = (seconds - incident.start) / ramp_s
    fall = (incident.end - seconds) / ramp_s
    return np.clip(np.minimum(rise, fall), 0, 1) * incident.severity


def total_strength(seed: int, kind: Kind, seconds: Seconds, ramp_s: int) -> Levels:
    """The strength of the incidents of one kind at each second, in [0, 1]."""
    level = np.zeros(len(seconds))
    for incident in incidents(seed, kind, int(seconds[0]), int(seconds[-1]) + 1):
        level = np.maximum(level, strength(incident, seconds, ramp_s))
    return level
