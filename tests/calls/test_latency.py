"""The latency that a call reports, against what its caller hears at the carrier. In virtual time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from media.audio.framer import FRAME_MS
from media.providers.ports import SpeechChunk, TimedWord
from shared.events import AgentSaid, TurnLatency
from shared.plan import TurnPlan
from tests.calls.faulty_providers import FILLERS, WarmPhrases
from tests.calls.scripted_call import WORD_MS, ScriptedCall, ScriptedCarrier, ScriptedVoice
from tests.virtual_time import run_virtual


@dataclass
class DistantCarrier(ScriptedCarrier):
    """A carrier that is reached after a while. delay_s: of each message to it."""

    delay_s: float = 0.0
    wire: deque[tuple[float, bytes | str]] = field(default_factory=deque)

    def play(self, ulaw: bytes) -> None:
        self.wire.append((asyncio.get_running_loop().time() + self.delay_s, ulaw))

    def mark(self, name: str) -> None:
        self.wire.append((asyncio.get_running_loop().time() + self.delay_s, name))

    def step(self) -> None:
        while self.wire and self.wire[0][0] <= asyncio.get_running_loop().time() + 1e-9:
            self.queue.append(self.wire.popleft()[1])
        super().step()


@dataclass
class HesitantVoice(ScriptedVoice):
    """A voice whose audio begins with silence and comes in chunks, each `every_s` after the one before."""

    lead_ms: int
    chunk_ms: int
    every_s: float

    def __post_init__(self) -> None:
        super().__init__()

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        words = [word async for piece in text for word in piece.split()]
        audio = b"\xff" * (self.lead_ms * 8) + b"\x30" * (len(words) * 300 * 8)
        timings = [
            TimedWord(word, self.lead_ms + n * 300.0, self.lead_ms + n * 300.0 + 300) for n, word in enumerate(words)
        ]
        for start in range(0, len(audio), self.chunk_ms * 8):
            await asyncio.sleep(self.every_s)
            yield SpeechChunk(audio[start : start + self.chunk_ms * 8], tuple(timings) if not start else ())


def run_turn(voice: ScriptedVoice, delay_ms: int, *, interrupt: bool = False) -> tuple[ScriptedCall, float]:
    """One turn of the caller's; returns the call and the ms from the end of speech to the first audible sample."""

    async def scenario() -> tuple[ScriptedCall, float]:
        scripted = ScriptedCall(turn=TurnPlan(silence_ms=400), carrier=DistantCarrier(delay_s=delay_ms / 1000))
        scripted.voice.stream = voice.stream  # type: ignore[method-assign]
        await scripted.silence(200)
        await scripted.say("what are your hours", 1_000)
        ended = scripted.now()
        while scripted.carrier.played.endswith(b"\xff" * 160) or not scripted.carrier.played:
            await scripted.silence(20)
        await scripted.silence(600)
        if interrupt:
            await scripted.say("wait a moment", 1_200)
        await scripted.silence(3_000)
        await scripted.hang_up()
        sounded = len(scripted.carrier.played) - len(scripted.carrier.played.lstrip(b"\xff"))
        return scripted, sounded / 8 - ended

    return run_virtual(scenario())


@pytest.mark.parametrize("delay_ms", [0, 100])
@pytest.mark.parametrize(("chunk_ms", "every_s"), [(20, 0.01), (64, 0.1), (300, 0.05), (5_000, 0.0)])
@pytest.mark.parametrize("lead_ms", [0, 106, 330])
def test_latency_runs_to_the_first_audible_sample(lead_ms: int, chunk_ms: int, every_s: float, delay_ms: int) -> None:
    scripted, heard_ms = run_turn(HesitantVoice(lead_ms, chunk_ms, every_s), delay_ms)
    (latency,) = scripted.events_of(TurnLatency)
    assert latency.total_ms == pytest.approx(heard_ms, abs=FRAME_MS)
    first = (latency.endpoint_ms, latency.stt_ms, latency.llm_first_token_ms, latency.tts_first_byte_ms)
    assert sum(first) + latency.playback_ms == latency.total_ms
    assert latency.playback_ms >= min(lead_ms, delay_ms or lead_ms) - FRAME_MS


@pytest.mark.parametrize("lead_ms", [0, 106, 330])
def test_latency_of_an_answer_behind_a_filler_is_its_own(lead_ms: int) -> None:
    async def scenario() -> tuple[ScriptedCall, float]:
        scripted = ScriptedCall(turn=TurnPlan(silence_ms=400), phrases=WarmPhrases())
        scripted.model.delay_s = 1.5
        scripted.voice.stream = HesitantVoice(lead_ms, 64, 0.02).stream  # type: ignore[method-assign]
        await scripted.say("what are your hours", 1_000)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted, scripted.carrier.played.rindex(b"\xff" * 80, 0, -WORD_MS * 8) / 8 + 10

    scripted, sounded_ms = run_virtual(scenario())
    filler, answer = scripted.events_of(AgentSaid)
    if not lead_ms:
        sounded_ms = filler.end_ms
    assert filler.text in FILLERS and answer.start_ms <= sounded_ms
    (latency,) = scripted.events_of(TurnLatency)
    assert latency.total_ms == pytest.approx(sounded_ms - 1_000, abs=FRAME_MS)
    parts = (latency.endpoint_ms, latency.stt_ms, latency.llm_first_token_ms, latency.tts_first_byte_ms)
    assert sum(parts) + latency.playback_ms == latency.total_ms


def test_latency_is_reported_once_before_the_answer_that_was_interrupted() -> None:
    scripted, _ = run_turn(HesitantVoice(100, 64, 0.01), 0, interrupt=True)
    kinds = [type(event) for event in scripted.events.events if isinstance(event, TurnLatency | AgentSaid)]
    assert kinds[:2] == [TurnLatency, AgentSaid]


def test_answer_of_which_nothing_was_heard_has_no_latency() -> None:
    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(turn=TurnPlan(silence_ms=400))
        scripted.voice.stream = HesitantVoice(2_000, 300, 0.0).stream  # type: ignore[method-assign]
        await scripted.silence(200)
        await scripted.say("what are your hours", 1_000)
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        await scripted.hang_up()
        return scripted

    assert run_virtual(scenario()).events_of(TurnLatency) == []
