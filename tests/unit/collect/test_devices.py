from __future__ import annotations

import pytest

from nowline.collect.devices import Partition, is_outward_interface, is_whole_disk, real_mounts


def test_one_device_mounted_several_times_counts_once_by_its_shortest_path() -> None:
    partitions = [
        Partition("/dev/sda1", "/usr/lib", "ext4"),
        Partition("/dev/sda1", "/usr", "ext4"),
        Partition("/dev/sdb1", "/tmp", "xfs"),
    ]
    assert real_mounts(partitions) == ["/", "/usr", "/tmp"]


@pytest.mark.parametrize(
    "partition",
    [
        Partition("/dev/loop3", "/usr", "ext4"),
        Partition("/dev/sdc", "/usr", "squashfs"),
        Partition("tmpfs", "/usr", "tmpfs"),
        Partition("/dev/sda1", "/etc/passwd", "ext4"),
        Partition("/dev/disk1s4", "/System/Volumes/VM", "apfs"),
    ],
)
def test_what_is_no_file_system_of_its_own_is_left_out(partition: Partition) -> None:
    assert real_mounts([partition]) == ["/"]


def test_the_root_is_there_even_when_no_device_backs_it() -> None:
    assert real_mounts([]) == ["/"]


@pytest.mark.parametrize("name", ["loop0", "ram1", "zram0", "dm-0", "md127", "sr0", "no-such-disk"])
def test_layers_and_partitions_are_no_whole_disks(name: str) -> None:
    assert not is_whole_disk(name)


@pytest.mark.parametrize(
    ("name", "outward"),
    [
        *[("eth0", True), ("wlan0", True), ("enp3s0", True), ("lora0", True)],
        *[("lo", False), ("lo0", False), ("Loopback Pseudo-Interface 1", False)],
        ("veth12ab", False),
    ],
)
def test_loopback_and_container_pairs_do_not_lead_out(name: str, outward: bool) -> None:
    assert is_outward_interface(name) is outward
