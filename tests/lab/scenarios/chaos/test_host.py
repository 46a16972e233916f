"""Surroundings that a rehearsal changes for programs that run."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.scenarios.chaos.host import (
    LAUNCHER,
    LogPipes,
    ProgramControl,
    ResourceLimits,
    answer_query,
    build_control,
    pids_of_group,
)

# Prints the value of each line of its input.
CHILD = """
import errno, sys, time

def try_open():
    try:
        open("/dev/null").close()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "open"

def leave_gap():
    files = [open("/dev/null") for _ in range(3)]
    for file in files[:2]:
        file.close()
    globals()["kept"] = files[2]
    return 2

def allocate(megabytes):
    try:
        bytes(megabytes << 20)
    except MemoryError:
        return "MemoryError"
    return "allocated"

for line in sys.stdin:
    print(eval(line), flush=True)
"""
QUERY = bytes.fromhex("1234 0100 0001 0000 0000 0000")
NAME = b"\x05voice\x05chaos\x04test\x00"
A, AAAA = b"\x00\x01\x00\x01", b"\x00\x1c\x00\x01"


def start_child(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-S", "-c", CHILD], env={**os.environ, **environment}, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def ask(child: subprocess.Popen[str], expression: str) -> str:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(f"{expression}\n")
    child.stdin.flush()
    return child.stdout.readline().strip()


def test_an_address_of_the_domain_is_this_machine_and_other_names_do_not_exist() -> None:
    known = answer_query(QUERY + NAME + A)
    assert known[:4] == bytes.fromhex("1234 8180") and known[6:8] == b"\x00\x01"
    assert known.endswith(b"\x00\x04\x7f\x00\x00\x01")
    assert answer_query(QUERY + NAME + AAAA)[:8] == bytes.fromhex("1234 8180 0001 0000")
    other = answer_query(QUERY + b"\x05voice\x07example\x03com\x00" + A)
    assert other[:8] == bytes.fromhex("1234 8183 0001 0000")


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> ProgramControl:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    built = build_control(tmp_path_factory.mktemp("control"))
    assert built is not None
    return built


def test_the_wall_clock_of_a_running_program_jumps_and_its_monotonic_clock_does_not(control: ProgramControl) -> None:
    with start_child(LD_PRELOAD=str(control.library), CHAOS_CONTROL=str(control.path)) as child:
        before = float(ask(child, "time.monotonic()"))
        assert float(ask(child, "time.time()")) == pytest.approx(time.time(), abs=60)
        control.set(clock_offset_s=-3_600)
        assert float(ask(child, "time.time()")) == pytest.approx(time.time() - 3_600, abs=60)
        assert 0 <= float(ask(child, "time.monotonic()")) - before < 60
        control.set()
        assert float(ask(child, "time.time()")) == pytest.approx(time.time(), abs=60)


def test_writes_to_files_take_longer_and_those_to_pipes_do_not(control: ProgramControl, tmp_path: Path) -> None:
    with start_child(LD_PRELOAD=str(control.library), CHAOS_CONTROL=str(control.path)) as child:
        measure = "(a := time.monotonic(), open({!r}, 'wb', 0).write(b'1'), time.monotonic() - a)[2]"
        control.set(disk_delay_s=0.1)
        assert float(ask(child, measure.format(str(tmp_path / "file")))) >= 0.1
        assert float(ask(child, measure.format("/dev/null"))) < 0.1
        control.set()
    assert (tmp_path / "file").read_bytes() == b"1"


def test_a_program_opens_nothing_more_until_the_limit_is_lifted() -> None:
    limits = ResourceLimits()
    with start_child() as child:
        assert ask(child, "try_open()") == "open"
        assert pids_of_group(child.pid) == [child.pid]
        assert ask(child, "leave_gap()") == "2", "numbers are free below the highest"
        limits.use_up_descriptors([child.pid])
        assert ask(child, "try_open()") == "EMFILE"
        limits.lift()
        assert ask(child, "try_open()") == "open"


def test_a_program_gets_no_more_memory_until_the_limit_is_lifted() -> None:
    limits = ResourceLimits()
    with start_child() as child:
        assert ask(child, "allocate(16)") == "allocated"
        limits.use_up_memory([child.pid])
        assert ask(child, "allocate(16)") == "MemoryError"
        limits.lift()
        assert ask(child, "allocate(16)") == "allocated"


def ends_with(log: Path, text: str) -> bool:
    return log.exists() and log.read_text().endswith(text)


async def read_log(log: Path, text: str) -> None:
    """Returns when the log ends with the text."""
    async with asyncio.timeout(30):
        while not ends_with(log, text):  # noqa: ASYNC110 -- copied by the loop
            await asyncio.sleep(0.01)


async def test_a_log_pipe_is_copied_breaks_when_it_is_closed_and_blocks_when_it_is_not_read(tmp_path: Path) -> None:
    pipes = LogPipes(tmp_path, ["api"])
    writer = os.open(tmp_path / "api.pipe", os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(writer, b"first\n")
        await read_log(tmp_path / "api.log", "first\n")
        pipes.close()
        with pytest.raises(BrokenPipeError):
            os.write(writer, b"lost\n")
        pipes.read()
        os.write(writer, b"again\n")
        await read_log(tmp_path / "api.log", "first\nagain\n")
        pipes.stop()
        with pytest.raises(BlockingIOError):
            os.write(writer, b"later\n")
        pipes.read()
        await read_log(tmp_path / "api.log", "\n\n")
        os.write(writer, b"later\n")
        await read_log(tmp_path / "api.log", "later\n")
    finally:
        os.close(writer)
        pipes.close()


def test_the_launcher_runs_the_interpreter_with_its_output_in_the_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "api.pipe")
    reader = os.open(tmp_path / "api.pipe", os.O_RDWR)
    try:
        with (tmp_path / "api.log").open("wb") as log:
            command = [str(LAUNCHER), "-S", "-c", "print('hello')"]
            subprocess.run(
                command, check=True, stdout=log, env={**os.environ, "CHAOS_PYTHON": sys.executable}, timeout=20
            )
        assert os.read(reader, 100) == b"hello\n"
        assert (tmp_path / "api.log").read_bytes() == b""
    finally:
        os.close(reader)
