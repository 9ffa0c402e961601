"""Backups while rows come in, of what a kill left, and what a restore never does."""

from __future__ import annotations

import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from asking import accept, ask, count, counted
from commands import back_up, content, refused, restore, run
from polling import eventually
from running import Server

POSTERS = 3


class Poster(threading.Thread):
    """Posts batches of one row each until told to stop; counts those that were accepted."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__()
        self._server = server
        self.batch = f"poster {number}"
        self._stopping = threading.Event()
        self.accepted = 0

    def run(self) -> None:
        with self._server.ingest() as client:
            while not self._stopping.is_set():
                accept(client, {"name": "flow", "value": 1, "tags": {"by": self.batch}})
                self.accepted += 1

    def stop(self) -> None:
        self._stopping.set()
        self.join()


@contextmanager
def posting(server: Server) -> Iterator[list[Poster]]:
    posters = [Poster(server, number) for number in range(POSTERS)]
    for poster in posters:
        poster.start()
    try:
        yield posters
    finally:
        for poster in posters:
            poster.stop()


def by_poster(client: httpx.Client) -> dict[str, int]:
    points = ask(client, "flow", aggregation="count", group_by=["by"])
    found: dict[str, int] = {}
    for point in points:
        found[point["tags"]["by"]] = found.get(point["tags"]["by"], 0) + int(point["value"])
    return found


def test_what_was_accepted_before_is_in_it_once_and_more_can_come(
    data_dir: Path, tmp_path: Path
) -> None:
    backups = []
    with Server(data_dir) as server, posting(server) as posters:
        for number in range(3):
            before = {poster.batch: poster.accepted for poster in posters}
            file = back_up(data_dir, tmp_path / f"{number}.tar")
            after = {poster.batch: poster.accepted + 1 for poster in posters}
            backups.append((file, before, after))
    assert all(backups[-1][1].values())
    for file, before, after in backups:
        folder = tmp_path / f"from {file.name}"
        restore(folder, file)
        with Server(folder) as restored, restored.ingest() as sender, restored.alice() as reader:
            total = counted(reader, "flow", sum(before.values()))
            found = by_poster(reader)
            assert sum(found.values()) == total
            for batch, least in before.items():
                assert least <= found.get(batch, 0) <= after[batch]
            # The restored log goes on above what the store has seen, so these are not skipped.
            for extra in range(5):
                accept(sender, {"name": "flow", "value": 1, "tags": {"by": "later"}})
                assert counted(reader, "flow", total + extra + 1) == total + extra + 1
            assert restored.stop() == 0
            restored.start()
            assert counted(reader, "flow", total + 5) == total + 5


class EventPoster(threading.Thread):
    """Posts batches of events until told to stop; each event has a number."""

    def __init__(self, server: Server, number: int) -> None:
        super().__init__()
        self._server = server
        self._number = number
        self._stopping = threading.Event()
        self.accepted = 0

    def run(self) -> None:
        with self._server.ingest() as client:
            while not self._stopping.is_set():
                numbers = range(self.accepted, self.accepted + 3)
                post_events(client, [f"{self._number}/{number}" for number in numbers])
                self.accepted += 3

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def ids(self, accepted: int) -> set[str]:
        """The ids of so many events."""
        return {f"{self._number}/{number}" for number in range(accepted)}


def post_events(client: httpx.Client, ids: list[str]) -> None:
    events = [{"event_type": "FLOW", "event_id": each} for each in ids]
    answer = client.post("/api/v1/ingest/events", json={"events": events})
    assert answer.status_code == 202, answer.text


def all_events(client: httpx.Client) -> list[str]:
    """The ids of all events, page by page."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"event_type": "FLOW", "limit": "997"}
        if cursor:
            asked["cursor"] = cursor
        page = client.get("/api/v1/activity", params=asked).raise_for_status().json()
        found += [event["event_id"] for event in page["events"]]
        cursor = page["next_cursor"]
    return found


def events_counted(client: httpx.Client) -> int:
    """How many there are as the metric that they yield has it."""
    return int(sum(point["value"] for point in ask(client, "events", aggregation="sum")))


def test_each_event_that_was_accepted_before_is_in_it_once(data_dir: Path, tmp_path: Path) -> None:
    backups = []
    with Server(data_dir) as server:
        posters = [EventPoster(server, number) for number in range(POSTERS)]
        for poster in posters:
            poster.start()
        for number in range(3):
            before = [poster.ids(poster.accepted) for poster in posters]
            file = back_up(data_dir, tmp_path / f"{number}.tar")
            after = [poster.ids(poster.accepted + 3) for poster in posters]
            backups.append((file, set().union(*before), set().union(*after)))
        for poster in posters:
            poster.stop()
        server.kill()
    everything = set().union(*(poster.ids(poster.accepted) for poster in posters))
    at_rest = back_up(data_dir, tmp_path / "at rest.tar")
    assert len(everything) > len(backups[1][1]) > 0
    for file, least, most in [*backups, (at_rest, everything, everything)]:
        folder = tmp_path / f"from {file.name}"
        restore(folder, file)
        with Server(folder) as restored, restored.ingest() as sender, restored.alice() as reader:
            found = all_events(reader)
            assert len(found) == len(set(found))
            assert least <= set(found) <= most
            assert len(least) <= events_counted(reader) <= len(most)
            # What was in it is known as sent before, and what is new is not skipped.
            known, new = found[-5:], [f"later {number}" for number in range(5)]
            for each in (*known, *new):
                post_events(sender, [each])
            assert eventually(lambda: len(all_events(reader)) >= len(found) + 5)  # noqa: B023
            assert sorted(all_events(reader)) == sorted([*found, *new])


