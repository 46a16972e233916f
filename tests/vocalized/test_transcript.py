"""Both sides' words, turn by turn."""

from shared.events import AgentSaid, CallerSaid, Envelope, Interrupted
from tests.vocalized.telling import CALL_ID, envelopes
from vocalized.transcript import Transcript


def transcript_of(*events: object) -> Transcript:
    made = Transcript()
    for event in events:
        made.add(Envelope("c", 1, "", event))  # type: ignore[arg-type]
    return made


def test_a_call_becomes_turns_with_words_and_latency() -> None:
    made = Transcript()
    for envelope in envelopes():
        made.add(envelope)
    assert made.call_id == CALL_ID
    assert [said.text for said in made.greeting] == ["Hello, this is the front desk."]
    assert [(turn.caller, turn.agent) for turn in made.turns] == [
        ("I would like to leave a message.", "Of course. What shall I write"),
        ("Nothing.", "Goodbye."),
    ]
    assert [turn.latency and turn.latency.total_ms for turn in made.turns] == [520, 530]
    assert made.recording == "var/recordings/x.wav"
    assert made.ended is not None


def test_a_turn_that_is_told_again_replaces_the_first_telling() -> None:
    made = transcript_of(CallerSaid(1, "I want", 0, 500), CallerSaid(1, "I want to go", 0, 900))
    assert [turn.caller for turn in made.turns] == ["I want to go"]


def test_what_nobody_asked_for_is_no_turn() -> None:
    made = transcript_of(AgentSaid(1, "Are you still there?", 0, 900), Interrupted(1, 10, 20))
    assert made.turns == []
    assert made.interrupted == [Interrupted(1, 10, 20)]
