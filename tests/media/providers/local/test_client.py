"""The client over a real socket to the real service, with fake engines."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media.providers.engine_process.messages import MAX_MESSAGE_BYTES, receive_message
from media.providers.local.client import EngineClient, require_english
from media.providers.local.service import EngineService
from media.providers.local.wire import (
    Cancel,
    Transcribe,
    encode_message,
    make_request_decoder,
)
from media.providers.ports import ProviderBusy, ProviderError, ProviderSlow
from tests.media.providers.local.fakes import GatedEngine

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(path: Path, engine: GatedEngine, capacity: int = 8) -> AsyncIterator[EngineClient]:
    service = EngineService(engine, engine, capacity)
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


async def test_both_engines_are_used_at_once(socket_path: Path) -> None:
    async with serving(socket_path, GatedEngine()) as client:
        heard, spoken = await asyncio.gather(client.transcribe(b"a", 8_000), client.synthesize("b"))
    assert heard.text == "heard a at 8000"
    assert (spoken.pcm, spoken.words[0].text) == (b"b", "b")


async def test_a_full_queue_is_busy(socket_path: Path) -> None:
    engine = GatedEngine(open=False)
    async with serving(socket_path, engine, capacity=1) as client:
        first = asyncio.create_task(client.transcribe(b"a", 8_000))
        await asyncio.to_thread(engine.started.acquire)
        with pytest.raises(ProviderBusy):
            await client.transcribe(b"b", 8_000)
        engine.gate.set()
        assert (await first).text == "heard a at 8000"


async def test_a_cancelled_request_leaves_the_queue(socket_path: Path) -> None:
    engine = GatedEngine(open=False)
    async with serving(socket_path, engine) as client:
        first = asyncio.create_task(client.transcribe(b"a", 8_000))
        await asyncio.to_thread(engine.started.acquire)
        second = asyncio.create_task(client.transcribe(b"b", 8_000))
        third = asyncio.create_task(client.transcribe(b"c", 8_000))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait({second})
        # an answer to a later request proves that the cancellation was read
        with pytest.raises(ProviderError):
            await client.synthesize("x" * 1_000)
        engine.gate.set()
        await asyncio.gather(first, third)
    assert second.cancelled()
    assert engine.done == ["a", "c"]


async def test_errors_are_retryable_or_not(socket_path: Path) -> None:
    async with serving(socket_path, GatedEngine()) as client:
        with pytest.raises(ProviderError, match="invalid audio") as invalid:
            await client.transcribe(b"invalid", 8_000)
        with pytest.raises(ProviderError, match=r"^local: RuntimeError$") as broken:
            await client.transcribe(b"broken", 8_000)
        with pytest.raises(ProviderError, match="bytes") as too_large:
            await client.transcribe(bytes(MAX_MESSAGE_BYTES), 8_000)
    assert [error.value.retryable for error in (invalid, broken, too_large)] == [False, True, False]


async def test_connect_raises_without_an_engine(socket_path: Path) -> None:
    client = EngineClient(socket_path)
    with pytest.raises(ProviderError, match="cannot be reached"):
        await client.connect()
    await client.close()


async def test_a_late_answer_is_slow_and_its_request_is_cancelled(socket_path: Path) -> None:
    received: asyncio.Queue[object] = asyncio.Queue()

    async def answer_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await receive_message(reader, make_request_decoder())) is not None:
            received.put_nowait(request)
        writer.close()

    async with listening(socket_path, answer_nothing, answer_s=0.01) as client:
        with pytest.raises(ProviderSlow, match=r"no answer within 0.01 s"):
            await client.transcribe(b"a", 8_000)
        assert await received.get() == Transcribe(1, b"a", 8_000)
        assert await received.get() == Cancel(1)


@pytest.mark.parametrize("last_words", [b"", b"\xff\xff\xff\xff", encode_message(Cancel(1))])
async def test_a_broken_connection_fails_pending_requests_and_is_reopened(socket_path: Path, last_words: bytes) -> None:
    async def break_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await receive_message(reader, make_request_decoder())
        writer.write(last_words)
        writer.close()

    async with listening(socket_path, break_connection) as client:
        for _ in range(2):
            with pytest.raises(ProviderError, match=r"closed the connection|broke") as broken:
                await client.transcribe(b"a", 8_000)
            assert broken.value.retryable


async def test_closing_fails_pending_requests(socket_path: Path) -> None:
    engine = GatedEngine(open=False)
    async with serving(socket_path, engine) as client:
        waiting = asyncio.create_task(client.transcribe(b"a", 8_000))
        await asyncio.to_thread(engine.started.acquire)
        await client.close()
        with pytest.raises(ProviderError, match="closed"):
            await waiting


@pytest.mark.parametrize(
    ("language", "known"), [("en", True), ("en-US", True), ("EN", True), ("de", False), ("", False)]
)
def test_only_english_is_accepted(language: str, known: bool) -> None:
    if known:
        require_english(language)
    else:
        with pytest.raises(ProviderError, match="is not supported") as error:
            require_english(language)
        assert not error.value.retryable
