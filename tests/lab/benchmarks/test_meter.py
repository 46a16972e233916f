"""The cost of a process tree, from a simulated /proc."""

import os
from pathlib import Path

import pytest

from lab.benchmarks.meter import Meter

_TICKS = os.sysconf("SC_CLK_TCK")


def process(proc: Path, pid: int, parent: int, ticks: tuple[int, int, int, int], pss: int) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    times = " ".join(map(str, ticks))
    (folder / "stat").write_text(f"{pid} (a (b) c) S {parent} 0 0 0 0 0 0 0 0 0 {times} 20 0")
    (folder / "smaps_rollup").write_text(f"head\nRss: 999 kB\nPss:    {pss} kB\nPss_Dirty: 1 kB\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    process(tmp_path, 10, 1, (100, 20, 3, 4), 1000)
    process(tmp_path, 11, 10, (50, 5, 0, 0), 500)
    process(tmp_path, 12, 11, (7, 0, 0, 0), 100)
    process(tmp_path, 20, 1, (9999, 0, 0, 0), 9999)
    (tmp_path / "stat").write_text("cpu  1 1 1 1 1 1 1 1\ncpu0 9 9 9 9 9 9 9 9\ncpu1 100 1 30 500 40 5 6 70 8 9\n")
    return tmp_path


def test_processor_time_of_the_whole_tree(proc: Path) -> None:
    reading = Meter(10, 1, proc).cpu()
    assert reading.used == pytest.approx((127 + 55 + 7) / _TICKS)


def test_the_core_is_busy_with_processes_not_with_interrupts(proc: Path) -> None:
    reading = Meter(10, 1, proc).cpu()
    assert reading.core_busy == pytest.approx((100 + 1 + 30) / _TICKS)
    assert reading.core_stolen == pytest.approx(70 / _TICKS)


def test_memory_of_the_whole_tree(proc: Path) -> None:
    assert Meter(10, 1, proc).memory() == pytest.approx(1600 * 1024 / 1e6)


def test_child_that_ends_during_the_reading(proc: Path) -> None:
    (proc / "12" / "smaps_rollup").unlink()
    (proc / "11" / "stat").unlink()
    assert Meter(10, 1, proc).memory() == pytest.approx(1000 * 1024 / 1e6)
