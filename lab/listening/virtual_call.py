"""One whole call in virtual time: the real `Call` with its floor, detector and recognizer; a language model and a voice
with fixed delays; a carrier and a caller made of recorded sound."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lab.listening.recognition_cache import RecognizerEngine
from lab.listening.sound import FRAME_MS
from lab.listening.virtual_carrier import SoundSpan, VirtualCarrier
from media.audio.transcode import Transcoder
from media.call.call import Call
from media.call.components import CallComponents, CascadeComponents
from media.call.conversation import make_cascade
from media.call.event_emitter import EventEmitter
from media.call.turn_hints import TurnHints
from media.providers.local.speech import Recognition
from media.providers.local.stt import LocalSpeechToText
from media.providers.ports import ProviderBusy
from media.server.ticker import CallTicker
from media.turn.evidence import CompletenessJudge
from media.turn.onnx_models import SILERO, SMART_TURN, find_pipecat_file
from media.turn.second_opinion import SecondJudge
from media.turn.smart_turn import SmartTurn
from media.turn.vad import VadEngine, VoiceTrack
from shared.events import Event, EventEnvelope
from shared.plan import AgentPlan, CallPlan, ProviderPlan, TurnPlan
from vendors.standin.facts import StandinLanguageModelOptions, StandinTextToSpeechOptions
from vendors.standin.media import StandinLanguageModel, StandinTextToSpeech, make_speech_pattern
from vocalized.virtual_time import run_virtual

# About what the local recognizer and smart-turn take on one core: a start, and a share of the sound's length.
RECOGNIZER_MS, RECOGNIZER_SHARE = 50.0, 0.02
# The larger model, which hears what is doubtful once or twice more, takes so much longer for it.
HEARD_AGAIN: Final = 1.95
SMART_TURN_MS: Final = 50.0
_REPLY: Final = "Thank you for calling, I can certainly help you with that today."
_TURN: Final = TurnPlan()
_STANDIN: Final = [ProviderPlan("standin")]


@dataclass(frozen=True, slots=True)
class CallSetup:
    """What is the same for many calls. llm_ms, tts_ms: to the first token, and from it to the first audio. greeting,
    reply: what the agent says; speech_ms: how long that takes. turn: the plan's turn-taking."""

    llm_ms: int = 200
    tts_ms: int = 80
    turn: TurnPlan = _TURN
    greeting: str = ""
    reply: str = _REPLY
    speech_ms: int = 2_500


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What happened. Times in ms since the call began. spans: when the agent was audible. agent: its audio, mu-law.
    clears: when it was silenced or lowered."""

    spans: list[SoundSpan]
    events: list[Event]
    agent: bytes = b""
    clears: list[float] = field(default_factory=list)


@dataclass(slots=True)
class ListeningEngines:
    """What calls share: the detector of voices, smart-turn if it is wanted, and the recognizer. smart_turn: None:
    off. completeness: judges the caller's words; None: off. second_judge: asked besides, in virtual time; None: off."""

    recognizer: RecognizerEngine
    smart_turn: Callable[[bytes], float] | None = None
    completeness: CompletenessJudge | None = None
    second_judge: SecondJudge | None = None
    vad: VadEngine = field(default_factory=lambda: VadEngine(SILERO))
    pattern: bytes = field(default_factory=make_speech_pattern)


def load_smart_turn() -> Callable[[bytes], float]:
    """Loads smart-turn. Raises ModelError."""
    return SmartTurn(Path(find_pipecat_file(SMART_TURN))).finished


def run_call(frames: Sequence[bytes], setup: CallSetup, engines: ListeningEngines) -> CallOutcome:
    """Runs a call whose caller sends these frames (20 ms of mu-law each), one after the other, and then hangs up."""
    return run_virtual(_run(frames, setup, engines))


