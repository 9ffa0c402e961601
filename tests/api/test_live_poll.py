from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Server
from viewers import Desk, Message, desk, points, socket, subscription


@pytest.fixture(scope="module")
def here(server: Server) -> Iterator[Desk]:
    with desk(server) as made:
        yield made


def asked(metric: str) -> Message:
    return {"metrics": metric, "interval": "live", "aggregation": "last"}


def until(here: Desk, metric: str, cursor: str, value: float) -> tuple[list[Message], str]:
    """Poll until a frame says this value."""
    heard: list[Message] = []
    while not any(value in points(frame).values() for frame in heard):
        frames, cursor = here.poll(asked(metric), cursor)
        heard += frames
    return heard, cursor


def test_a_picture_and_then_what_is_posted(here: Desk) -> None:
    here.post("poll.first", 1)
    (picture,), cursor = here.poll(asked("poll.first"))
    assert (picture["type"], picture["id"]) == ("snapshot", "poll.first")
    assert set(points(picture).values()) == {1}
    here.post("poll.first", 2)
    (update,), cursor = until(here, "poll.first", cursor, 2)
    assert update["type"] == "metrics_update"
    assert here.poll(asked("poll.first"), cursor)[0] == []


def test_each_frame_comes_once(server: Server, here: Desk) -> None:
    wanted = subscription("poll.once", "poll.once")
    with socket(server, here.token) as viewer:
        viewer.watch(wanted)
        _, start = here.poll(asked("poll.once"))
        frames = []
        for value in range(1, 4):
            here.post("poll.once", value)
            frames.append(viewer.expect("metrics_update"))
    heard, cursor = here.poll(asked("poll.once"), start)
    assert heard == frames
    assert here.poll(asked("poll.once"), start)[0] == frames
    assert here.poll(asked("poll.once"), cursor)[0] == []


@pytest.mark.parametrize("cursor", ["garbage", "0-0-0", "🙂"])
def test_an_unknown_cursor_starts_over(here: Desk, cursor: str) -> None:
    here.post("poll.reset", 1)
    reset, picture = here.poll(asked("poll.reset"), cursor)[0]
    assert reset == {"type": "reset", "id": "poll.reset"}
    assert set(points(picture).values()) == {1}


def test_a_cursor_is_for_its_own_channels(here: Desk) -> None:
    _, cursor = here.poll(asked("poll.one"))
    reset, picture = here.poll(asked("poll.other"), cursor)[0]
    assert (reset["type"], picture["type"]) == ("reset", "snapshot")


def test_after_a_restart_polls_start_over_without_a_gap(data_dir: Path) -> None:
    with Server(data_dir) as server:
        with desk(server) as here:
            here.post("poll.restart", 1)
            _, cursor = here.poll(asked("poll.restart"))
            here.post("poll.restart", 2)
        server.kill()
        server.start()
        with desk(server) as here:
            reset, picture = here.poll(asked("poll.restart"), cursor)[0]
            assert reset["type"] == "reset"
            assert 2 in points(picture).values()


def test_a_poll_needs_a_credential_in_a_header(server: Server, here: Desk) -> None:
    with server.client() as stranger:
        assert stranger.get("/api/v1/live/poll?metrics=a").status_code == 401
        path = f"/api/v1/live/poll?metrics=a&ticket={here.ticket()}"
        assert stranger.get(path).status_code == 401
    assert here.program.get("/api/v1/live/poll?metrics=a").status_code == 403
