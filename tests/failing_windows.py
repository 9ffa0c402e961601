"""`nowline`, with windows that fail or stand still for as long as a file says so.

Usage: failing_windows.py FILE [nowline's arguments]. What the file says is done to every fold, and
to every try to build the windows anew: `raise` or `hang`; where there is no file, all is well.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from nowline.cli import main
from nowline.rollup.window import Windows
from nowline.rollup.window_worker import WindowWorker
from nowline.store.base import Rows

_FILE = Path(sys.argv.pop(1))
_fold, _restore, _increases_of = Windows.fold, Windows.restore, WindowWorker._increases_of


def _trouble() -> str:
    return _FILE.read_text() if _FILE.exists() else ""


def _failing_fold(self: Windows, *args: object, **more: object) -> None:
    if _trouble() == "raise":
        raise ValueError("a fold failed")
    _fold(self, *args, **more)  # type: ignore[arg-type]


def _failing_restore(self: Windows, *args: object) -> None:
    if _trouble():
        raise ValueError("nothing can be restored")
    _restore(self, *args)  # type: ignore[arg-type]


async def _hanging(self: WindowWorker, rows: Rows) -> Rows:
    if _trouble() == "hang":
        await asyncio.Event().wait()
    return await _increases_of(self, rows)


if __name__ == "__main__":
    Windows.fold = _failing_fold  # type: ignore[method-assign]
    Windows.restore = _failing_restore  # type: ignore[assignment, method-assign]
    WindowWorker._increases_of = _hanging  # type: ignore[method-assign]
    raise SystemExit(main())
