"""Keeps the teacher's process running beside the workers, and stops restarting it if it cannot run."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from media.providers.turn_teacher.host import UNUSABLE

ROOT: Final = Path(__file__).resolve().parents[3]
_STOP_S: Final = 10.0
# The number of characters of the process's last output that are logged.
_REASON_CHARACTERS: Final = 300
# The number of bytes of output that are kept until the process ends: four bytes per character.
_MOST_PRINTED_BYTES: Final = 4 * _REASON_CHARACTERS
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How a process that ended is restarted.

    Attributes:
        first_s: The wait before the first restart. It doubles with each further restart.
        max_s: The maximum wait.
        most_restarts: The maximum number of restarts in a row.
        healthy_s: The running time after which the count starts over.
    """

    first_s: float = 1.0
    max_s: float = 60.0
    most_restarts: int = 5
    healthy_s: float = 600.0

    def wait_s(self, ends: int) -> float:
        """Return the wait after this number of ends in a row."""
        return min(self.max_s, self.first_s * 2.0 ** (ends - 1))


_USUAL: Final = RestartPolicy()


class TeacherProcess:
    """Runs a command repeatedly on a thread, within the policy.

    The thread lives as long as its process, because Linux ends a child (`end_with_parent`) together with the thread
    that started it.
    """

    def __init__(self, command: Sequence[str], policy: RestartPolicy = _USUAL) -> None:
        self._command = list(command)
        self._policy = policy
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="teacher-process", daemon=True)

    @property
    def pid(self) -> int | None:
        """The ID of the process that was started last, or None."""
        return self._process.pid if self._process else None

    @property
    def is_given_up(self) -> bool:
        """Whether no process runs and no process will be started."""
        return not self._thread.is_alive()

    def start(self) -> None:
        """Start the process. Returns at once."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until the process is given up."""
        self._thread.join(timeout_s)

    def stop(self) -> None:
        """End the process and wait for its end."""
        with self._lock:
            self._stop.set()
            if self._process is not None:
                self._process.terminate()
        self._thread.join(_STOP_S)
        if self._thread.is_alive() and self._process is not None:
            self._process.kill()
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        ends = 0
        while not self._stop.is_set():
            began = time.monotonic()
            code, printed = self._run_once()
            if self._stop.is_set():
                return
            ends = 1 if time.monotonic() - began >= self._policy.healthy_s else ends + 1
            log.warning("teacher.died", code=code, reason=printed)
            if code == UNUSABLE or ends > self._policy.most_restarts:
                log.error("teacher.given_up", ends=ends)
                return
            self._stop.wait(self._policy.wait_s(ends))

    def _run_once(self) -> tuple[int, str]:
        """Run the process once. Return the exit code and the end of its output."""
        with self._lock:
            if self._stop.is_set():
                return 0, ""
            try:
                process = subprocess.Popen(
                    self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
            except OSError as error:
                return UNUSABLE, str(error.strerror)
            self._process = process
        assert process.stdin is not None and process.stdout is not None
        printed = b""
        while chunk := process.stdout.read(_MOST_PRINTED_BYTES):  # until the process ends
            printed = (printed + chunk)[-_MOST_PRINTED_BYTES:]
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        return process.wait(), printed.decode(errors="replace").strip()[-_REASON_CHARACTERS:]


@contextmanager
def running_teacher(path: Path, policy: RestartPolicy = _USUAL) -> Iterator[TeacherProcess]:
    """Run the teacher, which listens at `path` some seconds later, or never. Nothing waits for it."""
    command = [sys.executable, "-m", "media.providers.turn_teacher.host", "--socket", str(path.resolve()), "--child"]
    process = TeacherProcess(command, policy)
    process.start()
    try:
        yield process
    finally:
        process.stop()
