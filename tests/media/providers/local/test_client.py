"""The client, over a real socket to the real service with engines of the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media.providers.local.client import EngineClient, english_only
from media.providers.local.service import Service
from media.providers.local.wire import LARGEST, Cancel, Transcribe, pack, receive, requests
from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow
from tests.media.providers.local.fakes import GatedEngine

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(path: Path, engine: GatedEngine, capacity: int = 8) -> AsyncIterator[EngineClient]:
    service = Service(engine, engine, capacity)
    async with listening(path, service.serve) as client:
        yield client
        engine.gate.set()
        await service.close()


@asynccontextmanager
async def listening(path: Path, serve: Serve, answer_s: float = 60.0) -> AsyncIterator[EngineClient]:
    server = await asyncio.start_unix_server(serve, path)
    client = EngineClient(path, answer_s=answer_s)
    try:
        yield client
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


async def test_asks_both_engines_at_once(socket_path: Path) -> None:
    async with serving(socket_path, GatedEngine()) as client:
        heard, spoken = await asyncio.gather(client.transcribe(b"a", 8_000), client.synthesise("b"))
    assert heard.text == "heard a at 8000"
    assert (spoken.pcm, spoken.words[0].text) == (b"b", "b")


async def test_a_full_queue_is_busy(socket_path: Path) -> None:
    engine = GatedEngine(open=False)
    async with serving(socket_path, engine, capacity=1) as client:
        first = asyncio.create_task(client.transcribe(b"a", 8_000))
        await asyncio.to_thread(engine.begun.acquire)
        with pytest.raises(ProviderBusy):
            await client.transcribe(b"b", 8_000)
        engine.gate.set()
        assert (await first).text == "heard a at 8000"


async def test_a_cancelled_request_leaves_the_queue(socket_path: Path) -> None:
    engine = GatedEngine(open=False)
    async with serving(socket_path, engine) as client:
        first = asyncio.create_task(client.transcribe(b"a", 8_000))
        await asyncio.to_thread(engine.begun.acquire)
        second = asyncio.create_task(client.transcribe(b"b", 8_000))
        third = asyncio.create_task(client.transcribe(b"c", 8_000))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait({second})
        # what comes on the same connection later is read later
        with pytest.raises(ProviderError):
            await client.synthesise("x" * 1_000)
        engine.gate.set()
        await asyncio.gather(first, third)
    assert second.cancelled()
    assert engine.done == ["a", "c"]


async def test_errors_tell_whether_the_same_may_be_tried_again(socket_path: Path) -> None:
    async with serving(socket_path, GatedEngine()) as client:
        with pytest.raises(ProviderError, match="no sense in this") as senseless:
            await client.transcribe(b"senseless", 8_000)
        with pytest.raises(ProviderError, match=r"^local: RuntimeError$") as broken:
            await client.transcribe(b"broken", 8_000)
        with pytest.raises(ProviderError, match="bytes") as too_large:
            await client.transcribe(bytes(LARGEST), 8_000)
    assert [error.value.retryable for error in (senseless, broken, too_large)] == [False, True, False]


async def test_without_an_engine_there_is_no_connection(socket_path: Path) -> None:
    client = EngineClient(socket_path)
    with pytest.raises(ProviderError, match="cannot be reached"):
        await client.connect()
    await client.close()


async def test_an_answer_that_does_not_come_is_slow_and_given_up(socket_path: Path) -> None:
    received: asyncio.Queue[object] = asyncio.Queue()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await receive(reader, requests())) is not None:
            received.put_nowait(request)
        writer.close()

    async with listening(socket_path, never, answer_s=0.01) as client:
        with pytest.raises(ProviderSlow, match=r"no answer within 0.01 s"):
            await client.transcribe(b"a", 8_000)
        assert await received.get() == Transcribe(1, b"a", 8_000)
        assert await received.get() == Cancel(1)


@pytest.mark.parametrize("last_words", [b"", b"\xff\xff\xff\xff", pack(Cancel(1))])
async def test_a_broken_connection_fails_what_waits_and_is_made_anew(socket_path: Path, last_words: bytes) -> None:
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await receive(reader, requests())
        writer.write(last_words)
        writer.close()

    async with listening(socket_path, breaks) as client:
        for _ in range(2):
            with pytest.raises(ProviderError, match=r"closed the connection|broke") as broken:
                await client.transcribe(b"a", 8_000)
            assert broken.value.retryable


async def test_closing_fails_what_waits(socket_path: Path) -> None:
    engine = GatedEngine(open=False)
    async with serving(socket_path, engine) as client:
        waiting = asyncio.create_task(client.transcribe(b"a", 8_000))
        await asyncio.to_thread(engine.begun.acquire)
        await client.close()
        with pytest.raises(ProviderError, match="closed"):
            await waiting


@pytest.mark.parametrize(
    ("language", "known"), [("en", True), ("en-US", True), ("EN", True), ("de", False), ("", False)]
)
def test_only_english_is_known(language: str, known: bool) -> None:
    if known:
        english_only(language)
    else:
        with pytest.raises(ProviderError, match="knows no") as error:
            english_only(language)
        assert not error.value.retryable
