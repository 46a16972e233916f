"""The engine service: one queue for each engine, in order of arrival."""

import asyncio
import logging

import pytest

from media.providers.local.service import (
    MAX_PCM_BYTES,
    MAX_TEXT_LENGTH,
    CachedVoice,
    EngineQueue,
    EngineService,
    QueueFull,
)
from media.providers.local.speech import Recognition
from media.providers.local.wire import EngineAnswer, EngineRefusal, Synthesize, Synthesized, Transcribe, Transcribed
from tests.media.providers.local.fakes import GatedEngine


async def send(engine: GatedEngine, *requests: Transcribe | Synthesize, capacity: int = 8) -> list[EngineAnswer]:
    service = EngineService(engine, engine, capacity)
    try:
        return list(await asyncio.gather(*(service.answer(request) for request in requests)))
    finally:
        await service.close()


async def test_answers_carry_the_engines_results() -> None:
    heard, spoken = await send(GatedEngine(), Transcribe(1, b"a", 8_000), Synthesize(2, "b"))
    assert heard == Transcribed(1, Recognition("heard a at 8000", 0.9))
    assert isinstance(spoken, Synthesized)
    assert (spoken.id, spoken.speech.pcm) == (2, b"b")


async def test_requests_run_in_order_of_arrival() -> None:
    engine = GatedEngine()
    await send(engine, *(Transcribe(number, b"%d" % number, 8_000) for number in range(8)))
    assert engine.done == list("01234567")


async def test_recognizer_is_told_whether_others_wait() -> None:
    engine = GatedEngine(open=False)
    service = EngineService(engine, engine)
    waiting = [asyncio.create_task(service.answer(Transcribe(number, b"a", 8_000))) for number in range(3)]
    await asyncio.to_thread(engine.started.acquire)
    engine.gate.set()
    await asyncio.gather(*waiting)
    assert engine.others_waited == [True, True, False]
    await service.close()


async def test_full_queue_refuses_while_the_other_accepts() -> None:
    engine = GatedEngine(open=False)
    service = EngineService(engine, engine, capacity=2)
    waiting = [asyncio.create_task(service.answer(Transcribe(number, b"a", 8_000))) for number in range(2)]
    speaking = asyncio.create_task(service.answer(Synthesize(7, "b")))
    await asyncio.sleep(0)
    assert await service.answer(Transcribe(3, b"c", 8_000)) == EngineRefusal(3, "busy", "the queue is full")
    engine.gate.set()
    assert all(isinstance(answer, Transcribed) for answer in await asyncio.gather(*waiting))
    assert isinstance(await speaking, Synthesized)
    assert isinstance(await service.answer(Transcribe(4, b"d", 8_000)), Transcribed)
    await service.close()


async def test_a_request_cancelled_before_its_turn_is_not_run() -> None:
    engine = GatedEngine(open=False)
    service = EngineService(engine, engine)
    first, second, third = (
        asyncio.create_task(service.answer(Transcribe(number, name, 8_000)))
        for number, name in enumerate((b"a", b"b", b"c"))
    )
    await asyncio.to_thread(engine.started.acquire)
    second.cancel()
    await asyncio.wait({second})
    engine.gate.set()
    await asyncio.gather(first, third)
    assert engine.done == ["a", "c"]
    await service.close()