async def _run(frames: Sequence[bytes], setup: CallSetup, engines: ListeningEngines) -> CallOutcome:
    loop = asyncio.get_running_loop()
    sink, carrier, track = _EventList(), VirtualCarrier(loop), engines.vad.track()
    with ThreadPoolExecutor(1) as pool:
        call = Call(_components(setup, engines, carrier, sink, track=track, pool=pool))
        carrier.on_mark = call.on_mark
        ticker = CallTicker(engines.vad.run, lambda: None)
        ticker.start()
        ticker.add(call, call.tick)
        call.begin()
        try:
            for number, frame in enumerate(frames):
                await asyncio.sleep((number + 1) * FRAME_MS / 1_000 - loop.time())
                call.on_audio(frame, number * FRAME_MS)
        finally:
            ticker.stop()
            await call.finish("caller_hangup")
            engines.vad.release(track)
    return CallOutcome(carrier.spans, sink.events, bytes(carrier.audio), carrier.clears)


def _components(
    setup: CallSetup,
    engines: ListeningEngines,
    carrier: VirtualCarrier,
    sink: "_EventList",
    *,
    track: VoiceTrack,
    pool: ThreadPoolExecutor,
) -> CallComponents:
    loop = asyncio.get_running_loop()
    llm = StandinLanguageModelOptions(first_token_ms=setup.llm_ms, text=setup.reply)
    tts = StandinTextToSpeechOptions(first_byte_ms=setup.tts_ms, audio_ms=setup.speech_ms)
    agent = AgentPlan(name="Front desk", greeting=setup.greeting, prompt="You answer the telephone.", language="en")
    cascade = CascadeComponents(
        stt=LocalSpeechToText(_TimedRecognizer(engines.recognizer)),
        llm=StandinLanguageModel("standin", llm),
        tts=StandinTextToSpeech("standin", tts, engines.pattern),
        track=track,
        wall_clock=lambda: datetime(2026, 11, 26, 12, 0, tzinfo=UTC),
        hints=_DelayedHints(engines.smart_turn, pool) if engines.smart_turn else None,
        completeness=engines.completeness,
        second_judge=engines.second_judge,
    )
    return CallComponents(
        plan=CallPlan(agent=agent, stt=_STANDIN, llm=_STANDIN, tts=_STANDIN, turn=setup.turn),
        stream=carrier,
        emitter=EventEmitter("call", sink),
        clock=lambda: loop.time() * 1_000,
        transcoder=Transcoder("PCMU", 8_000),
        make_responder=make_cascade(cascade),
    )


class _EventList:
    """An `EventSink` that keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, envelope: EventEnvelope) -> None:
        self.events.append(envelope.event)

    def close(self) -> None:
        pass


class _TimedRecognizer:
    """The recognizer as an engine process of its own: its answers come after the time that it takes."""

    def __init__(self, recognizer: RecognizerEngine) -> None:
        self._recognizer = recognizer

    async def connect(self) -> None:
        pass

    async def transcribe(self, pcm: bytes, sample_rate: int, *, is_partial: bool = False) -> Recognition:
        if is_partial:
            raise ProviderBusy("local", "no texts while the caller speaks")
        recognition = self._recognizer.transcribe(pcm, sample_rate)
        once_ms = RECOGNIZER_MS + RECOGNIZER_SHARE * len(pcm) / 2 / sample_rate * 1_000
        await asyncio.sleep(once_ms * (1 + HEARD_AGAIN * (recognition.hearings - 1)) / 1_000)
        return recognition


class _DelayedHints(TurnHints):
    """Smart-turn's opinion of the sound at the request, after the time that it takes."""

    def request(self, on_estimate: Callable[[float], None]) -> None:
        loop = asyncio.get_running_loop()
        super().request(lambda finished: _call_later(loop, on_estimate, finished))


def _call_later(loop: asyncio.AbstractEventLoop, callback: Callable[[float], None], value: float) -> None:
    loop.call_later(SMART_TURN_MS / 1_000, callback, value)
