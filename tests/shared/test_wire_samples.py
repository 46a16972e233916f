"""Encoded values written by commit 2571e66 are decoded, and encoded again to the same bytes.

Programs of both versions run side by side during a rolling upgrade, so Python names may change and these bytes may not.
"""

import json
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from shared.bus import checkpoints, commands, events, live, nodes, tickets, webhook_queue
from shared.bus.client import redis_key
from shared.events import (
    AgentSaid,
    AnnouncementHeard,
    CallCommanded,
    CallEnded,
    CallerSaid,
    CallNudged,
    CallResumed,
    CallStarted,
    CallUsage,
    DigitPressed,
    Event,
    EventEnvelope,
    ProviderFailed,
    RecordingReady,
    ToolRan,
    TurnInterrupted,
    TurnLatency,
    TurnResumed,
    UsageRecorded,
)
from shared.plan import (
    AgentPlan,
    CallPlan,
    ConsentPlan,
    ContextPlan,
    HeardMessage,
    LimitsPlan,
    ProviderPlan,
    ResumePoint,
    TurnPlan,
)
from shared.secrets import Sealer

SAMPLES: dict[str, str] = json.loads((Path(__file__).parents[1] / "spec" / "wire_samples.json").read_text())
USAGE = CallUsage(
    call_ms=90_000,
    stt_ms=41_000,
    llm_requests=3,
    llm_prompt_tokens=1_200,
    llm_completion_tokens=150,
    tts_characters=420,
    tts_ms=30_000,
    heard_ms=28_000,
)
EVENTS: dict[str, Event] = {
    "CallStarted": CallStarted("twilio", "CA1", "MZ1", "Front desk", "+14155550100", "+14155550199"),
    "CallResumed": CallResumed(at_ms=61_000, lost_ms=4_200, leg=1, stream_id="MZ2"),
    "CallCommanded": CallCommanded(at_ms=500, command="say", command_id="cmd-1"),
    "CallerSaid": CallerSaid(turn=1, text="hello — é", start_ms=100, end_ms=900),
    "AgentSaid": AgentSaid(1, "Good mor", start_ms=1_000, end_ms=1_900, interrupted=True, planned="Good morning."),
    "TurnLatency": TurnLatency(
        turn=1, total_ms=810, endpoint_ms=400, stt_ms=10, llm_first_token_ms=250, tts_first_byte_ms=150
    ),
    "TurnInterrupted": TurnInterrupted(turn=2, speech_ms=2_000, cleared_ms=2_060),
    "TurnResumed": TurnResumed(turn=2, at_ms=2_600),
    "DigitPressed": DigitPressed(at_ms=700, digit="5"),
    "ToolRan": ToolRan(turn=1, name="collect_digits", ok=True, result="123", took_ms=40),
    "CallNudged": CallNudged(at_ms=10_000),
    "ProviderFailed": ProviderFailed(kind="stt", provider="deepgram", reason="timeout", next="standin"),
    "ProviderFailed with its cost": ProviderFailed(
        kind="tts", provider="aura", reason="nothing came", next="", stage="stream", cause="stalled", cost_ms=640
    ),
    "UsageRecorded": UsageRecorded("llm", "groq", "openai", "llama", 1_200, "prompt_tokens", estimated=True),
    "RecordingReady": RecordingReady(path="recordings/w/c-1.wav", duration_ms=90_000, leg=1),
    "CallEnded": CallEnded("completed", "caller_hangup", "", 90_000, USAGE),
}
MESSAGES = [
    HeardMessage("user", "hello"),
    HeardMessage("assistant", "", calls=[("t1", "transfer", "{}")]),
    HeardMessage("tool", "ok", call_id="t1"),
]
RESUME = ResumePoint(MESSAGES, turn=2, usage=USAGE, began_ms=1_764_000_000_000, lost_ms=1_764_000_060_000)
PLAN = CallPlan(
    agent=AgentPlan("Front desk", "Hello.", "Be kind.", "en", goodbye="Bye.", fallback_number="+14155550100"),
    stt=[ProviderPlan("standin", {"final_ms": 10})],
    llm=[ProviderPlan("standin")],
    tts=[ProviderPlan("standin")],
    turn=TurnPlan(silence_ms=500, adaptive=False, barge_in=True, min_words=2, smart_turn=True),
    limits=LimitsPlan(max_duration_s=600, idle_nudge_s=5, silence_s=20, reply_s=4.0),
    tools=("end_call", "transfer"),
    recording=True,
    call_id="0193-call",
    workspace_id="0193-workspace",
    agent_id="0193-agent",
    leg=1,
    resume=RESUME,
)
VALUES: dict[str, Any] = {
    **{
        f"event {name}": EventEnvelope("0193-call", 1, "2026-11-24T10:00:00.000Z", event)
        for name, event in EVENTS.items()
    },
    "plan": PLAN,
    "checkpoint": checkpoints.Checkpoint(
        call_id="0193-call",
        node_id="node-1",
        leg=1,
        messages=MESSAGES,
        turn=2,
        usage=USAGE,
        began_ms=1_764_000_000_000,
        at_ms=1_764_000_060_000,
    ),
    "outcome": checkpoints.StreamOutcome(leg=1, number="+14155550100"),
    "live_call": live.LiveCall("0193-call", "node-1", leg=1),
    "node_state": nodes.NodeState("node-1", "wss://media-1.example.com", calls=3, capacity=50, draining=True),
    "command end": commands.CallCommand("cmd-1", "0193-call", commands.EndCall("spend_limit", polite=True)),
    "command say": commands.CallCommand("cmd-2", "0193-call", commands.SayText("We close early.")),
    "command transfer": commands.CallCommand(
        "cmd-3", "0193-call", commands.TransferCall("+14155550100", words="One moment.")
    ),
}