def test_the_folder_of_a_killed_server(data_dir: Path, tmp_path: Path) -> None:
    with Server(data_dir) as server:
        with server.ingest() as sender:
            for _ in range(20):
                accept(sender, {"name": "killed", "value": 1})
        server.kill()
    (data_dir / "nowline.toml").write_text('retention = "raw=3d"\n')
    file = back_up(data_dir, tmp_path / "b.tar")
    assert file.stat().st_mode & 0o777 == 0o600
    assert not list(data_dir.glob(".*"))
    copy = tmp_path / "copy"
    restore(copy, file)
    assert (copy / "nowline.toml").read_text() == 'retention = "raw=3d"\n'
    for folder in (data_dir, copy):
        with Server(folder) as server, server.alice() as reader, server.ingest() as sender:
            assert counted(reader, "killed", 20) == 20
            accept(sender, {"name": "killed", "value": 1})
            assert counted(reader, "killed", 21) == 21


def test_no_key_of_the_backup_itself_is_in_it(data_dir: Path, tmp_path: Path) -> None:
    with Server(data_dir):
        run(data_dir, "key", "create", "mine", "--scope", "read")
        file = back_up(data_dir, tmp_path / "b.tar")
    restore(tmp_path / "copy", file)
    for folder in (data_dir, tmp_path / "copy"):
        with closing(sqlite3.connect(folder / "documents.sqlite")) as db:
            assert db.execute("SELECT name FROM api_keys").fetchall() == [("mine",)]


def test_standard_output_takes_it_too(data_dir: Path, tmp_path: Path) -> None:
    with Server(data_dir) as server:
        done = run(data_dir, "backup", "-")
        assert server.stop() == 0
    assert done.returncode == 0
    (tmp_path / "b.tar").write_bytes(done.stdout)
    assert "Restored" in restore(tmp_path / "copy", tmp_path / "b.tar")


def test_restore_wants_the_server_stopped_and_the_folder_empty(
    data_dir: Path, tmp_path: Path
) -> None:
    with Server(data_dir) as server:
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "old", "value": 1})
            assert counted(reader, "old", 1) == 1
        file = back_up(data_dir, tmp_path / "b.tar")
        assert server.url in refused(data_dir, "restore", file, "--replace")
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "new", "value": 1})
            assert counted(reader, "new", 1) == 1
        assert server.stop() == 0
        before = content(data_dir)
        assert "--replace" in refused(data_dir, "restore", file)
        assert content(data_dir) == before
        said = restore(data_dir, file, "--replace").splitlines()
        (aside,) = tmp_path.glob("data.before-restore-*")
        assert said[1] == f"What was there is now in {aside}."
        assert content(aside) == before
        server.start()
        with server.alice() as reader:
            assert (count(reader, "old"), count(reader, "new")) == (1, 0)


def test_a_file_that_is_not_whole_changes_nothing(data_dir: Path, tmp_path: Path) -> None:
    with Server(data_dir) as server:
        file = back_up(data_dir, tmp_path / "b.tar")
        assert server.stop() == 0
    before, whole = content(data_dir), file.read_bytes()
    names = {path.name for path in tmp_path.iterdir()}
    for broken in (whole[:-20_000], whole[: len(whole) // 2], whole[:100], b"", b"no backup" * 99):
        file.write_bytes(broken)
        line = refused(data_dir, "restore", file, "--replace")
        assert str(file) in line
        assert content(data_dir) == before
    with tarfile.open(fileobj=None, name=tmp_path / "b.tar", mode="w") as tar:
        tar.add(data_dir / "secret.key", "../secret.key")
    assert "../secret.key" in refused(data_dir, "restore", file, "--replace")
    assert "No such file" in refused(data_dir, "restore", tmp_path / "none", "--replace")
    assert {path.name for path in tmp_path.iterdir()} == names
    assert content(data_dir) == before


def test_a_store_elsewhere_goes_there_again(data_dir: Path, tmp_path: Path) -> None:
    place = tmp_path / "big disk"
    place.mkdir()
    settings = {"NOWLINE_STORE_URL": f"duckdb://{place}/rows.duckdb"}
    with Server(data_dir, **settings) as server:
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "old", "value": 1})
            assert counted(reader, "old", 1) == 1
        done = run(data_dir, "backup", tmp_path / "b.tar", **settings)
        assert done.returncode == 0, done.stderr
        assert not list(place.glob(".*"))
        server.kill()
        assert str(place) in refused(tmp_path / "c", "restore", tmp_path / "b.tar", **settings)
        assert not (tmp_path / "c").exists()
        done = run(data_dir, "restore", tmp_path / "b.tar", "--replace", **settings)
        assert done.returncode == 0, done.stderr
        assert not (data_dir / "nowline.duckdb").exists()
        server.start()
        with server.alice() as reader:
            assert counted(reader, "old", 1) == 1
        assert run(data_dir, "doctor", **settings).returncode == 0


def test_what_a_killed_backup_leaves_is_gone_with_the_next_start(data_dir: Path) -> None:
    with Server(data_dir) as server:
        server.kill()
        left = data_dir / ".nowline.duckdb.backup-left"
        left.mkdir()
        (left / "nowline.duckdb").touch()
        server.start()
        assert not left.exists()


def test_data_in_postgresql_is_not_backed_up_here(data_dir: Path, tmp_path: Path) -> None:
    run(data_dir, "key", "create", "mine", "--scope", "read")
    file, before = back_up(data_dir, tmp_path / "b.tar"), content(data_dir)
    settings = {"NOWLINE_STORE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    assert "pg_dump" in refused(data_dir, "backup", tmp_path / "other.tar", **settings)
    assert "pg_dump" in refused(data_dir, "restore", file, "--replace", **settings)
    assert content(data_dir) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "data"]
