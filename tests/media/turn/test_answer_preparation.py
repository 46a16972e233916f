"""When the answer is asked for before the turn has ended."""

from media.turn.answer_preparation import MOST_PER_TURN
from media.turn.decisions import CallerDone, PrepareAnswer
from media.turn.endpoint import ExpectedReply
from media.turn.expected_dictation import DictationKind, ExpectedDictation
from tests.media.turn.floor_harness import FloorHarness, make_floor, make_judged_floor

PHONE = ExpectedDictation(DictationKind.PHONE)
DONE, OPEN = "can I have a table", "I would like"


def prepared(call: FloorHarness) -> list[tuple[int, str]]:
    return [(one.t, one.text) for one in call.log if isinstance(one, PrepareAnswer)]


def pause_after(text: str, silent_ms: int, **rules: int | bool) -> FloorHarness:
    """A caller who has said the text and is silent; the recognizer answers at once."""
    call = make_judged_floor({DONE: 0.95, OPEN: 0.01}, **rules)
    return call.speech(400).silence(200).text(text).silence(silent_ms - 200)


def test_it_is_asked_for_600_ms_before_the_end() -> None:
    assert prepared(pause_after("well I think", 260)) == []
    call = pause_after("well I think", 280)  # of 862
    assert prepared(call) == [(680, "well I think")]
    assert isinstance(call.silence(600).log[-1], CallerDone)
    assert len(prepared(call)) == 1


def test_after_words_that_end_it_is_asked_for_with_the_first_text() -> None:
    call = make_judged_floor({DONE: 0.95}).speech(400).silence(300)
    assert prepared(call) == []
    assert prepared(call.text(DONE).silence(20)) == [(700, DONE)]


def test_a_text_that_is_not_final_is_not_answered() -> None:
    call = make_judged_floor({DONE: 0.95}).speech(400).silence(200).text(DONE, final=False).silence(500)
    assert prepared(call) == []


def test_the_final_text_is_answered_if_it_differs() -> None:
    call = make_judged_floor({}, prepare_ms=1_400).speech(400).silence(200).text("can I have").silence(20)
    call.text("can I have two").silence(20)
    assert [text for _, text in prepared(call)] == ["can I have", "can I have two"]


def test_who_goes_on_is_asked_about_anew_and_not_for_ever() -> None:
    call = make_judged_floor({}, prepare_ms=1_400)
    for _ in range(MOST_PER_TURN + 2):
        call.speech(300).silence(200).text("well I think").silence(400)
    assert len(prepared(call)) == MOST_PER_TURN
    call.silence(1_500).agent().silence(1_000).agent_done()
    call.log.clear()
    call.speech(300).silence(200).text("another turn").silence(400)
    assert [text for _, text in prepared(call)] == ["another turn"]


def test_the_groups_of_a_number_are_not_answered_before_it_is_whole() -> None:
    call = make_judged_floor({})
    call.record(call.floor.agent_speaking(0, ExpectedReply.DIGITS, True, dictated=PHONE)).silence(500).agent_done()
    call.speech(600).silence(200).text("four one five").silence(1_000)
    call.speech(600).silence(200).text("four one five five five five").silence(1_000)
    assert prepared(call) == []
    whole = "four one five five five five oh one two three"
    call.speech(600).silence(200).text(whole).silence(200)
    assert [text for _, text in prepared(call)] == [whole]


def test_no_preparation_for_noise_and_in_plans_without_it() -> None:
    assert prepared(pause_after("", 1_000)) == []
    assert prepared(pause_after(DONE, 1_000, prepare_ms=0)) == []
    plain = make_floor(adaptive=False).speech(400).silence(200).text(DONE).silence(400)
    assert prepared(plain) == [] and isinstance(plain.log[-1], CallerDone)


def test_a_nod_that_was_said_over_the_agent_needs_no_answer() -> None:
    call = make_judged_floor({}, nod_ms=0, barge_in=False).speech(400).silence(1_800).text("hello").silence(40).agent()
    call.silence(500).speech(300)
    call.agent_done()
    call.log.clear()
    call.silence(200).text("mm-hm").silence(1_500)
    assert prepared(call) == []
