"""What the page about events and tasks shows can be sent as it stands."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import httpx
import msgspec
import pytest

from nowline.activity.present import Stats
from nowline.activity.rooms import Room, rooms_named, told
from nowline.config.values import MASKS
from nowline.model.event import Event
from polling import eventually
from running import INGEST_KEY, Server

PAGE = (Path(__file__).parents[2] / "docs/activity.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_accepted_whole(server: Server, command: str) -> None:
    environment = {"NOWLINE_URL": server.url, "NOWLINE_KEY": INGEST_KEY, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", command], env=environment, capture_output=True, check=True
    )
    answer = msgspec.json.decode(done.stdout)
    assert answer["accepted"] > 0
    assert answer["rejected"] == []


def test_the_example_is_found_by_the_address_it_was_sent_with(
    server: Server, reader: httpx.Client
) -> None:
    test_a_command_is_accepted_whole(server, COMMANDS[0])
    asked = {"user_id": "bob@example.com"}
    found = eventually(lambda: reader.get("/api/v1/activity", params=asked).json()["events"])
    assert {event["event_type"] for event in found} == {"USER_LOGIN", "API_CALL"}


def test_rooms_are_told_what_the_table_says() -> None:
    rows = re.findall(r"^\| `([a-z]+-activity)` \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    assert len(rows) == len(Room)
    for room, types, messages in rows:
        for event_type, message in zip(quoted(types), quoted(messages), strict=True):
            where, texts = told(Event(event_type, 0, "e"))
            assert where == rooms_named(room)
            assert [msgspec.json.decode(text)["event"] for text in texts] == [
                "activity:new",
                message,
            ]


def quoted(cell: str) -> list[str]:
    return re.findall("`(.*?)`", cell)


def test_every_counter_and_every_rule_is_explained() -> None:
    named = [name for name in Stats.__struct_fields__ if name != "as_of"]
    for name in (*named, *MASKS, *(choice for choices in MASKS.values() for choice in choices)):
        assert f"`{name}`" in PAGE
