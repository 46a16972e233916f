"""The events of a call: encoding of each, and names that must not change."""

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import AgentSaid, CallEnded, CallNudged, CallUsage, Event, EventEnvelope, decode_event, encode_event

KINDS = get_args(Event)
# The type tags, which control, the API and readers of the files depend on.
NAMES = {
    "call.started",
    "call.resumed",
    "transfer.returned",
    "call.commanded",
    "supervision.began",
    "supervision.ended",
    "supervision.whispered",
    "supervision.paused",
    "supervision.resumed",
    "supervision.speaking",
    "supervision.spoke",
    "caller.said",
    "agent.said",
    "person.said",
    "turn.latency",
    "turn.interrupted",
    "turn.resumed",
    "call.dtmf",
    "call.dtmf_sent",
    "call.digits_collected",
    "announcement.heard",
    "caller.opted_out",
    "call.screened",
    "call.language_switched",
    "recording.refused",
    "tool.started",
    "tool.ran",
    "call.nudged",
    "provider.failed",
    "usage.recorded",
    "recording.ready",
    "recording.incomplete",
    "call.ended",
}


def any_of(kind: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    strategies = {}
    for field in msgspec.structs.fields(kind):
        nested = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        is_number = field.type is int
        numbers = st.integers(0, 2**53)
        strategies[field.name] = any_of(field.type) if nested else numbers if is_number else st.from_type(field.type)
    return st.builds(kind, **strategies)


def test_event_type_tags() -> None:
    assert {kind.__struct_config__.tag for kind in KINDS} == NAMES
    assert all(kind.__struct_config__.tag_field == "type" for kind in KINDS)


def test_every_event_has_a_docstring() -> None:
    assert all(kind.__doc__ for kind in KINDS)


@given(data=st.data())
def test_every_event_survives_a_round_trip(data: st.DataObject) -> None:
    for kind in KINDS:
        event = data.draw(any_of(kind))
        envelope = EventEnvelope("0199", 7, "2026-11-24T10:00:00.000Z", event)  # type: ignore[arg-type]  # one of the kinds
        line = encode_event(envelope)
        assert b"\n" not in line
        assert decode_event(line) == envelope
        assert type(decode_event(line).event) is kind


def test_encoded_event() -> None:
    event = AgentSaid(1, "We are", 100, 800, interrupted=True, planned="We are open.")
    assert json.loads(encode_event(EventEnvelope("0199", 3, "2026-11-24T10:00:00.000Z", event))) == {
        "call_id": "0199",
        "seq": 3,
        "at": "2026-11-24T10:00:00.000Z",
        "event": {
            "type": "agent.said",
            "turn": 1,
            "text": "We are",
            "start_ms": 100,
            "end_ms": 800,
            "interrupted": True,
            "planned": "We are open.",
        },
    }


def test_unknown_fields_are_ignored() -> None:
    line = '{"call_id": "a", "seq": 1, "at": "", "event": {"type": "call.nudged", "at_ms": 5, "mood": "calm"}}'
    assert decode_event(line) == EventEnvelope("a", 1, "", CallNudged(5))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ('{"type": "call.nudged"}', "at_ms"),
        ('{"type": "call.nudged", "at_ms": "5"}', r"\$\.event\.at_ms"),
        ('{"type": "call.unheard_of"}', r"call\.unheard_of"),
        ('{"type": "provider.failed", "kind": "vad", "provider": "a", "reason": "b"}', r"'vad'.*\$\.event\.kind"),
        ("", "malformed"),
    ],
)
def test_error_names_the_invalid_field(event: str, expected: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=expected):
        decode_event(f'{{"call_id": "a", "seq": 1, "at": "", "event": {event}}}')


def test_usage_starts_at_zero() -> None:
    ended = CallEnded("completed", "caller_hangup", "", 1_000, CallUsage())
    assert msgspec.to_builtins(ended)["usage"] == dict.fromkeys(msgspec.structs.asdict(CallUsage()), 0)
