"""The supervisor replaces dead workers, forwards the stop signal, and exits after all workers."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.supervisor import RESTART_EVERY_S, Supervisor


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restores the signal handlers."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


class FakeProcess:
    """A worker process that runs until it is signaled or killed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None
        self.signals: list[int] = []
        self.exits_with = 0

    def poll(self) -> int | None:
        return self.code

    def send_signal(self, signum: int) -> None:
        self.signals.append(signum)
        self.code = self.exits_with


class FakeSystem:
    """Replaces process creation and waiting; `at[n]` is called in the n-th wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: Mapping[int, Callable[["FakeSystem"], None]]) -> None:
        self.workers: list[FakeProcess] = []
        self.waited: list[float] = []
        self.environments: list[Mapping[str, str]] = []
        self._at = at
        monkeypatch.setattr("shared.supervisor.subprocess.Popen", self._start)

    def run(self, count: int = 2, environment: dict[str, str] | None = None) -> int:
        return Supervisor(["serve"], count, environment or {}).run(self._wait)

    def _start(self, command: list[str], env: Mapping[str, str]) -> FakeProcess:
        assert command == ["serve"]
        self.workers.append(FakeProcess(pid=100 + len(self.workers)))
        self.environments.append(env)
        return self.workers[-1]

    def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        assert len(self.waited) < 50, "the supervisor does not end"
        action = self._at.get(len(self.waited))
        if action:
            action(self)


def send_sigterm(system: FakeSystem) -> None:
    signal.raise_signal(signal.SIGTERM)


def kill_worker(number: int, code: int = -9) -> Callable[[FakeSystem], None]:
    def set_exit_code(system: FakeSystem) -> None:
        system.workers[number].code = code

    return set_exit_code


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_stop_signal_is_forwarded_once_to_all(monkeypatch: pytest.MonkeyPatch, signum: signal.Signals) -> None:
    system = FakeSystem(monkeypatch, {3: lambda system: signal.raise_signal(signum)})
    assert system.run(3) == 0
    assert [worker.signals for worker in system.workers] == [[signal.SIGTERM]] * 3


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (3, 1),
        (-signal.SIGKILL, 1),
        (-signal.SIGTERM, 0),  # it was killed before it handled the signal
    ],
)
def test_failed_exit_while_stopping_is_returned(monkeypatch: pytest.MonkeyPatch, code: int, result: int) -> None:
    def stop_with_failure(system: FakeSystem) -> None:
        system.workers[1].exits_with = code
        send_sigterm(system)

    system = FakeSystem(monkeypatch, {2: stop_with_failure})
    assert system.run() == result
    assert len(system.workers) == 2


@pytest.mark.parametrize("code", [-signal.SIGKILL, -signal.SIGTERM])
def test_dead_worker_is_replaced(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    system = FakeSystem(monkeypatch, {2: kill_worker(0, code), 5: send_sigterm})
    with capture_logs() as logs:
        assert system.run() == 0
    assert len(system.workers) == 3
    assert system.waited.count(RESTART_EVERY_S) == 1
    assert [(entry["event"], entry["code"]) for entry in logs] == [("worker.died", code)]
    assert system.workers[2].signals == [signal.SIGTERM]


def test_signal_during_the_restart_wait_starts_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker started after the signal would never get it, and the supervisor would wait for ever."""
    system = FakeSystem(monkeypatch, {2: kill_worker(0), 3: send_sigterm})
    assert system.run() == 0
    assert len(system.workers) == 2


def test_signal_during_a_start_reaches_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    system = FakeSystem(monkeypatch, {2: kill_worker(0)})
    start = system._start

    def start_during_signal(command: list[str], env: Mapping[str, str]) -> FakeProcess:
        if len(system.workers) == 2:
            signal.raise_signal(signal.SIGTERM)
        return start(command, env)

    monkeypatch.setattr("shared.supervisor.subprocess.Popen", start_during_signal)
    assert system.run() == 0
    assert [worker.signals for worker in system.workers[1:]] == [[signal.SIGTERM]] * 2


def test_every_signal_is_forwarded(monkeypatch: pytest.MonkeyPatch) -> None:
    class EndsAtSecondSignal(FakeProcess):
        def send_signal(self, signum: int) -> None:
            self.signals.append(signum)
            self.code = 0 if len(self.signals) == 2 else None

    system = FakeSystem(monkeypatch, {2: send_sigterm, 6: send_sigterm})
    monkeypatch.setattr("tests.shared.test_supervisor.FakeProcess", EndsAtSecondSignal)
    assert system.run() == 0
    assert [worker.signals for worker in system.workers] == [[signal.SIGTERM] * 2] * 2


def test_workers_get_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_TEST", "inherited")
    system = FakeSystem(monkeypatch, {1: send_sigterm})
    system.run(1, {"PROMETHEUS_MULTIPROC_DIR": "somewhere"})
    assert system.environments[0]["VOCALIZED_TEST"] == "inherited"
    assert system.environments[0]["PROMETHEUS_MULTIPROC_DIR"] == "somewhere"


def test_gauges_of_a_dead_worker_are_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("gauge_livesum_100.db", "gauge_livesum_101.db", "counter_100.db"):
        (tmp_path / name).write_bytes(b"")
    left: list[str] = []

    def look(system: FakeSystem) -> None:
        left.extend(sorted(path.name for path in tmp_path.iterdir()))
        send_sigterm(system)

    system = FakeSystem(monkeypatch, {2: kill_worker(0), 4: look})
    system.run(2, {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)})
    assert left == ["counter_100.db", "gauge_livesum_101.db"]


def test_with_real_processes(tmp_path: Path) -> None:
    """Each worker reports that it is ready, then exits cleanly at SIGTERM."""
    code = (
        "import os, pathlib, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        f"pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()\n"
        "signal.pause()\n"
    )
    stopped = False

    def wait(seconds: float) -> None:
        nonlocal stopped
        if not stopped and len(list(tmp_path.iterdir())) == 2:
            stopped = True
            signal.raise_signal(signal.SIGTERM)
        subprocess.run([sys.executable, "-S", "-c", ""], check=True)  # gives the workers some time

    assert Supervisor([sys.executable, "-S", "-c", code], 2, {}).run(wait) == 0
