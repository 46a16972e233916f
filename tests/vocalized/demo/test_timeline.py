"""Events become the utterances, waits and interruptions of a picture."""

from shared.events import AgentSaid, EventEnvelope, TurnInterrupted
from simulator.carrier.call_audio import CallAudio
from tests.vocalized.call_events import envelopes
from vocalized.caller.transcript import Transcript
from vocalized.demo.picture import Utterance, Wait
from vocalized.demo.timeline import picture_of


def test_interruption_is_drawn_where_the_audio_stopped() -> None:
    transcript = Transcript()
    transcript.add(EventEnvelope("c", 1, "", AgentSaid(0, "We are", 1_000, 3_000, True, "We are open.")))
    transcript.add(EventEnvelope("c", 2, "", TurnInterrupted(0, 1_900, 2_000)))
    (utterance,) = picture_of("", CallAudio(), transcript).utterances
    assert (utterance.end_ms, utterance.unheard, utterance.cut) == (2_000, "open.", True)


def test_call_is_drawn_from_the_heard_text() -> None:
    transcript, legs = Transcript(), CallAudio()
    legs.add(b"\xff" * 48_000, b"\xff" * 48_000)
    for envelope in envelopes():
        transcript.add(envelope)
    picture = picture_of("Call 1", legs, transcript)
    assert picture.title == "Call 1"
    assert "6.0 s · 2 turns of the caller · answered after 525 ms (median)" in picture.subtitle
    assert picture.legs.shape == (48_000, 2)
    assert picture.waits == [
        Wait(1_520, 520, ("400 end of turn", "60 recogniser", "20 first word", "40 first audio", "0 until it sounded")),
        Wait(4_160, 530, ("410 end of turn", "60 recogniser", "20 first word", "40 first audio", "0 until it sounded")),
    ]
    assert picture.utterances[0] == Utterance("agent", 0, 400, "Hello, this is the front desk.")
    assert picture.utterances[3] == Utterance("agent", 2_440, 2_840, "What shall I write", "down for you?", True)
    assert [utterance.start_ms for utterance in picture.utterances] == [0, 1_020, 2_040, 2_440, 3_460, 4_680]
