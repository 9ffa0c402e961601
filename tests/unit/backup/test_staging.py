from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nowline.backup import archive, staging
from nowline.backup.staging import Sources
from nowline.bus.logfile import LogFile
from nowline.errors import Code, NowlineError
from nowline.model.event import Event, Happened
from nowline.model.query import DAY_MS
from nowline.store.activity_sqlite import SqliteActivity

NOW = 1_800_000_000_000


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    (tmp_path / "data").mkdir()
    return Sources.of(tmp_path / "data", tmp_path / "data" / "nowline.duckdb")


@pytest.fixture
def log(sources: Sources) -> Iterator[LogFile]:
    """A log in use that holds ten records."""
    with closing(LogFile(sources.log)) as made:
        made.append(1, [b"x"] * 10)
        yield made


async def nothing(_folder: Path, _log_id: str) -> int:
    return 0


@pytest.mark.parametrize(("stored", "held"), [(8, [9, 10]), (10, []), (12, [])])
async def test_what_the_log_forgets_meanwhile_is_in_the_copy_all_the_same(
    sources: Sources, log: LogFile, stored: int, held: list[int]
) -> None:
    async def take(_folder: Path, log_id: str) -> int:
        """The store is copied, then goes on, and the log forgets all that it has by then."""
        assert log_id == log.id
        log.append(11, [b"later"] * 2)
        log.save({"store": 12, "windows": 12})
        return stored

    staged = await staging.stage(sources, take, NOW)
    with closing(LogFile(staged.folder / archive.LOG)) as copy:
        assert [record.offset for record in copy.read(0, 100)] == held
        assert copy.head() >= stored
    assert (staged.about.log_id, staged.about.log_offset) == (log.id, stored)


@pytest.mark.parametrize(("stored", "kept"), [(8, 6), (6, 9), (10, 3), (12, 12)])
async def test_what_one_store_has_and_the_other_has_not_stays_in_the_log(
    sources: Sources, log: LogFile, stored: int, kept: int
) -> None:
    events = await SqliteActivity.open(sources.activity, DAY_MS)

    async def take(_folder: Path, log_id: str) -> int:
        """Events go on being kept while the other store is copied."""
        await events.append(Happened([Event("A", NOW, "e")], [7]), log_id, kept, NOW)
        return stored

    staged = await staging.stage(sources, take, NOW)
    await events.close()
    with closing(LogFile(staged.folder / archive.LOG)) as copy:
        held = [record.offset for record in copy.read(0, 100)]
        assert held == [*range(min(stored, kept) + 1, 11)]
        assert copy.head() == max(stored, kept, 10)
    copied = await SqliteActivity.open(staged.folder / archive.ACTIVITY, DAY_MS)
    assert await copied.offset(log.id) == kept
    assert [each.event_id for each in await copied.since(0)] == ["e"]
    assert await copied.known([7], NOW) == {7}
    await copied.close()
    assert staged.about.log_offset == stored


async def test_a_folder_with_nothing_in_it_is_refused_and_stays_so(sources: Sources) -> None:
    with pytest.raises(NowlineError, match="nothing to back up") as refused:
        await staging.stage(sources, nothing, NOW)
    assert refused.value.code is Code.NOT_FOUND
    assert list(sources.log.parent.iterdir()) == []


async def test_a_file_that_cannot_be_read_is_told_in_one_line(sources: Sources) -> None:
    sources.documents.write_bytes(b"no database " * 100)
    with pytest.raises(NowlineError, match="could not be made") as refused:
        await staging.stage(sources, nothing, NOW)
    assert refused.value.code is Code.UNAVAILABLE
    assert list(sources.log.parent.iterdir()) == [sources.documents]


async def test_what_was_left_over_is_removed_and_nothing_else(sources: Sources) -> None:
    sources.signing_key.write_text("k")
    staged = await staging.stage(sources, nothing, NOW)
    other = sources.log.parent / ".other.duckdb.backup-x"
    other.mkdir()
    staging.remove_left_over(sources)
    assert not staged.folder.exists()
    assert other.exists()
