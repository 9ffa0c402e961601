"""What a server costs: CPU, memory, bytes on disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one process and its data folder."""

    process: psutil.Process
    folder: Path

    def cpu_s(self) -> float:
        """Seconds of CPU that it has used so far."""
        used = self.process.cpu_times()
        return float(used.user + used.system)

    def memory_mb(self) -> float:
        """Its resident memory."""
        return round(self.process.memory_info().rss / 1e6, 1)

    def peak_mb(self) -> float:
        """The most memory that it had resident since `forget_peak`."""
        found = _PEAK.search(self._proc("status").read_text())
        assert found
        return round(int(found[1]) * 1024 / 1e6, 1)

    def forget_peak(self) -> None:
        """Begin to look for the peak anew (proc(5), `clear_refs`)."""
        self._proc("clear_refs").write_text("5")

    def disk_bytes(self) -> int:
        """What its folder takes of the disk; holes in files are free."""
        return sum(p.stat().st_blocks * 512 for p in self.folder.rglob("*") if p.is_file())

    def _proc(self, name: str) -> Path:
        return Path(f"/proc/{self.process.pid}/{name}")
