"""A real server whose windows fail when told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from running import Server

PROGRAM = Path(__file__).parent / "failing_windows.py"


class FailingServer(Server):
    """A server whose windows fail when told."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder, **settings)
        self._file = folder.parent / "trouble"
        self.program = (str(PROGRAM), str(self._file))

    @contextmanager
    def trouble(self, kind: str) -> Iterator[None]:
        """Have the windows `raise` or `hang`."""
        self._file.write_text(kind)
        yield
        self._file.unlink()
