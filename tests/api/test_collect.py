"""A server that collects what others measure, as its `nowline.toml` says."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from asking import Row, ask, count
from exporter import Exporter, page
from polling import eventually
from postgres import own_server
from redis_server import own_redis
from running import Server


def newest(client: httpx.Client, name: str, **query: object) -> list[Row]:
    """The last value of each series, once there is one."""
    asked = {"aggregation": "last", "interval": "1d", **query}
    return eventually(lambda: ask(client, name, **asked))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "collector"
    made.mkdir(0o700)
    return made


@pytest.fixture
def read_key(reader: httpx.Client, tmp_path: Path) -> Iterator[Path]:
    """A file with a key that may read the other server's metrics."""
    asked = {"name": "scraper", "scopes": ["read"]}
    made = reader.post("/api/v1/keys", json=asked).raise_for_status().json()
    file = tmp_path / "key"
    file.write_text(made["secret"])
    yield file
    reader.delete(f"/api/v1/keys/{made['id']}").raise_for_status()


def test_a_server_scrapes_another(server: Server, read_key: Path, folder: Path) -> None:
    (folder / "nowline.toml").write_text(
        f"""
        [[collect.prometheus]]
        url = "{server.url}/metrics"
        job = "nowline"
        interval = "1s"
        bearer_token_file = "{read_key}"
        tags = {{ env = "test" }}
        """
    )
    place = server.url.removeprefix("http://")
    tags = {"job": "nowline", "instance": place, "env": "test"}
    with Server(folder) as collecting, collecting.alice() as client:
        keys = {"group_by": ["job", "instance", "env"]}
        (metrics,) = newest(client, "nowline_metrics", **keys)
        assert metrics["tags"] == tags
        assert metrics["value"] >= 0
        assert [row["value"] for row in newest(client, "up", **keys)] == [1]
        # Two samples make the first increase.
        assert eventually(lambda: count(client, "nowline_ingest_batches_total") >= 2)
        listed = client.get("/api/v1/metrics", params={"search": "nowline_ingest_batches"})
        (entry,) = listed.json()["metrics"]
        assert entry["type"] == "cumulative"
        assert newest(client, "nowline_ingest_batches_total", aggregation="sum")
        collector = {"filters": {"collector": "prometheus"}}
        assert newest(client, "nowline.collect.up", **collector)[0]["value"] == 1
        assert newest(client, "nowline.collect.samples", **collector)[0]["value"] > 50
        assert collecting.stop() == 0
        assert "is not collected" not in collecting.log()


def test_a_target_that_fails_is_told_and_harms_no_other(folder: Path) -> None:
    with Exporter(page(b"# TYPE shop_orders gauge\nshop_orders 7\n")) as exporter:
        (folder / "nowline.toml").write_text(
            f"""
            [[collect.prometheus]]
            url = "http://127.0.0.1:1/metrics"
            job = "gone"
            interval = "1s"
            [[collect.prometheus]]
            url = "{exporter.url}"
            job = "there"
            interval = "1s"
            """
        )
        with Server(folder) as collecting, collecting.alice() as client:
            assert newest(client, "shop_orders")[0]["value"] == 7
            up = newest(client, "up", group_by=["job"], filters={"job": "gone"})
            assert up == [{**up[0], "value": 0, "tags": {"job": "gone"}}]
            assert eventually(lambda: count(client, "up", filters={"job": "gone"}) >= 3)
            assert collecting.stop() == 0
            lines = [line for line in collecting.log().splitlines() if "not collected" in line]
            assert len(lines) == 1
            assert "prometheus gone 127.0.0.1:1" in lines[0]


def test_a_server_collects_from_postgres_and_redis(folder: Path) -> None:
    database = asyncio.run(own_server().create_database())
    (folder / "nowline.toml").write_text(
        f"""
        [[collect.postgres]]
        url = "{database}"
        interval = "1s"
        [[collect.redis]]
        url = "{own_redis().url}"
        instance = "cache"
        interval = "1s"
        streams = ["orders"]
        """
    )
    with Server(folder) as collecting, collecting.alice() as client:
        assert newest(client, "postgres.max_connections")[0]["value"] == 60
        memory = newest(client, "redis.memory.used_bytes", group_by=["instance"])
        assert memory[0]["tags"] == {"instance": "cache"}
        assert newest(client, "redis.stream.length", group_by=["stream"])[0]["value"] == 0
        kinds = newest(client, "nowline.collect.up", group_by=["collector"])
        assert {row["tags"]["collector"]: row["value"] for row in kinds} == {
            "postgres": 1,
            "redis": 1,
        }
        assert collecting.stop() == 0
    asyncio.run(own_server().drop_database(database))


def test_a_bad_target_stops_the_start(folder: Path) -> None:
    (folder / "nowline.toml").write_text('[[collect.prometheus]]\nurls = "http://h"\n')
    done = subprocess.run(
        [sys.executable, "-m", "nowline", "up", "--data-dir", str(folder), "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == f"nowline: {folder / 'nowline.toml'}: collect.prometheus[0].url: is required"
