"""The machine that the server runs on: CPU, load, memory, swap, disks, network, processes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import psutil

from nowline.collect.devices import Partition, is_outward_interface, is_whole_disk, real_mounts
from nowline.collect.metrics import Describer, Metric
from nowline.collect.readings import CpuReading, Increments, Occasional
from nowline.model.series import MetricType, Point

_log = logging.getLogger(__name__)

_COUNTER = MetricType.COUNTER
_UNREADABLE = (OSError, psutil.Error, AttributeError, NotImplementedError, RuntimeError, ValueError)

CPU = Metric("host.cpu.percent", "percent", "Time that all cores together spent busy")
CORE = Metric("host.cpu.core.percent", "percent", "Time that one core spent busy")
LOAD = Metric("host.load", "count", "Processes running or waiting to, averaged over a window")
MEMORY_USED = Metric("host.memory.used_bytes", "bytes", "Memory in use, caches left out")
MEMORY_AVAILABLE = Metric("host.memory.available_bytes", "bytes", "Memory free without swapping")
MEMORY_TOTAL = Metric("host.memory.total_bytes", "bytes", "Memory installed")
MEMORY_PERCENT = Metric("host.memory.percent", "percent", "Share of memory not available")
SWAP_USED = Metric("host.swap.used_bytes", "bytes", "Swap space in use")
SWAP_TOTAL = Metric("host.swap.total_bytes", "bytes", "Swap space configured")
SWAP_PERCENT = Metric("host.swap.percent", "percent", "Share of swap space in use")
DISK_USED = Metric("host.disk.used_bytes", "bytes", "Space in use on a file system")
DISK_TOTAL = Metric("host.disk.total_bytes", "bytes", "Size of a file system")
DISK_PERCENT = Metric("host.disk.percent", "percent", "Share of a file system in use")
PROCESSES = Metric("host.processes", "count", "Processes that exist")
DISK_IO = (
    Metric("host.disk.read_bytes", "bytes", "Read from a disk", _COUNTER),
    Metric("host.disk.written_bytes", "bytes", "Written to a disk", _COUNTER),
    Metric("host.disk.reads", "count", "Read operations of a disk", _COUNTER),
    Metric("host.disk.writes", "count", "Write operations of a disk", _COUNTER),
)
NETWORK_IO = (
    Metric("host.net.received_bytes", "bytes", "Received by a network interface", _COUNTER),
    Metric("host.net.sent_bytes", "bytes", "Sent by a network interface", _COUNTER),
)


class HostCollector:
    """Samples the machine once a second, at well under a millisecond of CPU a sample.

    Shares and increments describe the time since the previous sample, so the first sample has
    none. Disk space (every 10th sample) and the process count (every 5th) are read seldom and
    repeated in between, so that their charts have no holes. A source that cannot be read, in a
    container or on another system, is left out and logged once.
    """

    def __init__(self) -> None:
        self._describer = Describer()
        self._cores: list[CpuReading] = []
        self._disks = Increments()
        self._interfaces = Increments()
        self._whole_disks: dict[str, bool] = {}
        self._space = Occasional(_disk_space, every=10)
        self._process_count = Occasional(lambda: len(psutil.pids()), every=5)
        self._unreadable: set[str] = set()

    def sample(self) -> list[Point]:
        """The points of now, without a time (see `collect.schedule`)."""
        points: list[Point] = []
        for source, read in self._sources():
            try:
                points.extend(read())
            except _UNREADABLE as error:
                self._complain(source, error)
        return points

    def _sources(self) -> tuple[tuple[str, Callable[[], Iterator[Point]]], ...]:
        return (
            ("CPU", self._cpu),
            ("load", self._load),
            ("memory", self._memory),
            ("swap", self._swap),
            ("disk space", self._disk_space),
            ("disk I/O", self._disk_io),
            ("network I/O", self._network_io),
            ("processes", self._processes),
        )

    def _complain(self, source: str, error: Exception) -> None:
        if source not in self._unreadable:
            self._unreadable.add(source)
            _log.warning("host metrics: %s cannot be read and is left out: %s", source, error)

    def _cpu(self) -> Iterator[Point]:
        before, now = self._cores, [CpuReading.of(core) for core in psutil.cpu_times(percpu=True)]
        self._cores = now
        if len(before) != len(now):  # the first sample, or cores came or went
            return
        zero = CpuReading(0.0, 0.0)
        total = sum(now, zero).percent_since(sum(before, zero))
        if total is not None:
            yield self._describer.point(CPU, total)
        for core, (previous, current) in enumerate(zip(before, now, strict=True)):
            percent = current.percent_since(previous)
            if percent is not None:
                yield self._describer.point(CORE, percent, {"core": str(core)})

    def _load(self) -> Iterator[Point]:
        for window, load in zip(("1m", "5m", "15m"), psutil.getloadavg(), strict=True):
            yield self._describer.point(LOAD, load, {"window": window})

    def _memory(self) -> Iterator[Point]:
        memory = psutil.virtual_memory()
        yield self._describer.point(MEMORY_USED, memory.used)
        yield self._describer.point(MEMORY_AVAILABLE, memory.available)
        yield self._describer.point(MEMORY_TOTAL, memory.total)
        yield self._describer.point(MEMORY_PERCENT, memory.percent)

    def _swap(self) -> Iterator[Point]:
        swap = psutil.swap_memory()
        yield self._describer.point(SWAP_USED, swap.used)
        yield self._describer.point(SWAP_TOTAL, swap.total)
        yield self._describer.point(SWAP_PERCENT, swap.percent)

    def _disk_space(self) -> Iterator[Point]:
        for mount, (used, total, percent) in self._space().items():
            tags = {"mount": mount}
            yield self._describer.point(DISK_USED, used, tags)
            yield self._describer.point(DISK_TOTAL, total, tags)
            yield self._describer.point(DISK_PERCENT, percent, tags)

    def _disk_io(self) -> Iterator[Point]:
        counters = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        readings = {
            disk: (io.read_bytes, io.write_bytes, io.read_count, io.write_count)
            for disk, io in counters.items()
            if self._is_whole(disk)
        }
        yield from self._increments(DISK_IO, "device", self._disks.advance(readings))

    def _is_whole(self, disk: str) -> bool:
        if disk not in self._whole_disks:
            self._whole_disks[disk] = is_whole_disk(disk)
        return self._whole_disks[disk]

    def _network_io(self) -> Iterator[Point]:
        counters = psutil.net_io_counters(pernic=True, nowrap=False) or {}
        readings = {
            interface: (io.bytes_recv, io.bytes_sent)
            for interface, io in counters.items()
            if is_outward_interface(interface)
        }
        yield from self._increments(NETWORK_IO, "interface", self._interfaces.advance(readings))

    def _increments(
        self, metrics: tuple[Metric, ...], tag: str, increases: dict[str, tuple[int, ...]]
    ) -> Iterator[Point]:
        for source, values in increases.items():
            for metric, value in zip(metrics, values, strict=True):
                yield self._describer.point(metric, value, {tag: source})

    def _processes(self) -> Iterator[Point]:
        yield self._describer.point(PROCESSES, self._process_count())


def _disk_space() -> dict[str, tuple[int, int, float]]:
    """Used bytes, size in bytes and percent in use by mount point."""
    space: dict[str, tuple[int, int, float]] = {}
    mounted = psutil.disk_partitions(all=False)
    for mount in real_mounts(Partition(m.device, m.mountpoint, m.fstype) for m in mounted):
        try:
            usage = psutil.disk_usage(mount)
        except OSError:  # unmounted since, or not ours to look into
            continue
        if usage.total:
            space[mount] = (usage.used, usage.total, usage.percent)
    return space
