"""The engine process: start, service, and end with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from media.providers.local.client import EngineClient
from media.providers.local.host import ROOT, EngineStartError, running_engine

pytestmark = pytest.mark.speech

# A parent that prints its child's process id and then waits to be killed.
PARENT = """
import sys, time
from pathlib import Path
from media.providers.local.host import running_engine
with running_engine(Path(sys.argv[1])) as pid:
    print(pid, flush=True)
    time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def has_ended(pid: int, within_s: float = 60.0) -> bool:
    deadline = time.monotonic() + within_s
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(pid)


async def use_both_engines(path: Path) -> str:
    client = EngineClient(path)
    speech = await client.synthesize("Thank you for calling.")
    recognition = await client.transcribe(speech.pcm, 8_000)
    await client.close()
    return recognition.text


def test_host_serves_both_engines_and_removes_its_socket(socket_path: Path) -> None:
    with running_engine(socket_path) as pid:
        assert asyncio.run(use_both_engines(socket_path)) == "Thank you for calling."
        assert socket_path.stat().st_mode & 0o077 == 0
        with (
            pytest.raises(EngineStartError, match="another engine listens at this socket"),
            running_engine(socket_path),
        ):
            pass
        assert asyncio.run(use_both_engines(socket_path)) == "Thank you for calling."
    assert not is_running(pid)
    assert not socket_path.exists()


def test_host_ends_when_its_parent_is_killed(socket_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(socket_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    assert has_ended(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_host_ends_cleanly_on_sigterm(socket_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "media.providers.local.host", "--socket", str(socket_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"  # without --child, a closed standard input is ignored
        os.kill(process.pid, number)
        assert process.wait(60) == 0
    assert not socket_path.exists()


def test_a_socket_left_by_a_crash_is_replaced(socket_path: Path) -> None:
    with running_engine(socket_path) as pid:
        os.kill(pid, signal.SIGKILL)
    assert socket_path.exists()
    with running_engine(socket_path):
        assert asyncio.run(use_both_engines(socket_path)) == "Thank you for calling."


def test_start_error_holds_the_reason(socket_path: Path) -> None:
    with (
        pytest.raises(EngineStartError, match="No such file or directory"),
        running_engine(socket_path / "not" / "there"),
    ):
        pass


def test_start_has_a_time_limit(socket_path: Path) -> None:
    with (
        pytest.raises(EngineStartError, match=r"not ready after 0.001 s"),
        running_engine(socket_path, timeout_s=0.001),
    ):
        pass
