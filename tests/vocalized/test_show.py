"""A call on the screen."""

import io

import pytest
from rich.console import Console

from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallStarted,
    DigitPressed,
    Envelope,
    Event,
    Interrupted,
    Nudged,
    ProviderFailed,
    Resumed,
    ToolRan,
    TurnLatency,
    Usage,
)
from simulator.carrier.caller import TurnReport
from simulator.carrier.dial import CallRecord
from simulator.carrier.legs import Legs
from simulator.carrier.stream import Fault, StreamEnd
from simulator.carrier.wire import Identity
from vocalized.show import Show, line_of


def line(event: Event) -> str:
    made = line_of(Envelope("c", 1, "", event))
    return made.plain if made else ""


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (CallStarted("twilio", "CA", "MZ", "desk"), []),
        (CallerSaid(1, "hello [bold]", 1_234, 2_000), ["1.2 s", "caller", "hello [bold]"]),
        (AgentSaid(1, "Good day.", 60_000, 61_000), ["60.0 s", "agent", "Good day."]),
        (AgentSaid(1, "We are open", 0, 9, True, "We are open until six."), ["We are open", "—", "until six."]),
        (TurnLatency(1, 1_030, 640, 180, 2, 208), ["1,030 ms", "640 end of turn", "180 recogniser", "208 first sound"]),
        (Interrupted(1, 5_000, 5_180), ["180 ms after the caller began"]),
        (Interrupted(1, 5_000, 4_000), ["interrupted"]),
        (Resumed(1, 5_000), ["goes on"]),
        (Nudged(9_000), ["silence"]),
        (DigitPressed(9_000, "5"), ["key 5"]),
        (DigitPressed(9_000, ""), ["secret"]),
        (ToolRan(1, "end_call", True, "", 3), ["end_call", "done"]),
        (ProviderFailed("stt", "a", "slow", "b"), ["stt a failed", "b takes over"]),
        (ProviderFailed("stt", "a", "slow"), ["nobody takes over"]),
        (CallEnded("completed", "agent_hangup", "", 12_300, Usage()), ["completed", "agent hangup", "12.3 s"]),
    ],
)
def test_each_event_has_its_line(event: Event, words: list[str]) -> None:
    text = line(event)
    assert all(word in text for word in words)
    assert bool(text) is bool(words)


def test_what_the_caller_measured_and_what_the_server_did_wrong_is_told() -> None:
    out = io.StringIO()
    report = TurnReport("hello [x]", 0, 0, 480, 1_010.4, 1_020.0, True, 230.0)
    record = CallRecord(
        Identity("A", "C", "M"), StreamEnd("caller"), Legs(), (Fault(1_500.0, "bad_json", "no JSON"),), 0, 0
    )
    Show(Console(file=out, width=120)).perceived(record, [report])
    assert "530 ms" in out.getvalue()
    assert "230 ms" in out.getvalue()
    assert "hello [x]" in out.getvalue()
    assert "broke the carrier's protocol at 1.5 s: no JSON" in out.getvalue()
