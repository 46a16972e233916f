"""The outcome as JSON, exactly as outside tools rely on it."""

import json
from typing import Literal

import pytest

from simulator.carrier.dial import CallRecord
from simulator.carrier.legs import Legs
from simulator.carrier.stream import StreamEnd
from simulator.carrier.wire import Identity
from tests.vocalized.telling import CALL_ID, EVENTS, envelopes
from vocalized.result import call_result, failed_result, to_json
from vocalized.transcript import Transcript


def record(by: Literal["caller", "agent", "broken", "limit"]) -> CallRecord:
    legs = Legs()
    legs.add(b"\xff" * 16_080, b"\xff" * 16_080)
    return CallRecord(Identity("AC1", "CA1", "MZ1"), StreamEnd(by), legs, (), 0, 0)


def test_the_object_has_exactly_the_agreed_names_and_values() -> None:
    transcript = Transcript()
    for envelope in envelopes():
        transcript.add(envelope)
    assert json.loads(to_json(call_result(record("caller"), transcript, "out.wav"))) == {
        "call_id": CALL_ID,
        "status": "completed",
        "end_reason": "caller_hangup",
        "duration_s": 2.01,
        "turns": [
            {
                "caller": "I would like to leave a message.",
                "agent": "Of course. What shall I write",
                "latency_ms": {
                    "total": 520,
                    "endpoint": 400,
                    "stt": 60,
                    "llm_first_token": 20,
                    "tts_first_byte": 40,
                },
            },
            {
                "caller": "Nothing.",
                "agent": "Goodbye.",
                "latency_ms": {"total": 530, "endpoint": 410, "stt": 60, "llm_first_token": 20, "tts_first_byte": 40},
            },
        ],
        "recording": "out.wav",
    }


def test_the_servers_recording_is_named_when_none_was_asked_for() -> None:
    transcript = Transcript()
    for envelope in envelopes(EVENTS[-2:]):
        transcript.add(envelope)
    assert call_result(record("caller"), transcript, None).recording == "var/recordings/x.wav"


@pytest.mark.parametrize(
    ("by", "status", "reason"),
    [
        ("caller", "completed", "caller_hangup"),
        ("agent", "completed", "agent_hangup"),
        ("broken", "failed", "media_lost"),
        ("limit", "completed", "max_duration"),
    ],
)
def test_without_events_the_socket_tells_how_it_ended(
    by: Literal["caller", "agent", "broken", "limit"], status: str, reason: str
) -> None:
    result = call_result(record(by), Transcript(), None)
    assert (result.call_id, result.status, result.end_reason) == ("CA1", status, reason)
    assert (result.turns, result.recording) == ([], None)
    assert result.completed is (status == "completed")


def test_a_call_that_did_not_come_about_is_a_failed_one() -> None:
    assert not failed_result().completed
    assert json.loads(to_json(failed_result()))["end_reason"] == "carrier_error"


def test_one_line() -> None:
    assert "\n" not in to_json(failed_result())
