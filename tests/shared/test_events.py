"""The table of events: every one of them to JSON and back, under names that may not drift."""

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import AgentSaid, CallEnded, Envelope, Event, Nudged, Usage, decode_event, encode_event

KINDS = get_args(Event)
# The keys that control, the desk and whoever reads the files know the events by.
NAMES = {
    "call.started",
    "call.resumed",
    "call.commanded",
    "caller.said",
    "agent.said",
    "turn.latency",
    "turn.interrupted",
    "turn.resumed",
    "call.dtmf",
    "tool.ran",
    "call.nudged",
    "provider.failed",
    "recording.ready",
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


def test_the_names_of_the_events() -> None:
    assert {kind.__struct_config__.tag for kind in KINDS} == NAMES
    assert all(kind.__struct_config__.tag_field == "type" for kind in KINDS)


def test_every_event_says_what_it_means() -> None:
    assert all(kind.__doc__ for kind in KINDS)


@given(data=st.data())
def test_every_event_reads_as_it_was_written(data: st.DataObject) -> None:
    for kind in KINDS:
        event = data.draw(any_of(kind))
        envelope = Envelope("0199", 7, "2026-11-24T10:00:00.000Z", event)  # type: ignore[arg-type]  # one of the kinds
        line = encode_event(envelope)
        assert b"\n" not in line
        assert decode_event(line) == envelope
        assert type(decode_event(line).event) is kind


def test_an_event_as_others_see_it() -> None:
    event = AgentSaid(1, "We are", 100, 800, interrupted=True, planned="We are open.")
    assert json.loads(encode_event(Envelope("0199", 3, "2026-11-24T10:00:00.000Z", event))) == {
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


def test_a_field_of_a_newer_version_is_read_over() -> None:
    line = '{"call_id": "a", "seq": 1, "at": "", "event": {"type": "call.nudged", "at_ms": 5, "mood": "calm"}}'
    assert decode_event(line) == Envelope("a", 1, "", Nudged(5))


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
def test_what_is_no_event_is_refused_by_field(event: str, expected: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=expected):
        decode_event(f'{{"call_id": "a", "seq": 1, "at": "", "event": {event}}}')


def test_usage_counts_from_nothing() -> None:
    ended = CallEnded("completed", "caller_hangup", "", 1_000, Usage())
    assert msgspec.to_builtins(ended)["usage"] == dict.fromkeys(msgspec.structs.asdict(Usage()), 0)
