"""The transcript built from events."""

from shared.events import AgentSaid, CallerSaid, EventEnvelope, TurnInterrupted
from tests.vocalized.call_events import CALL_ID, envelopes
from vocalized.caller.transcript import Transcript


def transcript_of(*events: object) -> Transcript:
    transcript = Transcript()
    for event in events:
        transcript.add(EventEnvelope("c", 1, "", event))  # type: ignore[arg-type]
    return transcript


def test_events_become_turns_with_text_and_latency() -> None:
    transcript = Transcript()
    for envelope in envelopes():
        transcript.add(envelope)
    assert transcript.call_id == CALL_ID
    assert [said.text for said in transcript.greeting] == ["Hello, this is the front desk."]
    assert [(turn.caller, turn.agent) for turn in transcript.turns] == [
        ("I would like to leave a message.", "Of course. What shall I write"),
        ("Nothing.", "Goodbye."),
    ]
    assert [turn.latency and turn.latency.total_ms for turn in transcript.turns] == [520, 530]
    assert transcript.recording == "var/recordings/x.wav"
    assert transcript.ended is not None


def test_repeated_turn_replaces_the_earlier_one() -> None:
    transcript = transcript_of(CallerSaid(1, "I want", 0, 500), CallerSaid(1, "I want to go", 0, 900))
    assert [turn.caller for turn in transcript.turns] == ["I want to go"]


def test_agent_speech_without_a_caller_turn_is_no_turn() -> None:
    transcript = transcript_of(AgentSaid(1, "Are you still there?", 0, 900), TurnInterrupted(1, 10, 20))
    assert transcript.turns == []
    assert transcript.interrupted == [TurnInterrupted(1, 10, 20)]
