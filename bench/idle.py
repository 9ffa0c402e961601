"""What a server costs that only watches its own machine: with nobody looking, and with one."""

from __future__ import annotations

import asyncio

import httpx

from bench.product import Product, product
from bench.report import report, seconds_asked
from bench.viewer import watch

_SETTLE_S = 5


def main() -> None:
    asyncio.run(_main(seconds_asked(60)))


async def _main(seconds: int) -> None:
    with product(host_metrics=True) as running:
        await asyncio.sleep(_SETTLE_S)
        rows = [await _measure(running, "nobody", seconds)]
        frames: list[bytes] = []
        key = running.reader_key()
        viewer = await watch(running.url, key, _dashboard(running, key), frames.append)
        await asyncio.sleep(_SETTLE_S)
        rows.append(await _measure(running, "one dashboard", seconds))
        viewer.close()
        assert frames
    report("idle", rows)


async def _measure(running: Product, watching: str, seconds: int) -> dict[str, str | float]:
    before = running.cpu_s()
    await asyncio.sleep(seconds)
    percent = (running.cpu_s() - before) / seconds * 100
    return {
        "watching": watching,
        "seconds": seconds,
        "cpu_percent_of_one_core": round(percent, 2),
        "rss_mb": running.memory_mb(),
    }


def _dashboard(running: Product, key: str) -> list[dict[str, object]]:
    """The subscriptions of the host dashboard."""
    headers = {"authorization": f"Bearer {key}"}
    template = httpx.get(f"{running.url}/api/v1/templates/host", headers=headers).json()
    return [
        {"type": "subscribe", "id": w["id"], "query": w["config"]["query"], "interval": "1s"}
        for w in template["widgets"]
        if "query" in w["config"]
    ]


if __name__ == "__main__":
    main()
