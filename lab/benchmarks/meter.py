"""Processor time and memory of a process and all its children, from /proc (Linux)."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024
_PROCESS_FIELDS = (0, 1, 2)  # user, nice and system among the numbers of a cpu line of /proc/stat
_STEAL_FIELD = 7


@dataclass(frozen=True, slots=True)
class CpuReading:
    """A reading. at: seconds of the monotonic clock. The others: seconds since boot, or since the process started.

    used: by the process tree. core_busy: its core, by any process (without interrupts).
    core_stolen: by the hypervisor.
    """

    at: float
    used: float
    core_busy: float
    core_stolen: float


class Meter:
    """Measures the tree of a process that is pinned to one core."""

    def __init__(self, pid: int, core: int, proc: Path = Path("/proc")) -> None:
        self._pid = pid
        self._core = core
        self._proc = proc

    def cpu(self) -> CpuReading:
        """User and system time of every process in the tree, including ended children."""
        ticks = sum(self._ticks(pid) for pid in self._tree())
        busy, stolen = self._core_ticks()
        return CpuReading(perf_counter(), ticks / _TICKS, busy / _TICKS, stolen / _TICKS)

    def memory(self) -> float:
        """MB (10^6 bytes) of proportional set size: pages that several processes share count once."""
        return sum(self._pss_kib(pid) for pid in self._tree()) * _KIB / 1e6

    def _tree(self) -> list[int]:
        children: dict[int, list[int]] = defaultdict(list)
        for entry in self._proc.iterdir():
            if entry.name.isdigit() and (fields := self._stat(int(entry.name))):
                children[int(fields[1])].append(int(entry.name))
        tree = [self._pid]
        for pid in tree:
            tree.extend(children[pid])
        return tree

    def _stat(self, pid: int) -> list[str]:
        """The fields after the command's name (which may hold spaces and brackets); empty after the process ended."""
        try:
            return (self._proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return []

    def _ticks(self, pid: int) -> int:
        return sum(int(field) for field in self._stat(pid)[11:15])  # utime stime cutime cstime

    def _pss_kib(self, pid: int) -> int:
        try:
            text = (self._proc / str(pid) / "smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)

    def _core_ticks(self) -> tuple[int, int]:
        lines = (self._proc / "stat").read_text().splitlines()
        line = next(line for line in lines if line.startswith(f"cpu{self._core} "))
        numbers = [int(number) for number in line.split()[1:9]]
        return sum(numbers[field] for field in _PROCESS_FIELDS), numbers[_STEAL_FIELD]
