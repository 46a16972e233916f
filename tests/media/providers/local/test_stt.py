"""The local SpeechToText: which of the caller's audio is transcribed, and when."""

import asyncio
import tracemalloc

import pytest

from media.audio import mulaw
from media.providers.local.speech import Recognition
from media.providers.local.stt import (
    EARLIEST_CUT,
    IDLE_AUDIO,
    LATEST_CUT,
    LEAD_IN,
    LONG_TURN,
    LocalSpeechToText,
    find_quietest,
)
from media.providers.ports import (
    ProviderBusy,
    ProviderError,
    RecognizedText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
)

FRAME = 160  # bytes, 20 ms
QUIET = b"\xff"
LOUD = b"\x10"


class FakeEngine:
    """Transcribes audio as its length in ms; answers once `gate` is set. Partial texts only if `is_idle`."""

    def __init__(self, *, slow: bool = False, is_idle: bool = False) -> None:
        self.is_idle = is_idle
        self.transcribed_ms: list[int] = []
        self.partials_ms: list[int] = []
        self.error: ProviderError | None = None
        self.gate = asyncio.Event()
        if not slow:
            self.gate.set()

    async def connect(self) -> None:
        if self.error:
            raise self.error

    async def transcribe(self, pcm: bytes, sample_rate: int, *, is_partial: bool = False) -> Recognition:
        assert sample_rate == mulaw.RATE
        if is_partial:
            return await self._transcribe_partial(len(pcm) // 2 // 8)
        self.transcribed_ms.append(len(pcm) // 2 // 8)
        await self.gate.wait()
        if self.error:
            raise self.error
        return Recognition(f"<{self.transcribed_ms[-1]}>" if pcm.strip(b"\0") else "", 0.9)

    async def _transcribe_partial(self, ms: int) -> Recognition:
        self.partials_ms.append(ms)
        if not self.is_idle:
            raise ProviderBusy("local", "the queue is full")
        await self.gate.wait()
        return Recognition(f"<{ms}>", 0.9)


async def open_session(engine: FakeEngine) -> tuple[SpeechToTextSession, list[SpeechToTextEvent]]:
    events: list[SpeechToTextEvent] = []
    return await LocalSpeechToText(engine).open("en-US", events.append), events


def say(session: SpeechToTextSession, ms: int, code: bytes = LOUD) -> None:
    for _ in range(ms // 20):
        session.push(code * FRAME)


async def run_ready_tasks() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_turn_is_transcribed_from_shortly_before_its_start() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    say(session, 30_000, QUIET)
    session.started()
    say(session, 1_000)
    session.finalize(1)
    await run_ready_tasks()
    assert events == [RecognizedText(f"<{LEAD_IN // 8 + 1_000}>", True, 1)]
    await session.close()


async def test_whole_turn_is_transcribed_again_when_the_caller_continues() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    say(session, 1_000)
    session.finalize(1)
    await run_ready_tasks()
    session.started()
    say(session, 2_000)
    session.finalize(2)
    await run_ready_tasks()
    assert events == [RecognizedText("<1000>", True, 1), RecognizedText("<3000>", True, 2)]
    await session.close()


async def test_a_later_request_makes_the_earlier_one_stale() -> None:
    engine = FakeEngine(slow=True)
    session, events = await open_session(engine)
    session.started()
    say(session, 1_000)
    session.finalize(1)
    await run_ready_tasks()
    say(session, 1_000)
    session.finalize(2)
    await run_ready_tasks()
    engine.gate.set()
    await run_ready_tasks()
    assert engine.transcribed_ms == [1_000, 2_000]
    assert events == [RecognizedText("<2000>", True, 2)]
    await session.close()


async def test_the_next_turn_starts_after_the_audio_of_the_last_request() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    say(session, 5_000)
    session.finalize(1)
    await run_ready_tasks()
    say(session, 300)
    session.next_turn()
    session.started()
    say(session, 1_000)
    session.finalize(2)
    await run_ready_tasks()
    assert events[1:] == [RecognizedText("<1300>", True, 2)]
    await session.close()


async def test_the_next_turn_makes_a_request_stale() -> None:
    engine = FakeEngine(slow=True)
    session, events = await open_session(engine)
    session.started()
    say(session, 1_000)
    session.finalize(1)
    await run_ready_tasks()
    session.next_turn()
    engine.gate.set()
    await run_ready_tasks()
    assert events == []
    await session.close()


async def test_text_can_be_requested_without_a_detected_start() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    say(session, 3_000)
    session.finalize(1)
    await run_ready_tasks()
    assert events == [RecognizedText("<3000>", True, 1)]
    await session.close()


async def test_long_turn_is_transcribed_in_parts_while_the_caller_speaks() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    for _ in range(3):
        say(session, 7_000)
        say(session, 500, QUIET)
        await run_ready_tasks()
    assert engine.transcribed_ms == [7_050, 7_550]  # up to the middle of a quiet 100 ms, 50 ms into the pause
    session.finalize(1)
    await run_ready_tasks()
    rest = 3 * 7_500 - sum(engine.transcribed_ms[:2])
    assert engine.transcribed_ms[2:] == [rest]
    assert events == [RecognizedText(f"<7050> <7550> <{rest}>", True, 1)]
    await session.close()


async def test_long_turn_that_arrived_at_once_is_transcribed_in_short_parts() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    say(session, 40_000)
    session.finalize(1)
    await run_ready_tasks()
    assert sum(engine.transcribed_ms) == 40_000
    assert all(ms <= LONG_TURN // 8 for ms in engine.transcribed_ms)
    assert len(events) == 1
    await session.close()


async def test_a_request_waits_for_the_part_being_transcribed() -> None:
    engine = FakeEngine(slow=True)
    session, events = await open_session(engine)
    session.started()
    say(session, LONG_TURN // 8 + 20)
    await run_ready_tasks()
    (part,) = engine.transcribed_ms
    session.finalize(1)
    await run_ready_tasks()
    engine.gate.set()
    await run_ready_tasks()
    assert engine.transcribed_ms == [part, LONG_TURN // 8 + 20 - part]
    assert [event.text for event in events if isinstance(event, RecognizedText)] == [
        f"<{part}> <{engine.transcribed_ms[1]}>"
    ]
    await session.close()


async def test_only_the_latest_audio_is_buffered_before_speech() -> None:
    engine = FakeEngine()
    session, _ = await open_session(engine)
    say(session, 120_000, QUIET)
    session.finalize(1)
    await run_ready_tasks()
    assert sum(engine.transcribed_ms) <= 2 * IDLE_AUDIO // 8
    await session.close()


@pytest.mark.parametrize("ms", [1_000, 11_000])
async def test_an_engine_s_error_ends_the_session(ms: int) -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    engine.error = ProviderBusy("local", "the queue is full")
    session.started()
    say(session, ms)
    session.finalize(1)
    await run_ready_tasks()
    session.finalize(2)
    await run_ready_tasks()
    assert events == [SpeechToTextFailed(engine.error)]
    await session.close()


async def test_no_event_is_sent_after_closing() -> None:
    engine = FakeEngine(slow=True)
    session, events = await open_session(engine)
    session.started()
    say(session, 1_000)
    session.finalize(1)
    await run_ready_tasks()
    await session.close()
    engine.gate.set()
    session.finalize(2)
    await session.close()
    await run_ready_tasks()
    assert events == []


async def test_open_raises_without_an_engine_or_for_another_language() -> None:
    engine = FakeEngine()
    engine.error = ProviderError("local", "not there")
    with pytest.raises(ProviderError, match="not there"):
        await LocalSpeechToText(engine).open("en", print)
    with pytest.raises(ProviderError, match="language fr is not supported"):
        await LocalSpeechToText(engine).open("fr", print)


def test_speech_is_cut_at_its_quietest_moment() -> None:
    speech = bytearray(LOUD * LONG_TURN)
    speech[50_000:51_600] = b"\x30" * 1_600
    speech[60_000:61_600] = QUIET * 1_600
    assert 60_000 < find_quietest(bytes(speech)) < 61_600
    assert EARLIEST_CUT < find_quietest(LOUD * LONG_TURN) < LATEST_CUT


async def test_a_failed_session_keeps_no_more_audio() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    say(session, 1_000)
    engine.error = ProviderError("local", "gone")
    session.finalize(1)
    await run_ready_tasks()
    assert isinstance(events[-1], SpeechToTextFailed)
    tracemalloc.start()
    try:
        say(session, 120_000)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000, "two minutes of a call that goes on are a megabyte"
    await session.close()
