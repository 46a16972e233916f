"""The printed lines of a call."""

import io

import pytest
from rich.console import Console

from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallNudged,
    CallStarted,
    CallUsage,
    DigitPressed,
    DigitsSent,
    Event,
    EventEnvelope,
    LanguageSwitched,
    ProviderFailed,
    ToolRan,
    TurnInterrupted,
    TurnLatency,
    TurnResumed,
    UsageRecorded,
)
from simulator.carrier.call_audio import CallAudio
from simulator.carrier.caller import TurnReport
from simulator.carrier.media_call import CompletedCall
from simulator.carrier.media_stream import StreamEnd, StreamFault
from simulator.carrier.stream_messages import CallIdentity
from vocalized.caller.console import CallPrinter, line_of


def line(event: Event) -> str:
    line_text = line_of(EventEnvelope("c", 1, "", event))
    return line_text.plain if line_text else ""


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (CallStarted("twilio", "CA", "MZ", "desk"), []),
        (CallerSaid(1, "hello [bold]", 1_234, 2_000), ["1.2 s", "caller", "hello [bold]"]),
        (AgentSaid(1, "Good day.", 60_000, 61_000), ["60.0 s", "agent", "Good day."]),
        (AgentSaid(1, "We are open", 0, 9, True, "We are open until six."), ["We are open", "—", "until six."]),
        (TurnLatency(1, 1_030, 640, 180, 2, 208), ["1,030 ms", "640 end of turn", "180 recogniser", "208 first audio"]),
        (TurnInterrupted(1, 5_000, 5_180), ["180 ms after the caller began"]),
        (TurnInterrupted(1, 5_000, 4_000), ["interrupted"]),
        (TurnResumed(1, 5_000), ["continues"]),
        (CallNudged(9_000), ["silence"]),
        (UsageRecorded("llm", "a", "openai", "m", 5, "prompt_tokens"), []),
        (DigitPressed(9_000, "5"), ["key 5"]),
        (DigitPressed(9_000, ""), ["secret"]),
        (DigitsSent(9_000, "12#", "run-1"), ["agent presses 12#"]),
        (LanguageSwitched(2, "es", "en", 9_000), ["goes on in es"]),
        (ToolRan(1, "end_call", True, "", 3), ["end_call", "done"]),
        (ProviderFailed("stt", "a", "slow", "b"), ["stt a failed", "b takes over"]),
        (ProviderFailed("stt", "a", "slow"), ["nobody takes over"]),
        (CallEnded("completed", "agent_hangup", "", 12_300, CallUsage()), ["completed", "agent hangup", "12.3 s"]),
    ],
)
def test_each_event_has_a_line(event: Event, words: list[str]) -> None:
    text = line(event)
    assert all(word in text for word in words)
    assert bool(text) is bool(words)


def test_timings_and_protocol_faults_are_printed() -> None:
    out = io.StringIO()
    report = TurnReport(
        label="hello [x]",
        began_ms=0,
        speech_began_ms=0,
        speech_ended_ms=480,
        answer_arrived_ms=1_010.4,
        answer_heard_ms=1_020.0,
        over_agent=True,
        cleared_ms=230.0,
    )
    record = CompletedCall(
        CallIdentity("A", "C", "M"),
        StreamEnd("caller"),
        CallAudio(),
        (StreamFault(1_500.0, "bad_json", "no JSON"),),
        0,
        0,
    )
    CallPrinter(Console(file=out, width=120)).timings(record, [report])
    assert "530 ms" in out.getvalue()
    assert "230 ms" in out.getvalue()
    assert "hello [x]" in out.getvalue()
    assert "broke the carrier's protocol at 1.5 s: no JSON" in out.getvalue()
