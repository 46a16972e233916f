"""The log never raises and never waits: readers that go, readers that do not read, full disks, fields that break."""

import fcntl
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from shared.log_sink import LogSink
from shared.logs import configure_logs, count_dropped_lines

_F_SETPIPE_SZ = 1031  # Linux
_PIPE_BYTES = 16_384


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, _F_SETPIPE_SZ, _PIPE_BYTES)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_lines_are_dropped_and_counted_when_the_reader_has_gone() -> None:
    # Not the fixture's: a descriptor that is closed twice may be somebody else's by then.
    reader, writer = os.pipe()
    sink = LogSink(descriptor=writer)
    sink.write("read\n")
    os.close(reader)
    sink.write("lost\n")
    sink.write("lost too\n")
    os.close(writer)
    assert sink.dropped == 2


def test_a_reader_that_does_not_read_is_not_waited_for(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = LogSink(descriptor=writer)
    for _ in range(100):
        sink.write("x" * 999 + "\n")
    before = sink.dropped
    assert os.read(reader, 2 * _PIPE_BYTES).count(b"\n") == 100 - before > 0
    sink.write("goes on\n")
    assert os.read(reader, 2 * _PIPE_BYTES) == b"goes on\n"
    assert sink.dropped == before > 0


def test_a_line_longer_than_the_pipe_is_cut_and_ended_by_the_next_one(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    sink = LogSink(descriptor=writer)
    sink.write("y" * 4 * _PIPE_BYTES + "\n")
    assert sink.dropped == 1
    cut = os.read(reader, 2 * _PIPE_BYTES)
    assert set(cut) == {ord("y")}
    sink.write("goes on\n")
    assert os.read(reader, 2 * _PIPE_BYTES) == b"\ngoes on\n"


def test_full_disk_loses_only_log_lines() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)  # every write fails with ENOSPC
    try:
        sink = LogSink(descriptor=descriptor)
        sink.write("lost\n")
        assert sink.dropped == 1
    finally:
        os.close(descriptor)


def test_a_closed_descriptor_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    sink = LogSink(descriptor=descriptor)
    os.close(descriptor)
    sink.write("lost\n")
    assert sink.dropped == 1


def test_subscribers_learn_of_earlier_losses_and_of_each_further_one() -> None:
    sink, counted = LogSink(output=_Broken()), list[float]()
    sink.write("lost\n")
    sink.write("lost\n")
    sink.subscribe(counted.append)
    sink.write("lost\n")
    assert counted == [2, 1]


class _Broken:
    """Fails as a closed file does."""

    def write(self, text: str, /) -> object:
        raise ValueError("I/O operation on closed file")

    def flush(self) -> object:
        raise AssertionError("nothing was written")


@pytest.fixture
def _restored() -> Iterator[None]:
    before = logging.lastResort
    yield
    logging.lastResort = before
    structlog.reset_defaults()


class _Unprintable:
    def __repr__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.usefixtures("_restored")
def test_fields_that_cannot_be_written_cost_no_more_than_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    lost = list[float]()
    count_dropped_lines(lost.append)
    log, circle = structlog.get_logger(), dict[str, object]()
    circle["self"] = circle
    log.info("call.ended", circle=circle, seconds=3)
    log.info("call.ended", value=_Unprintable())
    log.info("call.ended", note="\ud800")
    kept, whole = map(json.loads, capsys.readouterr().err.splitlines())
    assert (kept["event"], kept["unreadable"]) == ("call.ended", ["circle", "seconds"])
    assert whole["note"] == "\ud800"
    assert sum(lost) == 1


_PROGRAM = """
import asyncio, logging, os, structlog
from shared.logs import configure_logs, count_dropped_lines
lost = []
configure_logs()
count_dropped_lines(lost.append)
log = structlog.get_logger()
log.info("program.started")
input()  # until the reader of stderr has gone
log.info("program.worked")
logging.getLogger("asyncio").error("a library reports something")
print(int(sum(lost)), flush=True)
"""


def test_a_program_outlives_the_reader_of_its_stderr() -> None:
    """What `program 2>&1 | head` does to a server."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdin and program.stdout and program.stderr
        assert json.loads(program.stderr.readline())["event"] == "program.started"
        program.stderr.close()
        program.stdin.write(b"\n")
        program.stdin.close()
        assert program.stdout.read() == b"2\n"
        assert program.wait(10) == 0
