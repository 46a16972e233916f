"""Prometheus metrics that every program has: event loop, log, and long-lived tasks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram

from shared.logs import count_dropped_lines
from shared.loop_lag import measured_loop_lag

LAG_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

# Linux's file system in memory. Containers have 64 MB of it, and a process needs about 1 MB.
MEMORY: Final = Path("/dev/shm")


@contextmanager
def metrics_folder(memory: Path = MEMORY) -> Iterator[str]:
    """Provide a folder for the metrics that several processes add up, while the block runs. It is in memory if
    possible.

    prometheus_client maps its files into memory, and the files are sparse. On a full disk, the first write into a hole
    ends the process with SIGBUS, with all its calls.
    """
    place = str(memory) if os.access(memory, os.W_OK | os.X_OK) else None
    with TemporaryDirectory(prefix="vocalized-metrics-", dir=place) as folder:
        yield folder


class ProcessMetrics:
    """The metrics of a process. `program` is the prefix of their names."""

    def __init__(self, program: Literal["media", "control", "worker"], registry: CollectorRegistry) -> None:
        self.loop_lag = Histogram(
            f"vocalized_{program}_loop_lag_seconds",
            "How late the event loop ran a timer",
            registry=registry,
            buckets=LAG_BUCKETS_S,
        )
        self.log_lines_dropped = Counter(
            f"vocalized_{program}_log_lines_dropped", "Log lines that could not be written", registry=registry
        )
        self.task_deaths = Counter(
            f"vocalized_{program}_task_deaths",
            "Long-lived tasks that died and were started again",
            ["task"],
            registry=registry,
        )

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the running loop while the block runs. Lost log lines are counted from the first block on."""
        count_dropped_lines(self.log_lines_dropped.inc)
        with measured_loop_lag(self.loop_lag.observe):
            yield

    def count_death(self, task: str) -> None:
        """Count the death of a long-lived task."""
        self.task_deaths.labels(task).inc()
