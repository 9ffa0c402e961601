"""What happens when the files of a server are somebody else's, or gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from asking import accept, count, counted
from running import Server


def test_a_second_server_on_the_folder_is_refused_by_name(data_dir: Path) -> None:
    with Server(data_dir) as server:
        second = Server(data_dir)
        done = subprocess.run(
            [sys.executable, "-m", "nowline", "up"],
            env=second._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert done.returncode == 1
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert str(data_dir) in line
        assert server.url in line
        assert server.process is not None
        assert f"pid {server.process.pid}" in line
        with server.client() as client:
            assert client.get("/readyz").status_code == 200


def test_nobody_else_may_read_what_it_writes(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o755)
    with Server(data_dir) as server, server.ingest() as sender, server.alice() as reader:
        accept(sender, {"name": "private", "value": 1})
        assert counted(reader, "private", 1) == 1
        modes = {path.name: path.stat().st_mode & 0o077 for path in data_dir.iterdir()}
    assert {"log.sqlite-wal", "nowline.duckdb", "documents.sqlite-wal"} <= set(modes)
    assert set(modes.values()) == {0}


def remove(folder: Path, *patterns: str) -> None:
    parts = [part for pattern in patterns for part in folder.glob(pattern)]
    assert parts
    for part in parts:
        part.unlink()


def test_without_its_log_a_server_keeps_what_was_stored_and_takes_in_more(data_dir: Path) -> None:
    with Server(data_dir) as server:
        with server.ingest() as sender:
            for _ in range(5):
                accept(sender, {"name": "old", "value": 1})
        assert server.stop() == 0
        remove(data_dir, "log.sqlite*")
        server.start()
        with server.ingest() as sender, server.alice() as reader:
            # The new log counts from 1 again: none of these may pass for one already stored.
            for _ in range(3):
                accept(sender, {"name": "new", "value": 1})
            assert counted(reader, "new", 3) == 3
            assert count(reader, "old") == 5
        assert server.stop() == 0
        server.start()
        with server.alice() as reader:
            assert (count(reader, "old"), count(reader, "new")) == (5, 3)


def test_without_its_store_a_server_has_what_the_log_holds_and_skips_nothing(
    data_dir: Path,
) -> None:
    with Server(data_dir) as server:
        with server.ingest() as sender:
            accept(sender, {"name": "old", "value": 1, "tags": {"k": "v"}})
        server.kill()
        remove(data_dir, "nowline.duckdb*", "nowline.segments/*")
        server.start()
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "new", "value": 1}, {"name": "old", "value": 1})
            assert counted(reader, "new", 1) == 1
            assert counted(reader, "old", 2) == 2
        assert server.stop() == 0
        # By now the log holds nothing of these any more, but its offsets went on.
        remove(data_dir, "nowline.duckdb*", "nowline.segments/*")
        server.start()
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "newest", "value": 1})
            assert counted(reader, "newest", 1) == 1
        server.kill()
        server.start()
        with server.alice() as reader:
            assert counted(reader, "newest", 1) == 1
