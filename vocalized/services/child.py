"""A server as a child of this process: never left behind, ended in order, its state locked until it is gone."""

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
    """An embedded service did not start or did not do what it was told; the message holds its own words."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run and how to end it.

    `endings` are signals, gentlest first, each with the seconds that it may take; the first is also what the kernel
    sends when this process dies. `lock` is a descriptor that the server holds open for as long as it lives.
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

    The kernel ties a child's death signal to the *thread* that made it: leave the block in the thread that entered it.
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
    """Runs a tool to its end, as the account; what it prints is the message of ServiceFailed when it fails."""
    done = subprocess.run(
        [*_launch(signal.SIGTERM, account), *command],
        cwd=folder, env=clean_environment(), pass_fds=(lock,), stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise ServiceFailed(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}".strip())


def clean_environment() -> Mapping[str, str]:
    """Ours without what PostgreSQL's programs would read (PGDATA, PGHOST, PGOPTIONS, …) and without translations."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _launch(death: signal.Signals, account: Account | None) -> list[str]:
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    return [sys.executable, "-I", "-S", str(_LAUNCH), *map(str, (int(death), os.getpid(), uid, gid))]


def _end(process: subprocess.Popen[bytes], endings: Sequence[tuple[signal.Signals, float]]) -> None:
    for wish, patience_s in endings:
        process.send_signal(wish)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
            return
    process.kill()
    process.wait()
