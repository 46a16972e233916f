"""Runs one test case in virtual time: the call of the media server, with local vendors and a scripted caller."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from control.agent_tests.rules import CaseReport, CaseScript, HeardUtterance, ToolUseReport
from media.audio.transcode import Transcoder
from media.call.call import Call
from media.call.components import CallComponents, CascadeComponents
from media.call.conversation import make_cascade
from media.call.event_emitter import EventEmitter
from media.providers.ports import (
    ChatRequest,
    LanguageModel,
    LanguageModelEvent,
    SpeechChunk,
    SpeechToText,
    TextToSpeech,
    ToolCall,
)
from media.server.ticker import CallTicker
from media.turn.evidence import CompletenessJudge
from media.turn.vad import VadEngine
from shared.events import AgentSaid, CallerSaid, Event, EventEnvelope, ToolRan, ToolStarted
from shared.plan import CallPlan
from vocalized.agent_tests.caller import FRAME_MS, HeardAgent, ScriptedCaller
from vocalized.agent_tests.carrier import RecordingCarrier
from vocalized.agent_tests.verdicts import CallRecord, judge
from vocalized.agent_tests.world import RecordedTools
from vocalized.virtual_time import run_virtual

# About what a fast language model takes to its first token. Local vendors answer at once in virtual time.
MODEL_S: Final = 0.2
LONGEST_CALL_MS: Final = 900_000


@dataclass(frozen=True, slots=True)
class CaseVendors:
    """The vendors of a test call. They wait for timers only, never for a socket."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    vad: VadEngine
    completeness: CompletenessJudge | None = None


@dataclass(frozen=True, slots=True)
class CaseRun:
    """What a run of a case gave.

    Attributes:
        caller, agent: Both sides of the call, mu-law from its beginning.
    """

    report: CaseReport
    caller: bytes
    agent: bytes


def run_case(
    script: CaseScript, plan: CallPlan, sounds: Mapping[int, bytes], vendors: CaseVendors, at: datetime
) -> CaseRun:
    """Runs a case to the end of its call.

    Args:
        sounds: The caller's audio of each turn by its place, mu-law.
        at: Date and time of the call for the agent.
    """
    return run_virtual(_run(script, plan, sounds, vendors, at), limit_s=LONGEST_CALL_MS / 1_000 + 120)


async def _run(
    script: CaseScript, plan: CallPlan, sounds: Mapping[int, bytes], vendors: CaseVendors, at: datetime
) -> CaseRun:
    loop = asyncio.get_running_loop()
    carrier, events, track = RecordingCarrier(loop), _EventList(), vendors.vad.track()
    tools = RecordedTools(script.tools, lambda: carrier.now_ms)
    caller = ScriptedCaller(script, sounds)
    model, voice = _WatchedModel(vendors.llm), _WatchedVoice(vendors.tts, carrier)
    cascade = CascadeComponents(
        stt=vendors.stt,
        llm=model,
        tts=voice,
        track=track,
        wall_clock=lambda: at + timedelta(seconds=loop.time()),
        completeness=vendors.completeness,
        remote_tools=tools,
    )
    call = Call(
        CallComponents(
            plan=plan,
            stream=carrier,
            emitter=EventEmitter("test", events),
            clock=lambda: carrier.now_ms,
            transcoder=Transcoder("PCMU", 8_000),
            make_responder=make_cascade(cascade),
        )
    )
    carrier.on_mark = call.on_mark
    ticker = CallTicker(vendors.vad.run, lambda: None)
    ticker.start()
    ticker.add(call, call.tick)
    call.begin()
    try:
        number = 0
        while not (carrier.is_closed or caller.has_hung_up or carrier.now_ms > LONGEST_CALL_MS):
            number += 1
            await asyncio.sleep(number * FRAME_MS / 1_000 - loop.time())
            was_speaking = caller.is_speaking
            call.on_audio(
                caller.next_frame(carrier.now_ms, _hear(events, carrier, tools, caller, voice)),
                (number - 1) * FRAME_MS,
            )
            if was_speaking != caller.is_speaking:
                voice.forget(carrier.now_ms)
    finally:
        ticker.stop()
        await call.finish("caller_hangup")
        vendors.vad.release(track)
    record = CallRecord(
        events=events.events,
        agent=carrier.spans,
        caller=caller.spoken,
        tool_calls=_list_tool_calls(events.events, model.calls),
        duration_ms=round(carrier.now_ms),
        unsaid=len(caller.unsaid),
        unknown_tools=[(name, round(at_ms)) for name, _, at_ms in tools.unknown],
    )
    return CaseRun(_make_report(record, script), bytes(caller.audio), bytes(carrier.audio))


