"""That a fault which was not on is found out."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from lab.scenarios.chaos.host import (
    LogPipes,
    NameServer,
    ResourceLimits,
    build_control,
    cover_folder,
    find_needs,
    is_stopped,
    may_write,
    uncover_folder,
)
from lab.scenarios.chaos.proofs import (
    ARENA,
    Effect,
    doubt_closed_logs,
    doubt_controlled,
    doubt_covered,
    doubt_descriptors,
    doubt_links,
    doubt_memory,
    doubt_names,
    doubt_removed,
    doubt_stopped,
    doubt_stuck_logs,
)
from lab.stage.link import LinkState, Neighbor, running_link

SLEEPER = [sys.executable, "-S", "-c", "import time; print(flush=True); time.sleep(60)"]


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 -- changed by the loop
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("state", ["frozen", "cut", "slow"])
async def test_a_link_over_which_nothing_came_is_doubted(state: LinkState) -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server, running_link(Neighbor(server.sockets[0].getsockname()[1])) as (link, port):
        idle = doubt_links([link], state)
        link.set(state)
        assert idle() == f"nothing came over the links while {state}"
        used = doubt_links([link, link], state)
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)
        transport.write(b"1")
        await wait_until(lambda: used() == "")
        transport.close()


def test_a_process_that_runs_again_is_doubted() -> None:
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        doubt = doubt_stopped([child.pid])
        assert (doubt(), is_stopped(child.pid), is_stopped(os.getpid())) == ("", True, False)
        child.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, child.pid, os.WCONTINUED)
        assert doubt() == "1 of 1 processes ran"
        child.kill()
    assert doubt_stopped([])() == "0 of 0 processes ran"


async def test_logs_that_are_read_or_have_room_are_doubted(tmp_path: Path) -> None:
    pipes = LogPipes(tmp_path, ["api", "worker"])
    writer = os.open(tmp_path / "api.pipe", os.O_WRONLY | os.O_NONBLOCK)
    try:
        closed, stuck = doubt_closed_logs(pipes), doubt_stuck_logs(pipes, ["api"])
        assert (closed(), stuck()) == ("2 logs are read", "room in the logs of api")
        pipes.stop()
        assert stuck() == ""
        with pytest.raises(BlockingIOError):
            os.write(writer, b"1")
        pipes.read()
        await wait_until(lambda: (tmp_path / "api.log").exists())
        assert os.write(writer, b" " * 8_000) == 8_000, "the pipe is as large as before"
        pipes.close()
        assert closed() == ""
    finally:
        os.close(writer)
        pipes.close()


# Waits for a line of its input, reads the clock, and writes a file.
PROGRAM = """
import sys, time
print(flush=True)
sys.stdin.readline()
time.time()
with open(sys.argv[1], "wb", 0) as file:
    file.write(b"1")
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("effect", get_args(Effect))
def test_a_change_that_no_program_felt_and_a_program_without_the_library_are_doubted(
    effect: Effect, tmp_path: Path
) -> None:
    if "compiler" in find_needs():
        pytest.skip("no C compiler")
    control = build_control(tmp_path)
    assert control is not None
    environment = {**os.environ, "LD_PRELOAD": str(control.library), "CHAOS_CONTROL": str(control.path)}
    command = [sys.executable, "-S", "-c", PROGRAM, str(tmp_path / "file")]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdout.readline()
        doubts = {arg: doubt_controlled(control, [child.pid], arg) for arg in get_args(Effect)}
        other = doubt_controlled(control, [child.pid, os.getpid()], effect)
        control.set(**({"clock_offset_s": 3_600} if effect == "wrong_reads" else {"disk_delay_s": 0.01}))
        assert doubts[effect]() == f"no {effect.replace('_', ' ')}"
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        assert [one for one, doubt in doubts.items() if not doubt()] == [effect]
        assert other() == "1 of 2 processes run without the library"
        child.stdin.close()


def test_descriptors_that_nobody_was_refused_are_doubted(tmp_path: Path) -> None:
    log = tmp_path / "media-0.log"
    log.write_text("OSError: [Errno 24] Too many open files\n")
    doubt = doubt_descriptors([log, tmp_path / "media-1.log"])
    assert doubt() == "no program was refused a descriptor", "what was logged before is not of this fault"
    with log.open("a") as file:
        file.write("OSError: [Errno 24] Too many open files\n")
    assert doubt() == ""


def test_memory_that_is_left_is_doubted() -> None:
    limits = ResourceLimits()
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        doubt = doubt_memory([child.pid])
        limits.use_up_memory([child.pid], ARENA)
        assert doubt() == "1024 KiB were left to a process"
        limits.use_up_memory([child.pid], ARENA - 4_096)
        assert doubt() == ""
        child.kill()
    assert doubt_memory([])() == "1024 KiB were left to a process"


def test_names_that_nobody_asked_for_are_doubted() -> None:
    names = NameServer("127.0.0.1")
    names.answers = False
    doubt = doubt_names(names)
    assert doubt() == "no name was asked for"
    names.datagram_received(b"", ("127.0.0.1", 1))
    assert doubt() == ""


def test_folders_without_recordings_are_doubted(tmp_path: Path) -> None:
    assert doubt_removed([])() == "0 of 0 folders were empty"
    assert doubt_removed([tmp_path])() == "1 of 1 folders were empty"
    (tmp_path / "a.wav").touch()
    assert doubt_removed([tmp_path])() == ""


def test_a_covered_folder_is_not_to_be_written_to_for_the_process_alone(tmp_path: Path) -> None:
    if "root" in find_needs():
        pytest.skip("needs root")
    (tmp_path / "a.wav").touch()
    command = [shutil.which("unshare") or "", "--mount", "--propagation", "private", *SLEEPER]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        doubt = doubt_covered([(child.pid, tmp_path)])
        assert doubt() == "1 of 1 folders can be written to"
        cover_folder(child.pid, tmp_path)
        assert (doubt(), may_write(os.getpid(), tmp_path)) == ("", True)
        assert Path(f"/proc/{child.pid}/root{tmp_path}/a.wav").exists(), "it is the same folder"
        uncover_folder(child.pid, tmp_path)
        assert may_write(child.pid, tmp_path)
        child.kill()
    assert doubt_covered([])() == "0 of 0 folders can be written to"
