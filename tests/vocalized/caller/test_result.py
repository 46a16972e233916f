"""The JSON result that other tools rely on."""

import json
from typing import Literal

import pytest

from simulator.carrier.call_audio import CallAudio
from simulator.carrier.media_call import CompletedCall
from simulator.carrier.media_stream import StreamEnd
from simulator.carrier.stream_messages import CallIdentity
from tests.vocalized.call_events import CALL_ID, EVENTS, envelopes
from vocalized.caller.result import call_result, failed_result, to_json
from vocalized.caller.transcript import Transcript


def record(by: Literal["caller", "agent", "broken", "limit"]) -> CompletedCall:
    legs = CallAudio()
    legs.add(b"\xff" * 16_080, b"\xff" * 16_080)
    return CompletedCall(CallIdentity("AC1", "CA1", "MZ1"), StreamEnd(by), legs, (), 0, 0)


def test_result_has_exactly_the_agreed_fields() -> None:
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
                    "playback": 0,
                },
            },
            {
                "caller": "Nothing.",
                "agent": "Goodbye.",
                "latency_ms": {
                    "total": 530,
                    "endpoint": 410,
                    "stt": 60,
                    "llm_first_token": 20,
                    "tts_first_byte": 40,
                    "playback": 0,
                },
            },
        ],
        "recording": "out.wav",
    }


def test_server_recording_is_used_without_a_local_one() -> None:
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
def test_without_events_the_stream_end_decides(
    by: Literal["caller", "agent", "broken", "limit"], status: str, reason: str
) -> None:
    result = call_result(record(by), Transcript(), None)
    assert (result.call_id, result.status, result.end_reason) == ("CA1", status, reason)
    assert (result.turns, result.recording) == ([], None)
    assert result.completed is (status == "completed")


def test_call_that_was_not_connected_has_failed() -> None:
    assert not failed_result().completed
    assert json.loads(to_json(failed_result()))["end_reason"] == "carrier_error"


def test_json_is_one_line() -> None:
    assert "\n" not in to_json(failed_result())
