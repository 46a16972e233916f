"""A server as a child process: always ended, gently first, and its state is locked until it has ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vocalized.services.account import Account

_LAUNCH = Path(__file__).with_name("launch.py")


class ServiceFailed(RuntimeError):
    """An embedded service did not start or a command failed; the message holds its output."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to end it.

    endings: signals, gentlest first, each with the seconds to wait; the kernel sends the first one when this process
    dies. lock: a descriptor that the server keeps open for as long as it runs.
    """

    command: Sequence[str]
    folder: Path
    log: Path
    lock: int
    endings: Sequence[tuple[signal.Signals, float]]
    account: Account | None = None

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-15:]) or "(it printed nothing)"


@contextmanager
def running(program: Program) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the program for as long as the block lasts.

    Leave the block in the thread that entered it: the kernel ties the death signal to the thread that forked (prctl(2),
    PR_SET_PDEATHSIG).
    """
    with program.log.open("ab") as output:
        process = subprocess.Popen(
            [*_launch(program.endings[0][0], program.account), *program.command],
            cwd=program.folder, env=clean_environment(), pass_fds=(program.lock,),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        _end(process, program.endings)


def run_once(command: Sequence[str], *, folder: Path, lock: int, account: Account | None) -> None:
    """Runs a tool to its end as the account. Raises ServiceFailed with its output when it fails."""
    done = subprocess.run(
        [*_launch(signal.SIGTERM, account), *command],
        cwd=folder, env=clean_environment(), pass_fds=(lock,), stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise ServiceFailed(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}".strip())


def clean_environment() -> Mapping[str, str]:
    """This environment without the variables of PostgreSQL's programs (PGDATA, PGHOST, PGOPTIONS, …), untranslated."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _launch(death: signal.Signals, account: Account | None) -> list[str]:
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    return [sys.executable, "-I", "-S", str(_LAUNCH), *map(str, (int(death), os.getpid(), uid, gid))]


def _end(process: subprocess.Popen[bytes], endings: Sequence[tuple[signal.Signals, float]]) -> None:
    for number, patience_s in endings:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return
    process.kill()
    process.wait()
