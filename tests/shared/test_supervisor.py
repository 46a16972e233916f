"""The parent of the workers: replaces the dead, passes the signal on to everyone, and ends when all have."""

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
    """The signal handlers as they were before."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


class Worker:
    """A process that runs until it is told to stop or dies."""

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


class House:
    """Stands in for the operating system: `at[n]` happens in the n-th wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: Mapping[int, Callable[["House"], None]]) -> None:
        self.workers: list[Worker] = []
        self.waited: list[float] = []
        self.environments: list[Mapping[str, str]] = []
        self._at = at
        monkeypatch.setattr("shared.supervisor.subprocess.Popen", self._start)

    def run(self, count: int = 2, environment: dict[str, str] | None = None) -> int:
        return Supervisor(["serve"], count, environment or {}).run(self._wait)

    def _start(self, command: list[str], env: Mapping[str, str]) -> Worker:
        assert command == ["serve"]
        self.workers.append(Worker(pid=100 + len(self.workers)))
        self.environments.append(env)
        return self.workers[-1]

    def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        assert len(self.waited) < 50, "never ends"
        happens = self._at.get(len(self.waited))
        if happens:
            happens(self)


def stop(house: House) -> None:
    signal.raise_signal(signal.SIGTERM)


def die(number: int, code: int = -9) -> Callable[[House], None]:
    def happen(house: House) -> None:
        house.workers[number].code = code

    return happen


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_passes_a_stop_signal_on_once_and_waits_for_all(
    monkeypatch: pytest.MonkeyPatch, signum: signal.Signals
) -> None:
    house = House(monkeypatch, {3: lambda house: signal.raise_signal(signum)})
    assert house.run(3) == 0
    assert [worker.signals for worker in house.workers] == [[signal.SIGTERM]] * 3


@pytest.mark.parametrize(
    ("code", "result"),
    [
        (3, 1),
        (-signal.SIGKILL, 1),
        (-signal.SIGTERM, 0),  # it was stopped before it minded the signal
    ],
)
def test_a_worker_that_ends_badly_while_stopping_is_told(
    monkeypatch: pytest.MonkeyPatch, code: int, result: int
) -> None:
    def stopped(house: House) -> None:
        house.workers[1].exits_with = code
        stop(house)

    house = House(monkeypatch, {2: stopped})
    assert house.run() == result
    assert len(house.workers) == 2


@pytest.mark.parametrize("code", [-signal.SIGKILL, -signal.SIGTERM])
def test_a_worker_that_died_is_replaced(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    house = House(monkeypatch, {2: die(0, code), 5: stop})
    with capture_logs() as logs:
        assert house.run() == 0
    assert len(house.workers) == 3
    assert house.waited.count(RESTART_EVERY_S) == 1
    assert [(entry["event"], entry["code"]) for entry in logs] == [("worker.died", code)]
    assert house.workers[2].signals == [signal.SIGTERM]


def test_a_signal_while_waiting_to_replace_a_worker_starts_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker started after the signal would never hear of it, and the parent would wait for it for ever."""
    house = House(monkeypatch, {2: die(0), 3: stop})
    assert house.run() == 0
    assert len(house.workers) == 2


def test_a_signal_while_a_worker_is_being_started_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, {2: die(0)})
    start = house._start

    def interrupted(command: list[str], env: Mapping[str, str]) -> Worker:
        if len(house.workers) == 2:
            signal.raise_signal(signal.SIGTERM)
        return start(command, env)

    monkeypatch.setattr("shared.supervisor.subprocess.Popen", interrupted)
    assert house.run() == 0
    assert [worker.signals for worker in house.workers[1:]] == [[signal.SIGTERM]] * 2


def test_every_signal_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn(Worker):
        def send_signal(self, signum: int) -> None:
            self.signals.append(signum)
            self.code = 0 if len(self.signals) == 2 else None

    house = House(monkeypatch, {2: stop, 6: stop})
    monkeypatch.setattr("tests.shared.test_supervisor.Worker", Stubborn)
    assert house.run() == 0
    assert [worker.signals for worker in house.workers] == [[signal.SIGTERM] * 2] * 2


def test_workers_get_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_TEST", "inherited")
    house = House(monkeypatch, {1: stop})
    house.run(1, {"PROMETHEUS_MULTIPROC_DIR": "somewhere"})
    assert house.environments[0]["VOCALIZED_TEST"] == "inherited"
    assert house.environments[0]["PROMETHEUS_MULTIPROC_DIR"] == "somewhere"


def test_the_calls_of_a_dead_worker_leave_the_metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("gauge_livesum_100.db", "gauge_livesum_101.db", "counter_100.db"):
        (tmp_path / name).write_bytes(b"")
    left: list[str] = []

    def look(house: House) -> None:
        left.extend(sorted(path.name for path in tmp_path.iterdir()))
        stop(house)

    house = House(monkeypatch, {2: die(0), 4: look})
    house.run(2, {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)})
    assert left == ["counter_100.db", "gauge_livesum_101.db"]


def test_with_real_processes(tmp_path: Path) -> None:
    """Each worker says that it is ready, then ends well at SIGTERM."""
    code = (
        "import os, pathlib, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        f"pathlib.Path({str(tmp_path)!r}, str(os.getpid())).touch()\n"
        "signal.pause()\n"
    )
    told = False

    def wait(seconds: float) -> None:
        nonlocal told
        if not told and len(list(tmp_path.iterdir())) == 2:
            told = True
            signal.raise_signal(signal.SIGTERM)
        subprocess.run([sys.executable, "-S", "-c", ""], check=True)  # gives the workers some time

    assert Supervisor([sys.executable, "-S", "-c", code], 2, {}).run(wait) == 0
