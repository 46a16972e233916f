"""The service: one lane for each engine, first come, first served."""

import asyncio
import logging

import pytest

from media.providers.local.service import LONGEST_PCM, LONGEST_TEXT, Busy, Lane, Remembering, Service
from media.providers.local.speech import Transcript
from media.providers.local.wire import Answer, Refused, Synthesise, Synthesised, Transcribe, Transcribed
from tests.media.providers.local.fakes import GatedEngine


async def ask(engine: GatedEngine, *requests: Transcribe | Synthesise, capacity: int = 8) -> list[Answer]:
    service = Service(engine, engine, capacity)
    try:
        return list(await asyncio.gather(*(service.answer(request) for request in requests)))
    finally:
        await service.close()


async def test_answers_carry_what_the_engines_give() -> None:
    heard, spoken = await ask(GatedEngine(), Transcribe(1, b"a", 8_000), Synthesise(2, "b"))
    assert heard == Transcribed(1, Transcript("heard a at 8000", 0.9))
    assert isinstance(spoken, Synthesised)
    assert (spoken.id, spoken.speech.pcm) == (2, b"b")


async def test_requests_are_done_in_the_order_in_which_they_came() -> None:
    engine = GatedEngine()
    await ask(engine, *(Transcribe(number, b"%d" % number, 8_000) for number in range(8)))
    assert engine.done == list("01234567")


async def test_a_full_lane_is_busy_and_the_other_one_is_not() -> None:
    engine = GatedEngine(open=False)
    service = Service(engine, engine, capacity=2)
    waiting = [asyncio.create_task(service.answer(Transcribe(number, b"a", 8_000))) for number in range(2)]
    speaking = asyncio.create_task(service.answer(Synthesise(7, "b")))
    await asyncio.sleep(0)
    assert await service.answer(Transcribe(3, b"c", 8_000)) == Refused(3, "busy", "the queue is full")
    engine.gate.set()
    assert all(isinstance(answer, Transcribed) for answer in await asyncio.gather(*waiting))
    assert isinstance(await speaking, Synthesised)
    assert isinstance(await service.answer(Transcribe(4, b"d", 8_000)), Transcribed)
    await service.close()


async def test_a_request_that_is_cancelled_before_its_turn_is_never_done() -> None:
    engine = GatedEngine(open=False)
    service = Service(engine, engine)
    first, second, third = (
        asyncio.create_task(service.answer(Transcribe(number, name, 8_000)))
        for number, name in enumerate((b"a", b"b", b"c"))
    )
    await asyncio.to_thread(engine.begun.acquire)
    second.cancel()
    await asyncio.wait({second})
    engine.gate.set()
    await asyncio.gather(first, third)
    assert engine.done == ["a", "c"]
    await service.close()


async def test_an_engines_error_is_an_answer_and_the_lane_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answers = await ask(GatedEngine(), *(Transcribe(1, pcm, 8_000) for pcm in (b"senseless", b"broken", b"a")))
    assert answers[0] == Refused(1, "bad", "no sense in this")
    assert answers[1] == Refused(1, "failed", "RuntimeError")
    assert isinstance(answers[2], Transcribed)
    assert [record.message for record in caplog.records] == ["the speech engine failed"]


async def test_requests_that_would_starve_the_others_are_refused() -> None:
    audio, text = await ask(
        GatedEngine(), Transcribe(1, bytes(LONGEST_PCM + 2), 8_000), Synthesise(2, "x" * (LONGEST_TEXT + 1))
    )
    assert audio == Refused(1, "bad", "too much audio")
    assert text == Refused(2, "bad", "too much text")


def test_a_lane_has_room_again_when_work_is_done_or_cancelled() -> None:
    gate = GatedEngine(open=False)
    lane: Lane[Transcript] = Lane("test", capacity=2)
    running = lane.submit(lambda: gate.transcribe(b"a", 1))
    waiting = lane.submit(lambda: gate.transcribe(b"b", 1))
    with pytest.raises(Busy):
        lane.submit(lambda: gate.transcribe(b"c", 1))
    waiting.cancel()
    last = lane.submit(lambda: gate.transcribe(b"d", 1))
    gate.gate.set()
    assert running.result(60).text == "heard a at 1"
    assert last.result(60).text == "heard d at 1"
    lane.close()


def test_what_was_said_lately_is_remembered() -> None:
    engine = GatedEngine()
    voice = Remembering(engine, most=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        assert voice.synthesise(text).pcm == text.encode()
    assert engine.done == ["a", "b", "c", "b"]
