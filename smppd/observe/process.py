"""What Prometheus's clients tell of a process: its memory, CPU, files, start.

Their own collector wants /proc/stat, which a hardened unit hides (ProcSubset=pid), and tells nothing without
it. What this process may not know of itself is left out.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SELF = Path("/proc/self")
#: Where field 22 of /proc/PID/stat, its start in ticks since the boot, stands behind the name (proc(5)).
_START = 19


class OwnProcess(Collector):
    """This process."""

    def __init__(self) -> None:
        self._started: float | None = None
        with suppress(OSError):
            ticks = int((_SELF / "stat").read_bytes().rpartition(b")")[2].split()[_START])
            age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
            self._started = time.time() - age

    def collect(self) -> Iterator[Metric]:
        """Under the names that all clients of Prometheus give them."""
        cpu = "Total user and system CPU time spent in seconds."
        yield CounterMetricFamily("process_cpu_seconds_total", cpu, value=time.process_time())
        if self._started is not None:
            start = "Start time of the process since unix epoch in seconds."
            yield GaugeMetricFamily("process_start_time_seconds", start, value=self._started)
        with suppress(OSError):
            virtual, resident = map(int, (_SELF / "statm").read_bytes().split()[:2])
            page = resource.getpagesize()
            told = "Virtual memory size in bytes."
            yield GaugeMetricFamily("process_virtual_memory_bytes", told, value=virtual * page)
            told = "Resident memory size in bytes."
            yield GaugeMetricFamily("process_resident_memory_bytes", told, value=resident * page)
        with suppress(OSError):
            count = sum(1 for _ in (_SELF / "fd").iterdir())
            yield GaugeMetricFamily(
                "process_open_fds", "Number of open file descriptors.", value=count
            )
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield GaugeMetricFamily(
            "process_max_fds", "Maximum number of open file descriptors.", value=most
        )
