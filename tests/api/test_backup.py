"""The download of a backup, and what the store says that it keeps."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from asking import accept
from polling import eventually
from running import Server

# More than what sockets hold of an answer that nobody reads.
LARGE = 64 << 20


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Server]:
    """A server whose backup takes a while to read."""
    folder = tmp_path / "data"
    folder.mkdir()
    with (folder / "secret.key").open("wb") as file:
        file.truncate(LARGE)
    with Server(folder, NOWLINE_SECRET_KEY="s" * 32) as running:
        yield running


def staged(server: Server) -> list[Path]:
    return list(server.folder.glob(".nowline.duckdb.backup-*"))


def downloaded(client: httpx.Client) -> int:
    """How many bytes a backup has, none while another one is under way."""
    with client.stream("POST", "/api/v1/backup") as answer:
        return 0 if answer.status_code == 409 else sum(map(len, answer.iter_raw(1 << 20)))


def test_a_backup_is_a_tar_with_a_manifest_and_a_line_in_the_audit_trail(
    server: Server, reader: httpx.Client
) -> None:
    answer = reader.post("/api/v1/backup").raise_for_status()
    assert answer.headers["content-type"] == "application/x-tar"
    assert answer.headers["cache-control"] == "no-store"
    _, _, name = answer.headers["content-disposition"].partition("filename=")
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        *names, last = tar.getnames()
        manifest = tar.extractfile(last)
        assert manifest is not None
        told = json.load(manifest)
        assert {member.mode for member in tar.getmembers()} == {0o600}
    assert last == "manifest.json"
    assert [member["name"] for member in told["members"]] == names
    files = {"activity.sqlite", "documents.sqlite", "log.sqlite", "nowline.duckdb", "secret.key"}
    assert files <= set(names)
    entry = reader.get("/api/v1/audit").json()["entries"][0]
    assert (entry["action"], entry["target"]) == ("backup.create", name.strip('"'))
    assert entry["actor"] == "alice@example.com"
    assert staged(server) == []


def test_there_is_one_at_a_time_and_one_that_nobody_reads_ends_with_its_reader(
    large: Server,
) -> None:
    with large.alice() as client, large.alice() as other:
        with client.stream("POST", "/api/v1/backup") as answer:
            assert answer.status_code == 200
            assert next(answer.iter_raw())
            refused = other.post("/api/v1/backup")
            assert refused.status_code == 409
            assert refused.headers["content-type"] == "application/problem+json"
            assert staged(large) != []
        assert eventually(lambda: not staged(large))
        assert eventually(lambda: downloaded(other)) > LARGE
        assert staged(large) == []


def test_a_server_that_stops_ends_a_backup_and_leaves_nothing(large: Server) -> None:
    with large.alice() as client, client.stream("POST", "/api/v1/backup") as answer:
        assert next(answer.iter_raw())
        assert large.stop() == 0
    assert staged(large) == []


def raw_rows(reader: httpx.Client) -> int:
    """How many the store holds, which may be fewer than a question finds in memory."""
    told = reader.get("/api/v1/store").raise_for_status().json()
    return int(told["levels"][0]["rows"])


def test_the_store_says_what_it_keeps(sender: httpx.Client, reader: httpx.Client) -> None:
    accept(sender, {"name": "kept", "value": 1})
    assert eventually(lambda: raw_rows(reader) > 0)
    told = reader.get("/api/v1/store").raise_for_status().json()
    levels = {level["level"]: level for level in told["levels"]}
    assert list(levels) == ["raw", "1m", "5m", "1h", "1d"]
    assert levels["raw"]["keep_seconds"] == 30 * 86_400
    assert levels["raw"]["oldest"].endswith("T00:00:00.000Z")
    assert told["bytes"] > 0
    assert told["faults"] == []


def test_the_store_says_what_it_keeps_of_events(sender: httpx.Client, reader: httpx.Client) -> None:
    def kept() -> dict[str, Any]:
        told = reader.get("/api/v1/store").raise_for_status().json()
        events: dict[str, Any] = told["events"]
        return events

    before = kept()["events"]
    happened = {"events": [{"event_type": "KEPT"}] * 3}
    sender.post("/api/v1/ingest/events", json=happened).raise_for_status()
    assert eventually(lambda: kept()["events"] == before + 3)
    assert kept()["keep_seconds"] == 365 * 86_400
    assert kept()["bytes"] > 0
    assert kept()["oldest"].endswith("-01T00:00:00.000Z")


def test_metrics_say_it_by_level(sender: httpx.Client, reader: httpx.Client) -> None:
    accept(sender, {"name": "measured", "value": 1})
    assert eventually(lambda: raw_rows(reader) > 0)
    parsed = text_string_to_metric_families(reader.get("/metrics").text)  # type: ignore[no-untyped-call]
    families = {family.name: family for family in parsed}
    for name in ("rows", "bytes", "keep_seconds"):
        samples = families[f"nowline_store_level_{name}"].samples
        assert [s.labels["level"] for s in samples] == ["raw", "1m", "5m", "1h", "1d"]
    keep = {
        s.labels["level"]: s.value for s in families["nowline_store_level_keep_seconds"].samples
    }
    assert keep["1d"] == 5 * 365 * 86_400
    oldest = families["nowline_store_level_oldest_timestamp_seconds"].samples
    assert oldest[0].labels == {"level": "raw"}
    assert oldest[0].value % 86_400 == 0
    for name in ("nowline_store_compactions", "nowline_store_compaction_seconds"):
        assert families[name].type == "counter"
