"""Which of the machine's mounts, disks and network interfaces are worth a series."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_SYS_BLOCK = Path("/sys/block")
_UNREAL_FILE_SYSTEMS = frozenset(
    {"squashfs", "overlay", "tmpfs", "devtmpfs", "ramfs", "iso9660", "udf", "autofs", "erofs"}
)
_IMAGE_DEVICE = re.compile(r"^/dev/(loop|ram|zram)\d+")
_SYSTEM_VOLUME = re.compile(r"^(/System/Volumes/|/private/var/vm|/snap/|/var/lib/(docker|snapd)/)")
_VIRTUAL_DISK = re.compile(r"^(loop|ram|zram|dm-|md|sr|fd|nbd)\d")
_VIRTUAL_INTERFACE = re.compile(r"^(lo\d*$|loopback|veth|cali|flannel|cni|vnet|tap)", re.IGNORECASE)


class Partition(NamedTuple):
    """A mounted file system."""

    device: str
    mountpoint: str
    fstype: str


def real_mounts(partitions: Iterable[Partition]) -> list[str]:
    """The mount points to report: one per device, its shortest path, real file systems only.

    The root is always among them, for in a container it is an overlay that no device backs.
    """
    by_device: dict[str, str] = {}
    for part in sorted(partitions, key=lambda each: len(each.mountpoint)):
        if _is_real(part):
            by_device.setdefault(part.device, part.mountpoint)
    root = [Path("/").as_posix()] if Path("/").is_mount() else []
    return list(dict.fromkeys([*root, *by_device.values()]))


def _is_real(part: Partition) -> bool:
    return (
        part.fstype not in _UNREAL_FILE_SYSTEMS
        and not _IMAGE_DEVICE.match(part.device)
        and not _SYSTEM_VOLUME.match(part.mountpoint)
        # Containers see single files (/etc/hosts) mounted from the host's disk.
        and Path(part.mountpoint).is_dir()
    )


def is_whole_disk(name: str) -> bool:
    """Whether `name` is a disk itself: no partition, nor a layer (LVM, RAID, loop) over disks."""
    if _VIRTUAL_DISK.match(name):
        return False
    if not _SYS_BLOCK.is_dir():
        return True
    # The kernel writes the slash in names such as cciss/c0d0 as an exclamation mark.
    return (_SYS_BLOCK / name.replace("/", "!") / "device").exists()


def is_outward_interface(name: str) -> bool:
    """Whether `name` leads out of the machine; loopback and per-container pairs do not."""
    return not _VIRTUAL_INTERFACE.match(name)
