"""Several workers on one port: starts them, passes the stop signal on, replaces one that died."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

import structlog

log = structlog.get_logger()

# A worker that dies within this time of its start is not replaced more often than that.
RESTART_EVERY_S = 1.0


class Supervisor:
    """Parent of the workers. Each worker is a process of its own, so it has its own loop, heap and GIL."""

    def __init__(self, command: Sequence[str], count: int, environment: dict[str, str]) -> None:
        self._command = list(command)
        self._count = count
        self._environment = environment
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._stopping = False

    def run(self, wait: Callable[[float], None] = time.sleep) -> int:
        """Runs until a stop signal came and every worker has drained; 0 when all ended well."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        for index in range(self._count):
            self._start(index)
        failed = 0
        while self._workers:
            wait(0.1)
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
            if self._stopping:
                failed += code != 0
            else:
                log.error("worker.died", worker=index, code=code)
                wait(RESTART_EVERY_S)
                self._start(index)
        return failed

    def _on_signal(self, signum: int, frame: object) -> None:
        self._stopping = True
        for worker in self._workers.values():
            worker.send_signal(signal.SIGTERM)
