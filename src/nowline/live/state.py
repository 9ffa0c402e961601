"""What the hub counts, as of one moment."""

from __future__ import annotations

from dataclasses import dataclass

from nowline.live.delays import Delays


@dataclass(slots=True)
class HubState:
    """What the hub does, for `/metrics`.

    Attributes:
        readers: Open connections.
        channels: Channels that somebody watches.
        idle: Those that are kept for who comes back.
        idle_bytes: What these hold.
        evaluations: How often a channel asked its source for changes.
        frames: Updates that were published.
        writes: Frames that were written to readers.
        skipped: Frames that readers were too slow for.
        published: How long after its newest row came in each update was published.
        written: For each reader, how long after that its socket was given the update; readers
            that were too slow for one before it are not counted.
    """

    readers: int
    channels: int
    idle: int
    idle_bytes: int
    evaluations: int
    frames: int
    writes: int
    skipped: int
    published: Delays
    written: Delays
