from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nowline.lock import FILE_NAME, DirectoryLock, LockedError, address_of

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, pathlib
from nowline.lock import DirectoryLock
lock = DirectoryLock.acquire(pathlib.Path(sys.argv[1]))
lock.announce("http://127.0.0.1:8123")
print("held", flush=True)
sys.stdin.read()
"""


def test_second_server_is_told_pid_address_and_folder_until_the_first_is_killed(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError) as caught:
            DirectoryLock.acquire(tmp_path)
        assert str(caught.value).startswith(
            f"Nowline already runs on {tmp_path} (pid {holder.pid}, http://127.0.0.1:8123);"
        )
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with DirectoryLock.acquire(tmp_path):
        pass


def test_released_lock_may_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with DirectoryLock.acquire(tmp_path) as lock:
            lock.announce("http://127.0.0.1:1")
    assert (tmp_path / FILE_NAME).read_bytes() == b""


def test_server_that_still_starts_has_no_address_yet(tmp_path: Path) -> None:
    with (
        DirectoryLock.acquire(tmp_path),
        pytest.raises(LockedError, match=r"\(pid \d+, still starting\)"),
    ):
        DirectoryLock.acquire(tmp_path)


def test_a_shorter_address_leaves_nothing_of_the_longer(tmp_path: Path) -> None:
    with DirectoryLock.acquire(tmp_path) as lock:
        lock.announce("http://localhost.example:65535")
        lock.announce("http://a:1")
        assert (tmp_path / FILE_NAME).read_text().split(" ")[1] == "http://a:1\n"


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    with pytest.raises(LockedError, match=f"^Cannot open {re.escape(str(missing))}"):
        DirectoryLock.acquire(missing)


def test_address_is_known_from_announcement_to_release(tmp_path: Path) -> None:
    assert address_of(tmp_path) is None
    with DirectoryLock.acquire(tmp_path) as lock:
        assert address_of(tmp_path) is None
        lock.announce("http://[::1]:8000")
        assert address_of(tmp_path) == "http://[::1]:8000"
    assert address_of(tmp_path) is None
