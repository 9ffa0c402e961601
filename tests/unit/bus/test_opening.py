"""Which log a URL names."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from nowline.bus.embedded import EmbeddedLog
from nowline.bus.logfile import LogFile
from nowline.bus.opening import open_log
from nowline.bus.redis import RedisLog
from nowline.errors import Code, NowlineError
from redis_server import durable_redis


async def test_the_embedded_log_is_in_the_folder(tmp_path: Path) -> None:
    log = await open_log("memory:", tmp_path)
    assert isinstance(log, EmbeddedLog)
    await log.close()
    assert (tmp_path / "log.sqlite").exists()


async def test_a_log_in_redis_leaves_a_name_in_the_folder(tmp_path: Path) -> None:
    log = await open_log(durable_redis().database(), tmp_path)
    assert isinstance(log, RedisLog)
    await log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["redis-log.id"]
    assert (tmp_path / "redis-log.id").stat().st_mode & 0o077 == 0


async def test_records_of_the_embedded_log_are_not_left_behind(tmp_path: Path) -> None:
    url = durable_redis().database()
    with closing(LogFile(tmp_path / "log.sqlite")) as file:
        file.append(1, [b"one", b"two"])
    with pytest.raises(NowlineError, match="holds 2 records that may not be stored") as refused:
        await open_log(url, tmp_path)
    assert refused.value.code is Code.CONFLICT
    with closing(LogFile(tmp_path / "log.sqlite")) as file:
        file.save({"store": 2})
    await (await open_log(url, tmp_path)).close()


async def test_a_log_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").write_bytes(b"no database " * 1_000)
    with pytest.raises(NowlineError, match="cannot be read"):
        await open_log(durable_redis().database(), tmp_path)


async def test_what_a_start_has_salvaged_is_not_left_behind(tmp_path: Path) -> None:
    with closing(LogFile(tmp_path / "log.sqlite.salvaged")) as file:
        file.append(1, [b"one"])
    with pytest.raises(NowlineError, match="holds 1 records that may not be stored"):
        await open_log(durable_redis().database(), tmp_path)
