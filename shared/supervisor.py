"""Supervises worker processes on one port: starts them, forwards stop signals, replaces dead ones."""

import argparse
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

import structlog
from prometheus_client.multiprocess import mark_process_dead

log = structlog.get_logger()

# The wait before a dead worker is replaced, so that a worker that dies at its start is not restarted in a tight loop.
RESTART_EVERY_S = 1.0
# A worker handles the stop signal once it has started, so a worker that the signal killed had no calls to finish.
_CLEAN_EXITS = (0, -signal.SIGTERM)


def worker_count(text: str) -> int:
    """Parse `--workers`: at least 1, at most four per core. Raises ArgumentTypeError, which argparse reports."""
    number, most = int(text), 4 * (os.cpu_count() or 16)
    if not 1 <= number <= most:
        raise argparse.ArgumentTypeError(f"{number} is not between 1 and {most}")
    return number


class Supervisor:
    """The parent of the workers. Each worker is a separate process with its own loop, heap and GIL."""

    def __init__(self, command: Sequence[str], count: int, environment: dict[str, str]) -> None:
        self._command = list(command)
        self._count = count
        self._environment = environment
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._stopping = False
        self._signaled: set[int] = set()  # pids of the workers that received the latest stop signal

    def run(self, wait: Callable[[float], None] = time.sleep) -> int:
        """Run until a stop signal has arrived and every worker has drained. Return 0 if all exited cleanly."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        for index in range(self._count):
            self._start(index)
        failed = 0
        while self._workers:
            wait(0.1)
            if self._stopping:
                self._forward_signal()
            failed += self._reap(wait)
        return 1 if failed else 0

    def _start(self, index: int) -> None:
        self._workers[index] = subprocess.Popen(self._command, env={**os.environ, **self._environment})

    def _reap(self, wait: Callable[[float], None]) -> int:
        failed = 0
        for index, worker in tuple(self._workers.items()):
            code = worker.poll()
            if code is None:
                continue
            del self._workers[index]
            self._clear_gauges(worker.pid)
            if self._stopping:
                failed += code not in _CLEAN_EXITS
                continue
            log.error("worker.died", worker=index, code=code)
            wait(RESTART_EVERY_S)
            if not self._stopping:  # the signal may have come while waiting
                self._start(index)
        return failed

    def _clear_gauges(self, pid: int) -> None:
        """Remove the live gauges of a dead worker from the metrics."""
        folder = self._environment.get("PROMETHEUS_MULTIPROC_DIR")
        if folder:
            mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]  # prometheus_client leaves it untyped

    def _forward_signal(self) -> None:
        for worker in self._workers.values():
            if worker.pid not in self._signaled:
                self._signaled.add(worker.pid)
                worker.send_signal(signal.SIGTERM)

    def _on_signal(self, signum: int, frame: object) -> None:
        # The loop forwards the signal, because a worker that is just starting would be missed here.
        self._stopping = True
        self._signaled.clear()
