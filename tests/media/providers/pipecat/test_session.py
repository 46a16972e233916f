"""Sessions over a real socket: limits, refusals and a broken connection."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media.providers.engine_process.messages import encode_frame
from media.providers.pipecat import process
from media.providers.pipecat.engine.server import SessionServer
from media.providers.pipecat.process import PipecatProcess, Streams
from media.providers.pipecat.session import MAX_UNSENT_BYTES, PipecatSession
from media.providers.pipecat.wire import CallerAudio, OpenService, ReplyEnd, ServiceOpened
from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow

WANTED = OpenService("llm", "OpenAIResponsesHttpLLMService", {"base_url": "http://127.0.0.1:9/v1"}, "k")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class _Connected(PipecatProcess):
    """In place of the engine's process a server in this one."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def connect(self, provider: str) -> Streams:
        return await asyncio.open_unix_connection(self._path)


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[PipecatProcess]:
    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        path = Path(folder) / "engine.sock"
        async with await asyncio.start_unix_server(serve, path):
            yield _Connected(path)


async def open_one(engine: PipecatProcess, wanted: OpenService = WANTED) -> PipecatSession:
    return await PipecatSession.open(engine, "p", wanted, timeout_s=10.0)


@pytest.mark.filterwarnings("ignore")
async def test_sessions_are_bounded_and_refusals_have_their_reason() -> None:
    async with SessionServer(max_sessions=1) as server, listening(server.serve) as engine:
        with pytest.raises(ProviderError, match=r"settings\.nope") as refused:
            await open_one(engine, OpenService("llm", WANTED.service, {"nope": 1}))
        assert not refused.value.retryable
        first = await open_one(engine)
        with pytest.raises(ProviderBusy, match="1 sessions"):
            await open_one(engine)
        assert first.is_open
        await first.close()
        while server.session_count:  # noqa: ASYNC110  # it sees the end a moment later
            await asyncio.sleep(0.005)
        await (await open_one(engine)).close()


async def test_a_broken_or_silent_engine_fails_the_session() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode_frame(ServiceOpened()))
        await reader.readexactly(4)
        writer.close()

    async with listening(hang_up) as engine:
        session = await open_one(engine)
        with pytest.raises(ProviderError, match="ended"):
            await session.receive()
        assert not session.is_open
        with pytest.raises(ProviderError, match="over"):
            session.send(CallerAudio(b""))
        await session.close()

    async def say_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0\0\0\1\xc1")
        writer.close()

    async with listening(say_nonsense) as engine:
        with pytest.raises(ProviderError, match="broke"):
            await open_one(engine)

    async def answer_wrongly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode_frame(ReplyEnd()))
        writer.close()

    async with listening(answer_wrongly) as engine:
        with pytest.raises(ProviderError, match="unexpected answer"):
            await open_one(engine)


async def test_an_engine_that_reads_nothing_fails_the_session_and_takes_no_more_memory() -> None:
    done = asyncio.Event()

    async def read_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode_frame(ServiceOpened()))
        await done.wait()
        writer.close()

    async with listening(read_nothing) as engine:
        session = await open_one(engine)
        with pytest.raises(ProviderError, match="does not read"):
            for _ in range(100):
                session.send(CallerAudio(bytes(MAX_UNSENT_BYTES // 8)))
        await session.close()
        done.set()


async def test_a_process_that_does_not_start_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MODULE", "no.such.module")
    engine = PipecatProcess(first_pause_s=30.0)
    with pytest.raises(ProviderError, match="the process has ended"):
        await engine.connect("p")
    with pytest.raises(ProviderError, match="the process has ended"):  # while it pauses
        await engine.connect("p")
    await engine.close()
    with pytest.raises(ProviderError):
        await engine.connect("p")


async def test_a_start_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/cat")  # it reads its standard input and says nothing
    engine = PipecatProcess(start_s=0.05)
    with pytest.raises(ProviderError) as raised:
        await engine.connect("p")
    assert isinstance(raised.value, ProviderSlow) or "the process has ended" in str(raised.value)
    await engine.close()
