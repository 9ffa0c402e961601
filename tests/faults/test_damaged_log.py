"""A server whose log is damaged starts, says so, and has everything else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

from asking import accept, counted
from polling import eventually
from running import Server

PAGE = 4096


def test_a_damaged_page_takes_few_batches_with_it(data_dir: Path) -> None:
    with Server(data_dir) as server:
        with server.ingest() as sender, server.alice() as reader:
            # Texts that cannot be told in fewer bytes, so that a page has few batches.
            random = Random(1)
            for _ in range(60):
                tags = {tag: random.randbytes(450).hex() for tag in "ab"}
                accept(sender, {"name": "kept", "value": 1, "tags": tags})
            assert counted(reader, "kept", 60) == 60
        server.kill()
        path = data_dir / "log.sqlite"
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            sql = "SELECT pageno FROM dbstat WHERE name = 'records' AND pagetype = 'leaf'"
            pages = [number for (number,) in db.execute(sql)]
        with path.open("r+b") as file:
            file.seek((pages[len(pages) // 2] - 1) * PAGE)
            file.write(b"\xff" * PAGE)
        server.start()
        with server.ingest() as sender, server.alice() as reader:

            def dead() -> int:
                return len(reader.get("/api/v1/dead-letters").json()["dead_letters"])

            assert eventually(dead) > 0
            lost = dead()
            assert lost < 10
            assert counted(reader, "kept", 60 - lost) == 60 - lost
            accept(sender, {"name": "after", "value": 1})
            assert counted(reader, "after", 1) == 1
        assert "it is now" in server.log()
        assert list(data_dir.glob("log.sqlite.damaged-*"))
        assert server.stop() == 0


def test_a_file_that_is_no_log_stops_nothing(data_dir: Path) -> None:
    with Server(data_dir) as server:
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "kept", "value": 1})
            assert counted(reader, "kept", 1) == 1
        assert server.stop() == 0
        (data_dir / "log.sqlite").write_bytes(b"something else " * 1_000)
        server.start()
        with server.ingest() as sender, server.alice() as reader:
            accept(sender, {"name": "kept", "value": 1})
            assert counted(reader, "kept", 2) == 2
        assert "a new log begins" in server.log()
        assert "Traceback" not in server.log()
