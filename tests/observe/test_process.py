from __future__ import annotations

import pytest
from prometheus_client import ProcessCollector
from prometheus_client.registry import Collector

from smppd.observe.process import OwnProcess


def told(collector: Collector) -> dict[str, float]:
    return {each.samples[0].name: each.samples[0].value for each in collector.collect()}


def test_a_process_tells_what_those_of_all_clients_tell() -> None:
    usual, ours = told(ProcessCollector(registry=None)), told(OwnProcess())
    assert len(usual) == 6
    assert ours.keys() == usual.keys()
    for name in ("process_max_fds", "process_open_fds"):
        assert ours[name] == usual[name]
    # /proc/stat tells the second of the boot, and no fraction of it.
    start, cpu = "process_start_time_seconds", "process_cpu_seconds_total"
    assert ours[start] == pytest.approx(usual[start], abs=2)
    assert ours[cpu] == pytest.approx(usual[cpu], abs=1)
    assert ours["process_virtual_memory_bytes"] > ours["process_resident_memory_bytes"]
    assert ours["process_resident_memory_bytes"] == pytest.approx(
        usual["process_resident_memory_bytes"], rel=0.3
    )
