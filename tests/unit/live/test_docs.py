"""The figures of the page about live updates are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nowline.config.sources import DEFAULTS
from nowline.live import capacity, channel
from nowline.live.frames import Frame, FrameId
from nowline.live.hub import Patience
from nowline.live.pace import ViewerLimits
from nowline.live.reader import FULL_BYTES
from nowline.rollup.supervision import Patience as Supervision

TEXT = " ".join((Path(__file__).parents[3] / "docs/live.md").read_text(encoding="utf-8").split())
KEPT = "when nobody watched it for {:g} seconds"


@pytest.mark.parametrize(
    "told",
    [
        KEPT.format(channel.RESUME_MS / 1000),
        f"a channel keeps {channel._RESUME_BYTES >> 20} MB",
        f"at most every {channel.LIVE_MS} ms",
        f"updates come every {channel.DEGRADED_MS // 1000} seconds at most",
        f"more than {Supervision().behind_s:g} seconds behind",
        f"up to every {Supervision().pauses_s[-1]} seconds",
        f"a heartbeat after {Patience().heartbeat_s:g} seconds of silence",
        f"You read nothing for {Patience().stuck_s:g} seconds",
        f"beyond {FULL_BYTES >> 10} KB",
        f"{int(DEFAULTS['live_connections'] or 0):,} connections",
        f"{capacity._RESERVED_FILES} of those",
        f"over {ViewerLimits().messages_per_s} a second",
        f"may watch {ViewerLimits().subscriptions} channels",
    ],
)
def test_a_figure_is_the_one_of_the_code(told: str) -> None:
    assert told in TEXT


def test_every_field_of_a_frame_is_explained() -> None:
    frame = Frame("snapshot", FrameId("e", 1), "r", 1, b"[]", 0, 0, skipped=1, degraded=True)
    explained = set(re.findall(r"\| `(\w+)` \|", TEXT))
    assert set(json.loads(frame.text("a"))) == explained
