"""Events become a picture's words, waits and cuts."""

from shared.events import AgentSaid, Envelope, Interrupted
from simulator.carrier.legs import Legs
from tests.vocalized.telling import envelopes
from vocalized.picture import Utterance, Wait
from vocalized.score import picture_of
from vocalized.transcript import Transcript


def test_a_cut_is_drawn_where_the_sound_stopped() -> None:
    transcript = Transcript()
    transcript.add(Envelope("c", 1, "", AgentSaid(0, "We are", 1_000, 3_000, True, "We are open.")))
    transcript.add(Envelope("c", 2, "", Interrupted(0, 1_900, 2_000)))
    (utterance,) = picture_of("", Legs(), transcript).utterances
    assert (utterance.end_ms, utterance.unheard, utterance.cut) == (2_000, "open.", True)


def test_a_call_is_drawn_from_what_was_heard() -> None:
    transcript, legs = Transcript(), Legs()
    legs.add(b"\xff" * 48_000, b"\xff" * 48_000)
    for envelope in envelopes():
        transcript.add(envelope)
    made = picture_of("Call 1", legs, transcript)
    assert made.title == "Call 1"
    assert "6.0 s · 2 turns of the caller · answered after 525 ms (median)" in made.subtitle
    assert made.legs.shape == (48_000, 2)
    assert made.waits == [
        Wait(1_520, 520, ("400 end of turn", "60 recogniser", "20 first word", "40 first sound")),
        Wait(4_160, 530, ("410 end of turn", "60 recogniser", "20 first word", "40 first sound")),
    ]
    assert made.utterances[0] == Utterance("agent", 0, 400, "Hello, this is the front desk.")
    assert made.utterances[3] == Utterance("agent", 2_440, 2_840, "What shall I write", "down for you?", True)
    assert [utterance.start_ms for utterance in made.utterances] == [0, 1_020, 2_040, 2_440, 3_460, 4_680]
