"""A backup of everything, as one download, for admins."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.types import ASGIApp, Receive, Scope, Send

from nowline.api.guard import caller
from nowline.auth.policy import Action
from nowline.backup.service import Backup, Backups

MEDIA_TYPE = "application/x-tar"


@post("/api/v1/backup", status_code=200, opt={"action": Action.ADMIN}, tags=["operations"])
async def create_backup(
    request: Request[Any, Any, Any], backups: NamedDependency[Backups]
) -> ASGIApp:
    """Back up everything that is on disk now, for `nowline restore`.

    The answer is a tar that is made while it is sent; it is whole if it ends with a manifest.
    """
    return _Download(await backups.begin(caller(request)))


class _Download:
    """Sends a backup, and lets go of it whether or not the client stays."""

    def __init__(self, backup: Backup) -> None:
        self._backup = backup

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        leaving = asyncio.create_task(_gone(receive))
        try:
            await send(self._start())
            async for piece in self._backup.pieces():
                if leaving.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            leaving.cancel()
            await self._backup.close()
        # Who has all of it may count on the copy being gone.
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _start(self) -> Any:  # noqa: ANN401 - a message of ASGI
        disposition = f'attachment; filename="{self._backup.file_name}"'
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-disposition", disposition.encode()),
        ]
        return {"type": "http.response.start", "status": 200, "headers": headers}


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


routes = [create_backup]
