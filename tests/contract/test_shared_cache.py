"""What the cache in Redis promises, on a real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from nowline.store.redis import RedisCache
from nowline.store.shared import MOST_BYTES, Position
from polling import eventually_async
from redis_server import own_redis
from sharing import HERE, TTL_MS, keep, sharing, stamp, value

A = ("cpu", b"a")
B = ("cpu", b"b")
OTHER = ("memory", b"a")


@pytest.fixture
def url() -> str:
    return own_redis().database()


async def test_what_is_put_is_there_by_metric_and_name(url: str) -> None:
    async with sharing(url) as cache:
        await keep(cache, A, b"one")
        await keep(cache, OTHER, b"\x00" * 100_000)
        fetched = await cache.get([A, B, OTHER])
        assert fetched.values == {A: b"one", OTHER: b"\x00" * 100_000}
        assert set(fetched.stamps) == {"cpu", "memory"}


async def test_hits_misses_and_bytes_are_counted(url: str) -> None:
    async with sharing(url) as cache:
        await keep(cache, A, b"one")
        before = (cache.tally.hits, cache.tally.misses, cache.tally.read_bytes)
        await cache.get([A, B])
        after = (cache.tally.hits, cache.tally.misses, cache.tally.read_bytes)
        assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 3]
        assert (cache.tally.written_bytes, cache.errors) == (3, 0)


async def test_a_value_expires(url: str) -> None:
    async with sharing(url) as cache:

        async def is_gone() -> bool:
            return await value(cache, A) is None

        await keep(cache, A, b"one", ttl_ms=500)
        assert await eventually_async(is_gone)


async def test_a_value_that_is_too_large_is_not_kept(url: str) -> None:
    async with sharing(url) as cache:
        cache.put(A, bytes(MOST_BYTES + 1), await stamp(cache, "cpu"), TTL_MS)
        await keep(cache, B, bytes(MOST_BYTES))
        assert await value(cache, A) is None


async def test_a_revised_metric_has_no_values_from_that_moment_on(url: str) -> None:
    async with sharing(url) as cache:
        await keep(cache, A, b"one")
        await keep(cache, B, b"two")
        await keep(cache, OTHER, b"three")
        cache.revise(["cpu"])
        assert (await cache.get([A, B, OTHER])).values == {OTHER: b"three"}
        await stamp(cache, "cpu")
        assert (await cache.get([A, B, OTHER])).values == {OTHER: b"three"}


async def test_a_value_from_before_a_revision_is_never_good(url: str) -> None:
    async with sharing(url) as cache:
        before = await stamp(cache, "cpu")
        cache.revise(["cpu"])
        await stamp(cache, "cpu")
        cache.put(A, b"out of date", before, TTL_MS)
        await keep(cache, B, b"of now")
        assert await value(cache, A) is None


async def test_other_servers_of_the_store_are_told_of_a_revision(url: str) -> None:
    async with sharing(url) as one, sharing(url) as two:
        await stamp(two, "cpu")
        await keep(one, A, b"one")
        assert await value(two, A) == b"one"

        async def is_gone() -> bool:
            return await value(one, A) is None

        two.revise(["cpu"])
        assert await eventually_async(is_gone)


async def test_stores_do_not_see_each_others_values(url: str) -> None:
    async with sharing(url) as one, sharing(url, namespace="another") as two:
        await keep(one, A, b"one")
        await stamp(two, "cpu")
        assert await value(two, A) is None


async def test_a_value_survives_an_orderly_restart(url: str) -> None:
    async with sharing(url) as before:
        await keep(before, A, b"one")
        before.put(B, b"put at the last moment", await stamp(before, "cpu"), TTL_MS)
    async with sharing(url, HERE._replace(start=HERE.start + 1)) as after:
        await stamp(after, "cpu")
        kept = {A: b"one", B: b"put at the last moment"}
        assert (await after.get([A, B])).values == kept


async def test_a_revision_at_the_last_moment_survives_a_restart(url: str) -> None:
    async with sharing(url) as before:
        await keep(before, A, b"one")
        await keep(before, OTHER, b"two")
        before.revise(["cpu"])
    async with sharing(url) as after:
        await stamp(after, "cpu")
        assert (await after.get([A, OTHER])).values == {OTHER: b"two"}


async def test_a_revision_before_the_first_answer_of_redis_counts(url: str) -> None:
    async with sharing(url) as before:
        await keep(before, A, b"one")
        await keep(before, OTHER, b"two")
    async with sharing(url) as after:
        after.revise(["cpu"])
        await stamp(after, "cpu")
        assert (await after.get([A, OTHER])).values == {OTHER: b"two"}


@pytest.mark.parametrize(
    ("left", "position"),
    [
        pytest.param(None, HERE, id="a crash"),
        pytest.param(HERE, HERE._replace(offset=6), id="an older store, as restored"),
        pytest.param(HERE, HERE._replace(offset=8), id="a newer store"),
        pytest.param(HERE, HERE._replace(start=999), id="windows that reach back further"),
        pytest.param(HERE, None, id="a server that does not say where it is"),
    ],
)
async def test_nothing_survives_anything_else(
    url: str, left: Position | None, position: Position | None
) -> None:
    async with sharing(url, left=left) as before:
        await keep(before, A, b"one")
    async with sharing(url, position) as after:
        await stamp(after, "cpu")
        assert await value(after, A) is None


async def test_a_crash_is_not_taken_for_the_stop_before_it(url: str) -> None:
    async with sharing(url):
        pass
    async with sharing(url, left=None) as crashed:
        await keep(crashed, A, b"one")
    async with sharing(url) as after:
        await stamp(after, "cpu")
        assert await value(after, A) is None


async def test_a_value_sealed_by_somebody_else_is_a_miss(url: str) -> None:
    async with sharing(url) as before:
        await keep(before, A, b"one")
    async with sharing(url, secret=b"another") as after:
        await stamp(after, "cpu")
        assert await value(after, A) is None


def _overwrite(text: bytes) -> Callable[[redis.Redis, bytes], None]:
    def harm(client: redis.Redis, key: bytes) -> None:
        client.set(key, text)

    return harm


def _change_a_bit(client: redis.Redis, key: bytes) -> None:
    client.setbit(key, 100, 1 - client.getbit(key, 100))


def _cut_short(client: redis.Redis, key: bytes) -> None:
    client.set(key, (client.get(key) or b"")[:-1])


def _make_longer(client: redis.Redis, key: bytes) -> None:
    client.append(key, b"\x00")


def _make_a_list(client: redis.Redis, key: bytes) -> None:
    client.delete(key)
    client.rpush(key, b"one", b"two")


@pytest.mark.parametrize("kind", ["value", "token"])
@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(_overwrite(b""), id="empty"),
        pytest.param(_overwrite(b"\x01"), id="one byte"),
        pytest.param(_overwrite(b"\x01" * 17), id="a seal of nothing"),
        pytest.param(_overwrite(bytes(range(256)) * 40_000), id="10 MB"),
        _change_a_bit,
        _cut_short,
        _make_longer,
        _make_a_list,
    ],
)
async def test_hostile_bytes_are_a_miss(
    url: str, kind: str, harm: Callable[[redis.Redis, bytes], None]
) -> None:
    async with sharing(url) as cache:
        await keep(cache, A, b"one")
        with own_redis().client(url) as client:
            for key in client.keys(f"nowline:store:{kind}*"):
                harm(client, key)
        assert await value(cache, A) is None
        cache.revise(["cpu"])


async def test_values_that_changed_places_are_misses(url: str) -> None:
    async with sharing(url) as cache:
        await keep(cache, A, b"one")
        await keep(cache, B, b"two")
        with own_redis().client(url) as client:
            first, second = sorted(client.keys("nowline:store:value:*"))
            client.rename(first, "between")
            client.rename(second, first)
            client.rename("between", second)
        assert (await cache.get([A, B])).values == {}


async def test_a_forged_note_is_of_no_use(url: str) -> None:
    async with sharing(url, left=None) as before:
        await keep(before, A, b"one")
    with own_redis().client(url) as client:
        client.set("nowline:store:note", b"\x01" + bytes(16) + b"%d %d" % HERE)
    async with sharing(url) as after:
        await stamp(after, "cpu")
        assert await value(after, A) is None


async def test_values_do_not_come_back_when_their_token_was_evicted(url: str) -> None:
    async with sharing(url) as cache:
        await keep(cache, A, b"one")
        with own_redis().client(url) as client:
            client.delete(*client.keys("nowline:store:token*"))
        assert await value(cache, A) is None
        await stamp(cache, "cpu")
        assert await value(cache, A) is None


async def test_everything_that_is_kept_expires(url: str) -> None:
    async with sharing(url) as cache:
        await keep(cache, A, b"one")
    with own_redis().client(url) as client:
        kept = {key: client.pttl(key) for key in client.keys("*")}
    assert len(kept) == 4
    assert all(0 < left_ms <= 86_400_000 for left_ms in kept.values())


async def test_many_names_of_many_metrics_at_once(url: str) -> None:
    names = [(f"metric {n % 7}", b"%d" % n) for n in range(50)]
    async with sharing(url) as cache:
        for name in names:
            cache.put(name, name[1], await stamp(cache, name[0]), TTL_MS)

        async def all_there() -> bool:
            return len((await cache.get(names)).values) == len(names)

        assert await eventually_async(all_there)
        assert (await cache.get(names)).values == {name: name[1] for name in names}


def test_an_unused_cache_needs_no_redis() -> None:
    assert RedisCache("redis://127.0.0.1:1/0", "store", b"x").errors == 0