async def test_an_engine_s_error_is_answered_and_the_queue_continues(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answers = await send(GatedEngine(), *(Transcribe(1, pcm, 8_000) for pcm in (b"invalid", b"broken", b"a")))
    assert answers[0] == EngineRefusal(1, "bad", "invalid audio")
    assert answers[1] == EngineRefusal(1, "failed", "RuntimeError")
    assert isinstance(answers[2], Transcribed)
    assert [record.message for record in caplog.records] == ["engine_request.failed"]


def partial(number: int, pcm: bytes) -> Transcribe:
    return Transcribe(number, pcm, 8_000, is_partial=True)


async def test_partial_text_is_recognized_by_an_idle_engine_and_refused_by_a_busy_one() -> None:
    engine = GatedEngine()
    service = EngineService(engine, engine)
    assert isinstance(await service.answer(partial(1, b"a")), Transcribed)
    engine.gate.clear()
    whole = asyncio.create_task(service.answer(Transcribe(2, b"b", 8_000)))
    await asyncio.to_thread(lambda: [engine.started.acquire() for _ in range(2)])
    assert await service.answer(partial(3, b"c")) == EngineRefusal(3, "busy", "the queue is full")
    engine.gate.set()
    assert isinstance(await whole, Transcribed)
    assert engine.done == ["a", "b"]
    await service.close()


async def test_a_whole_utterance_does_not_wait_for_a_partial_text() -> None:
    engine = GatedEngine(open=False)
    service = EngineService(engine, engine)
    running = asyncio.create_task(service.answer(partial(1, b"a")))
    await asyncio.to_thread(engine.started.acquire)
    whole = asyncio.create_task(service.answer(Transcribe(2, b"b", 8_000)))
    assert await running == EngineRefusal(1, "busy", "a whole utterance came first")
    engine.gate.set()
    assert isinstance(await whole, Transcribed)
    assert engine.done == ["b"]
    await service.close()


async def test_a_partial_text_that_nobody_waits_for_any_more_stops() -> None:
    engine = GatedEngine(open=False)
    service = EngineService(engine, engine)
    running = asyncio.create_task(service.answer(partial(1, b"a")))
    await asyncio.to_thread(engine.started.acquire)
    running.cancel()
    await asyncio.wait({running})
    await service.close()  # waits for what runs
    assert engine.done == []


async def test_partial_texts_take_half_of_the_engines_time_at_most() -> None:
    engine, now = GatedEngine(open=False), [100.0]
    service = EngineService(engine, engine, clock=lambda: now[0])
    first = asyncio.create_task(service.answer(partial(1, b"a")))
    await asyncio.to_thread(engine.started.acquire)
    now[0] = 100.2
    engine.gate.set()
    assert isinstance(await first, Transcribed)
    now[0] = 100.39
    assert await service.answer(partial(2, b"b")) == EngineRefusal(2, "busy", "the queue is full")
    assert isinstance(await service.answer(Transcribe(3, b"c", 8_000)), Transcribed)
    now[0] = 100.41
    assert isinstance(await service.answer(partial(4, b"d")), Transcribed)
    assert engine.done == ["a", "c", "d"]
    await service.close()


async def test_too_large_requests_are_refused() -> None:
    audio, text = await send(
        GatedEngine(), Transcribe(1, bytes(MAX_PCM_BYTES + 2), 8_000), Synthesize(2, "x" * (MAX_TEXT_LENGTH + 1))
    )
    assert audio == EngineRefusal(1, "bad", "too much audio")
    assert text == EngineRefusal(2, "bad", "too much text")


def test_queue_accepts_again_after_work_is_done_or_cancelled() -> None:
    engine = GatedEngine(open=False)
    queue: EngineQueue[Recognition] = EngineQueue("test", capacity=2)
    running = queue.submit(lambda: engine.transcribe(b"a", 1))
    waiting = queue.submit(lambda: engine.transcribe(b"b", 1))
    with pytest.raises(QueueFull):
        queue.submit(lambda: engine.transcribe(b"c", 1))
    waiting.cancel()
    last = queue.submit(lambda: engine.transcribe(b"d", 1))
    engine.gate.set()
    assert running.result(60).text == "heard a at 1"
    assert last.result(60).text == "heard d at 1"
    queue.close()


def test_latest_speech_is_cached() -> None:
    engine = GatedEngine()
    voice = CachedVoice(engine, size=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        assert voice.synthesize(text).pcm == text.encode()
    assert engine.done == ["a", "b", "c", "b"]