def test_every_sample_has_a_value() -> None:
    assert VALUES.keys() == SAMPLES.keys() - {"sealed", "derived"}


@pytest.mark.parametrize("name", VALUES)
def test_sample_is_decoded(name: str) -> None:
    assert msgspec.json.decode(SAMPLES[name], type=type(VALUES[name])) == VALUES[name]


@pytest.mark.parametrize("name", VALUES)
def test_value_is_encoded_to_the_same_bytes(name: str) -> None:
    assert msgspec.json.encode(VALUES[name]).decode() == SAMPLES[name]


class _EndCallBefore(msgspec.Struct, frozen=True, tag="end"):
    """What a node of the version before knows of `EndCall`."""

    reason: Literal["spend_limit", "admin"] = "admin"
    polite: bool = False


def test_node_of_the_version_before_ends_a_call_for_a_member() -> None:
    sent = msgspec.json.encode(commands.EndCall(polite=True, by="member"))
    assert msgspec.json.decode(sent, type=_EndCallBefore) == _EndCallBefore("admin", polite=True)
    assert msgspec.json.decode(sent, type=commands.EndCall).end_reason == "member"
    assert commands.EndCall("spend_limit").end_reason == "spend_limit"


def test_plan_without_a_context_is_read_by_nodes_of_the_version_before() -> None:
    """They refuse an unknown field. A plan of theirs has no context."""
    assert b"context" not in msgspec.json.encode(PLAN)
    assert msgspec.json.decode(SAMPLES["plan"], type=CallPlan).context is None
    plan = msgspec.structs.replace(PLAN, context=ContextPlan("Europe/Berlin", "outbound"))
    encoded = msgspec.json.encode(plan)
    assert encoded.endswith(b'"context":{"timezone":"Europe/Berlin","direction":"outbound"}}')
    assert msgspec.json.decode(encoded, type=CallPlan) == plan


def test_plan_that_speculates_is_read_by_nodes_of_the_version_before() -> None:
    assert b"patience" not in msgspec.json.encode(PLAN)
    assert b"speculate" not in msgspec.json.encode(PLAN)
    plan = msgspec.structs.replace(PLAN, turn=TurnPlan(speculate=False))
    assert msgspec.json.decode(msgspec.json.encode(plan), type=CallPlan) == plan


def test_plan_without_a_rule_for_its_first_message_is_read_by_nodes_of_the_version_before() -> None:
    encoded = msgspec.json.encode(PLAN)
    assert b"first_message" not in encoded and b"interruptible" not in encoded
    plan = msgspec.structs.replace(PLAN, first_message="wait_for_caller", greeting_interruptible=False)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=CallPlan) == plan


def test_plan_and_checkpoint_without_announcements_are_read_by_the_version_before() -> None:
    encoded = msgspec.json.encode(PLAN) + msgspec.json.encode(VALUES["checkpoint"])
    assert not [name for name in (b"disclosure", b"consent", b"announced", b"refused") if name in encoded]
    resume = msgspec.structs.replace(RESUME, announced=("recording",), recording_refused=True)
    consent = ConsentPlan("We record.", ("no",), "9")
    plan = msgspec.structs.replace(PLAN, resume=resume, disclosure="I am a machine.", consent=consent)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=CallPlan) == plan
    heard = msgspec.json.encode(EventEnvelope("c", 1, "", AnnouncementHeard(2_400, "of a later version")))
    assert b'{"type":"announcement.heard","at_ms":2400,"kind":"of a later version"}' in heard
    assert msgspec.json.decode(heard, type=EventEnvelope).event == AnnouncementHeard(2_400, "of a later version")


def test_latency_of_a_node_of_the_version_before_has_no_playback() -> None:
    assert b"playback" not in msgspec.json.encode(EVENTS["TurnLatency"])
    assert msgspec.structs.asdict(EVENTS["TurnLatency"])["playback_ms"] == 0


