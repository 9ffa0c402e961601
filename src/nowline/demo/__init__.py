"""An honest demonstration: a simulated shop that speaks only the public ingest API."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from datetime import timedelta

import httpx

from nowline.demo.client import DemoError, run_demo
from nowline.demo.shop import Shop

__all__ = ["Shop", "run"]


async def run(
    url: str,
    key: str,
    *,
    rate: float = 20.0,
    backfill: timedelta | None = None,
    seed: int = 1,
    duration: timedelta | None = None,
) -> int:
    """Simulate the shop against a server until Ctrl-C, SIGTERM or the end of `duration`.

    Args:
        url: The server's address, e.g. `http://127.0.0.1:8000`.
        key: An API key with the scope `ingest`.
        rate: The shop's API calls per second, on average over a week.
        backfill: How much history to send first.
        seed: Which shop; one seed is always the same shop.
        duration: How long to stay live once the history is sent; None is for ever.

    Returns:
        The exit status: 0 when it ended as asked, 1 when an argument is out of range or the
        server refuses the data; the reason is then one line on stderr.
    """
    backfill_s = int(backfill.total_seconds()) if backfill else 0
    duration_s = int(duration.total_seconds()) if duration is not None else None
    try:
        shop = Shop(seed, rate)
        http = httpx.AsyncClient(
            base_url=_address(url),
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
            trust_env=False,  # a proxy between two programs on one machine helps nobody
        )
    except (ValueError, httpx.InvalidURL) as error:
        return _refuse(str(error))
    async with http:
        return await _until_stopped(
            asyncio.create_task(run_demo(http, shop, backfill_s, duration_s))
        )


def _address(url: str) -> httpx.URL:
    """The server's address.

    Raises:
        ValueError: It is none.
    """
    address = httpx.URL(url)
    if address.scheme not in ("http", "https") or not address.host:
        raise ValueError(f"{url!r} is no address; it should look like http://127.0.0.1:8000")
    if (address.port or 0) > 65_535:
        raise ValueError(f"{url!r} has no possible port")
    return address


async def _until_stopped(task: asyncio.Task[None]) -> int:
    """The exit status of `task`; the signals that ask a program to end cancel it."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(name, task.cancel)
    try:
        await asyncio.wait({task})
    finally:
        task.cancel()
        for name in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(name)
    if task.cancelled():
        sys.stdout.write("\nthe shop is closed\n")
        return 0
    try:
        task.result()
    except DemoError as error:
        return _refuse(str(error))
    return 0


def _refuse(reason: str) -> int:
    sys.stderr.write(f"nowline demo: {reason}\n")
    return 1
