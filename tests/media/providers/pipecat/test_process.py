"""The engine process: what it gets and prints, and that it is started again whatever happens to it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.providers.engine_process.messages import encode_frame, receive_message
from media.providers.pipecat import process
from media.providers.pipecat.process import PipecatProcess
from media.providers.pipecat.wire import EngineCheck, EngineServes, make_output_decoder
from media.providers.ports import ProviderError


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PipecatProcess]:
    monkeypatch.setattr(process, "MODULE", "tests.media.providers.pipecat.plain_engine")
    engine = PipecatProcess(first_pause_s=0.01, check_every_s=0.05, answer_s=2.0)
    try:
        yield engine
    finally:
        await engine.close()


async def ask(engine: PipecatProcess) -> object:
    """Its answer. Raises ProviderError."""
    reader, writer = await engine.connect("p")
    writer.write(encode_frame(EngineCheck()))
    try:
        return await receive_message(reader, make_output_decoder())
    finally:
        writer.close()


async def ask_until_it_serves(engine: PipecatProcess) -> object:
    async with asyncio.timeout(30):
        while True:
            try:
                return await ask(engine)
            except ProviderError:
                await asyncio.sleep(0.01)


async def wait_until_it_is_another(engine: PipecatProcess, pid: int) -> None:
    async with asyncio.timeout(30):
        while engine.pid in (pid, None):  # noqa: ASYNC110  # another process does it
            await asyncio.sleep(0.01)


async def test_what_its_packages_print_does_not_hold_it_up(engine: PipecatProcess) -> None:
    async with asyncio.timeout(30):
        for _ in range(3):
            assert await ask(engine) == EngineServes()


@pytest.mark.skipif(sys.platform != "linux", reason="the environment of a process is read from /proc")
async def test_it_gets_no_setting_of_ours(engine: PipecatProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCALIZED_SECRET_KEYS", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the storage's")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    await ask(engine)
    environment = await asyncio.to_thread(Path(f"/proc/{engine.pid}/environ").read_bytes)
    names = [line.partition(b"=")[0] for line in environment.split(b"\0")]
    assert b"HTTPS_PROXY" in names
    assert not [name for name in names if name.startswith(b"VOCALIZED_") or name == b"AWS_SECRET_ACCESS_KEY"]


async def test_one_that_hangs_is_started_again(engine: PipecatProcess) -> None:
    await ask(engine)
    pid = engine.pid
    assert pid is not None
    engine._answer_s = 0.2
    os.kill(pid, signal.SIGSTOP)
    await wait_until_it_is_another(engine, pid)
    engine._answer_s = 20.0
    assert await ask_until_it_serves(engine) == EngineServes()


async def test_one_that_is_killed_is_started_again(engine: PipecatProcess) -> None:
    await ask(engine)
    pid = engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await wait_until_it_is_another(engine, pid)
    assert await ask_until_it_serves(engine) == EngineServes()


async def test_one_that_cannot_be_started_is_tried_again(
    engine: PipecatProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/no/such/python")
        with pytest.raises(ProviderError, match="the process has ended"):
            await ask(engine)
    assert await ask_until_it_serves(engine) == EngineServes()