def test_outcome_of_a_usable_stream_has_no_field_that_the_version_before_lacks() -> None:
    """Control of the version before hangs up after the other one."""
    assert msgspec.json.encode(checkpoints.StreamOutcome(0)) == b'{"leg":0}'
    refused = msgspec.json.encode(checkpoints.StreamOutcome(2, is_refused=True))
    assert msgspec.json.decode(refused, type=checkpoints.StreamOutcome).number == ""


def test_sealed_sample_is_opened() -> None:
    sealer = Sealer([bytes(32)])
    assert sealer.open(bytes.fromhex(SAMPLES["sealed"]), tickets.PURPOSE) == b"a plan"
    assert sealer.derive("x")[0].hex() == SAMPLES["derived"]


def test_names_in_redis() -> None:
    assert (events.STREAM, events.GROUP, webhook_queue.STREAM) == ("vocalized:events", "records", "vocalized:notes")
    assert (webhook_queue.PURPOSE, checkpoints.PURPOSE, tickets.PURPOSE) == ("note", "checkpoint", "ticket")
    assert [module._FIELD for module in (events, webhook_queue, commands)] == [b"e", b"n", b"c"]
    assert redis_key("live", "x") == live._key("x") == "vocalized:live:{x}"
    assert checkpoints._checkpoint_key("x") == "vocalized:checkpoint:{x}"
    assert checkpoints._outcome_key("x") == "vocalized:over:{x}"
    assert commands._stream_key("x") == "vocalized:commands:{x}"
    assert commands._answer_key("x") == "vocalized:answer:{x}"
    assert (nodes._STATES, nodes._SEEN, nodes._ASSIGNED) == (
        "vocalized:{nodes}:states",
        "vocalized:{nodes}:seen",
        "vocalized:{nodes}:placed",
    )
    assert tickets._key("x") == "vocalized:ticket:x"
    assert tickets._call_reference("twilio", "CA1") == "twilio:CA1"


class _CallerSaidBefore(msgspec.Struct, frozen=True, tag_field="type", tag="caller.said"):
    """What control of the version before knows of `CallerSaid`."""

    turn: int
    text: str
    start_ms: int
    end_ms: int


def test_times_of_words_are_passed_over_by_the_version_before_which_sends_none() -> None:
    assert b"word_ms" not in msgspec.json.encode(EVENTS["CallerSaid"]) + msgspec.json.encode(EVENTS["AgentSaid"])
    assert msgspec.json.decode(msgspec.json.encode(EVENTS["CallerSaid"]), type=CallerSaid).word_ms == ()
    said = CallerSaid(1, "hello", 100, 900, (120, 850))
    sent = msgspec.json.encode(said)
    assert sent.endswith(b'"word_ms":[120,850]}')
    assert msgspec.json.decode(sent, type=CallerSaid) == said
    assert msgspec.json.decode(sent, type=_CallerSaidBefore) == _CallerSaidBefore(1, "hello", 100, 900)


class _ProviderFailedBefore(msgspec.Struct, frozen=True, tag_field="type", tag="provider.failed"):
    """What a program of the version before knows of `ProviderFailed`."""

    kind: Literal["stt", "llm", "tts"]
    provider: str
    reason: str
    next: str = ""


def test_failure_is_read_by_the_version_before_and_with_what_a_later_one_adds() -> None:
    sent = msgspec.json.encode(ProviderFailed("stt", "a", "slow", stage="final", cause="late", cost_ms=5))
    assert msgspec.json.decode(sent, type=_ProviderFailedBefore) == _ProviderFailedBefore("stt", "a", "slow")
    later = sent.replace(b'"late"', b'"too_loud"')
    assert msgspec.json.decode(later, type=ProviderFailed).cause == "too_loud"


class _UsageRecordedBefore(msgspec.Struct, frozen=True, tag_field="type", tag="usage.recorded"):
    """What a program of the version before knows of `UsageRecorded`."""

    resource_type: Literal["stt", "llm", "tts"]
    provider: str
    vendor: str
    model: str
    quantity: int
    unit: str
    estimated: bool = False


def test_usage_and_plan_say_only_of_an_own_key_that_it_is_one() -> None:
    """Nodes of the version before refuse a field of the plan that they do not know."""
    assert b"own_key" not in msgspec.json.encode(PLAN) + msgspec.json.encode(EVENTS["UsageRecorded"])
    plan = msgspec.structs.replace(PLAN, llm=[ProviderPlan("openai", own_key=True)])
    assert msgspec.json.decode(msgspec.json.encode(plan), type=CallPlan) == plan
    used = UsageRecorded("tts", "a", "a", "", 12, "characters", own_key=True)
    sent = msgspec.json.encode(used)
    assert sent.endswith(b'"estimated":false,"own_key":true}')
    assert msgspec.json.decode(sent, type=UsageRecorded) == used
    assert msgspec.json.decode(sent, type=_UsageRecordedBefore).quantity == 12