def _hear(
    events: "_EventList",
    carrier: RecordingCarrier,
    tools: RecordedTools,
    caller: ScriptedCaller,
    voice: "_WatchedVoice",
) -> HeardAgent:
    since = caller.silent_since_ms
    said = [event.text for event in events.events if isinstance(event, AgentSaid) and event.end_ms > since]
    return HeardAgent(
        heard=" ".join(said),
        words_begun=voice.count_begun(),
        is_sounding=carrier.is_sounding,
        is_busy=tools.running > 0,
        silent_since_ms=max(carrier.silent_since_ms, tools.ended_ms),
    )


def _list_tool_calls(events: list[Event], calls: list[ToolCall]) -> list[ToolUseReport]:
    """Returns the tools that ran, with the arguments of the model's calls."""
    left, ran = list(calls), {event.run_id: event for event in events if isinstance(event, ToolRan)}
    reports = []
    for event in events:
        if isinstance(event, ToolStarted):
            call = next((call for call in left if call.name == event.name), None)
            if call is not None:
                left.remove(call)
            result = ran.get(event.run_id)
            reports.append(
                ToolUseReport(
                    name=event.name,
                    arguments="" if call is None else call.arguments,
                    is_ok=result is not None and result.ok,
                    result="" if result is None else result.result,
                    at_ms=event.at_ms,
                )
            )
    return reports


def _make_report(record: CallRecord, script: CaseScript) -> CaseReport:
    utterances = [
        HeardUtterance(
            speaker="caller" if isinstance(event, CallerSaid) else "agent",
            text=event.text,
            start_ms=max(0, event.start_ms),
            end_ms=max(0, event.end_ms),
        )
        for event in record.events
        if isinstance(event, CallerSaid | AgentSaid)
    ]
    return CaseReport(
        verdicts=judge(record, script.assertions),
        utterances=sorted(utterances, key=lambda utterance: utterance.start_ms),
        tool_calls=list(record.tool_calls),
        end_reason=record.ended.end_reason if record.ended else "",
        duration_ms=record.duration_ms,
    )


class _EventList:
    """An `EventSink` that keeps the events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, envelope: EventEnvelope) -> None:
        self.events.append(envelope.event)

    def close(self) -> None:
        pass


@dataclass(slots=True)
class _WatchedModel:
    """A language model whose calls of tools are kept, because events do not have the arguments."""

    model: LanguageModel
    calls: list[ToolCall] = field(default_factory=list)
    name: str = "test"

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        await asyncio.sleep(MODEL_S)
        async for event in self.model.stream(request):
            if isinstance(event, ToolCall):
                self.calls.append(event)
            yield event


class _WatchedVoice:
    """A voice whose words are timed by what the caller heard of them, for interruptions at a word."""

    def __init__(self, voice: TextToSpeech, carrier: RecordingCarrier) -> None:
        self._voice, self._carrier = voice, carrier
        self.name, self.streams_text, self.times_words = voice.name, voice.streams_text, voice.times_words
        self._since_ms = self._length_ms = 0.0
        self._starts: list[float] = []

    def forget(self, now_ms: float) -> None:
        """The caller's turn began or ended: later words are counted from here."""
        self._since_ms, self._length_ms, self._starts = now_ms, 0.0, []

    def count_begun(self) -> int:
        """Returns how many of the agent's words have begun to sound."""
        heard_ms = self._carrier.heard_ms(self._since_ms)
        return sum(start < heard_ms for start in self._starts)

    async def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        base = self._length_ms
        async for chunk in self._voice.stream(text, language):
            self._starts += [base + word.start_ms for word in chunk.words]
            self._length_ms += len(chunk.audio) / 8
            yield chunk
