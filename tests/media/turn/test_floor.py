"""Turn-taking in virtual time: each test is a short scene of a call."""

from dataclasses import dataclass, field

import pytest

from media.turn.endpoint import Expect, Rules
from media.turn.floor import (
    CallerDone,
    CallerPaused,
    CallerStarted,
    Decision,
    Floor,
    Hold,
    Interrupted,
    NothingSaid,
    Resume,
    State,
)

STEP = 20


@dataclass
class Scene:
    """A call without audio: frames of a perfect voice detector, and a log of the floor's decisions."""

    floor: Floor
    t: int = 0
    voice: int = 0
    log: list[Decision] = field(default_factory=list)
    token: int = 0

    def tell(self, decisions: tuple[Decision, ...]) -> "Scene":
        self.log += decisions
        for decision in decisions:
            if isinstance(decision, CallerPaused):
                self.token = decision.token
        return self

    def speech(self, ms: int) -> "Scene":
        for _ in range(ms // STEP):
            self.t += STEP
            self.voice = self.t
            self.tell(self.floor.frame(self.t, True, self.voice))
        return self

    def silence(self, ms: int) -> "Scene":
        for _ in range(ms // STEP):
            self.t += STEP
            self.tell(self.floor.frame(self.t, False, self.voice))
        return self

    def text(self, text: str, *, final: bool = True, token: int | None = None) -> "Scene":
        """The recogniser's text; a final one answers the latest pause unless it names another token."""
        asked = self.token if final and token is None else token
        return self.tell(self.floor.transcript(self.t, text, final, asked))

    def hint(self, finished: float) -> "Scene":
        return self.tell(self.floor.hint(self.t, self.token, finished))

    def agent(self, expect: Expect = Expect.REPLY, *, asks: bool = False, ends: int | None = None) -> "Scene":
        self.tell(self.floor.agent_thinking(self.t))
        return self.tell(self.floor.agent_speaking(self.t, expect, asks, ends))

    def done(self) -> "Scene":
        return self.tell(self.floor.agent_done(self.t))

    def key(self, digit: str) -> "Scene":
        return self.tell(self.floor.dtmf(self.t, digit))

    def kinds(self) -> list[str]:
        return [type(decision).__name__ for decision in self.log]

    def take(self) -> list[str]:
        """The kinds of the decisions since the last look."""
        kinds = self.kinds()
        self.log.clear()
        return kinds


def scene(**rules: int | bool) -> Scene:
    return Scene(Floor(Rules(**{"silence_ms": 400, "adaptive": False, **rules})))  # type: ignore[arg-type]


# --- the caller's turn ---


def test_a_turn_ends_after_the_silence_counted_from_the_true_end_of_speech() -> None:
    call = scene().speech(1_000).silence(200)
    assert call.log == [CallerStarted(20), CallerPaused(1_200, 1)]
    assert len(call.text("hello there").silence(180).log) == 2
    assert call.silence(20).log[-1] == CallerDone(1_400, 1_000, "hello there", 1_400)
    assert call.floor.state is State.THINKING


def test_a_detector_s_hangover_is_part_of_the_silence() -> None:
    call = scene().speech(1_000)
    for _ in range(5):
        call.t += STEP
        call.log += call.floor.frame(call.t, True, 1_000)
    call.silence(100).text("hello").silence(200)
    assert call.log[-1] == CallerDone(1_400, 1_000, "hello", 1_400)


def test_the_text_is_asked_for_at_half_of_a_short_silence() -> None:
    assert scene(silence_ms=240).speech(200).silence(120).log[-1] == CallerPaused(320, 1)


def test_speech_after_a_pause_goes_on_with_the_same_turn() -> None:
    call = scene().speech(400).silence(300).text("and so").speech(400)
    assert CallerStarted(720, again=True) in call.log
    call.silence(200).text("and so my fellow", token=1).text("and so my fellow americans").silence(200)
    assert call.log[-1] == CallerDone(1_500, 1_100, "and so my fellow americans", 1_500)
    assert call.kinds().count("CallerPaused") == 2


def test_the_turn_waits_for_its_text() -> None:
    call = scene().speech(400).silence(800)
    assert call.take() == ["CallerStarted", "CallerPaused"]
    call.text("hello")
    assert call.log == [CallerDone(1_200, 400, "hello", 800)]


def test_a_text_that_does_not_come_is_not_waited_for_forever() -> None:
    call = scene().speech(400).text("hello", final=False).silence(200 + 1_500)
    assert call.log[-1] == CallerDone(2_100, 400, "hello", 800)


def test_an_answer_to_an_older_pause_does_not_end_the_turn() -> None:
    call = scene().speech(400).silence(300).speech(400).silence(300).text("one", token=1).silence(300)
    assert "CallerDone" not in call.kinds()
    call.text("one two")
    assert call.log[-1] == CallerDone(call.t, 1_100, "one two", 1_500)


def test_an_older_and_shorter_text_does_not_replace_a_newer_one() -> None:
    call = scene().speech(400).silence(300).speech(400).text("one two", final=False).silence(200)
    call.text("one", token=1).silence(1_600)
    assert call.log[-1] == CallerDone(call.t - 100, 1_100, "one two", 1_500)


def test_noise_gives_nothing_said() -> None:
    call = scene().speech(200).silence(200).text("").silence(200)
    assert call.log[-1] == NothingSaid(600)
    assert call.floor.state is State.LISTENING and call.floor.turn == 1


def test_a_finished_sentence_ends_the_turn_sooner_and_a_broken_off_one_later() -> None:
    call = scene(adaptive=True, silence_ms=600).speech(400).silence(200).text("Can I have a table?").silence(220)
    assert call.log[-1] == CallerDone(820, 400, "Can I have a table?", 820)
    call = scene(adaptive=True, silence_ms=600).speech(400).silence(200).text("I want a").silence(840)
    assert "CallerDone" not in call.kinds()
    assert isinstance(call.silence(20).log[-1], CallerDone)


def test_the_agent_s_question_sets_the_patience() -> None:
    call = scene(adaptive=True).agent(Expect.DIGITS, asks=True).silence(500).done()
    call.speech(600).silence(200).text("four one five").silence(1_180)
    assert "CallerDone" not in call.kinds()
    assert isinstance(call.silence(20).log[-1], CallerDone)


def test_a_hint_of_doubt_lengthens_the_silence_and_an_old_one_counts_for_nothing() -> None:
    call = scene(adaptive=True).speech(400).silence(200).text("a table for two").hint(0.1).silence(300)
    assert "CallerDone" not in call.kinds()
    assert isinstance(call.silence(100).log[-1], CallerDone)
    call = scene(adaptive=True).speech(400).silence(200).text("a table for two")
    call.log += call.floor.hint(call.t, 0, 0.0)
    assert isinstance(call.silence(200).log[-1], CallerDone)


# --- words without a voice ---


def test_words_that_the_detector_missed_make_a_turn() -> None:
    call = scene().silence(1_000).text("hello", final=False)
    assert call.take() == ["CallerPaused"] and call.floor.state is State.PAUSED
    call.silence(100).text("hello are you there", final=False).silence(100).text("hello are you there", token=1)
    call.silence(280)
    assert call.log == []
    assert call.silence(20).log == [CallerDone(1_500, 1_100, "hello are you there", 1_500)]


def test_a_final_text_that_comes_after_nothing_said_is_not_lost() -> None:
    call = scene().speech(400).silence(1_700)
    assert call.take() == ["CallerStarted", "CallerPaused", "NothingSaid"]
    call.text("hello", token=1)
    assert call.log == [CallerDone(2_100, 400, "hello", 800)]


def test_an_empty_text_while_listening_is_nothing() -> None:
    assert scene().silence(100).text("", token=0).log == []


# --- speech over the agent ---


def talking(**rules: int | bool) -> Scene:
    """The agent has answered a first turn and speaks."""
    call = scene(**rules).speech(400).silence(200).text("hello").silence(200).agent().silence(1_000)
    call.log.clear()
    return call


def test_speech_holds_the_agent_at_once_and_words_interrupt() -> None:
    call = talking().speech(20)
    assert call.take() == ["Hold"]
    call.speech(280).text("wait", final=False)
    assert call.take() == ["Interrupted"] and call.floor.state is State.CALLER
    call.speech(500).silence(200).text("wait I meant Sunday").silence(200)
    assert call.kinds() == ["CallerPaused", "CallerDone"]


@pytest.mark.parametrize("nod", ["uh-huh", "Okay.", "yeah right", ""])
def test_a_backchannel_or_a_cough_resumes(nod: str) -> None:
    call = talking().speech(300).silence(240)
    assert call.take() == ["Hold"]
    call.silence(20)
    assert call.take() == ["CallerPaused"]
    call.text(nod)
    assert call.take() == ["Resume"]
    assert call.done().silence(500).log == [] and call.floor.state is State.LISTENING


def test_without_text_the_agent_resumes_after_a_while() -> None:
    call = talking().speech(300).silence(260 + 700)
    assert call.take() == ["Hold", "CallerPaused", "Resume"]


def test_a_late_text_still_interrupts() -> None:
    call = talking().speech(300).silence(960)
    call.log.clear()
    call.text("what about Sunday")
    assert call.kinds() == ["Hold", "Interrupted", "CallerDone"]
    assert isinstance(call.log[2], CallerDone) and call.log[2].text == "what about Sunday"


def test_long_speech_interrupts_whatever_its_words() -> None:
    call = talking().speech(1_000)
    assert call.take() == ["Hold"]
    assert call.speech(20).take() == ["Interrupted"]
    call.silence(200).text("").silence(200)
    assert call.log[-1] == NothingSaid(call.t, interrupted=True)


def test_a_pause_in_held_speech_starts_the_count_again_but_not_for_ever() -> None:
    call = talking(resume_wait_ms=900)
    for _ in range(10):
        call.speech(300).silence(400)
        if "Interrupted" in call.kinds():
            break
    assert call.log[0] == Hold(1_820) and Interrupted(4_820) in call.log
    assert call.kinds().count("Hold") == 1


def test_fewer_words_than_the_minimum_do_not_interrupt_but_are_answered_later() -> None:
    call = talking(min_words=3).speech(300).silence(260).text("the blue one maybe later", final=False)
    assert call.take() == ["Hold", "CallerPaused", "Interrupted"]
    call = talking(min_words=3).speech(300).silence(260).text("on Sunday")
    assert call.take() == ["Hold", "CallerPaused", "Resume"]
    call.silence(500).done()
    assert call.take() == ["CallerPaused"]
    call.text("on Sunday").silence(100)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["on Sunday"]


def test_a_demand_interrupts_whatever_the_minimum() -> None:
    assert "Interrupted" in talking(min_words=3).speech(300).text("stop", final=False).kinds()


def test_any_word_answers_a_question_whose_end_is_near() -> None:
    call = scene().agent(asks=True, ends=2_000).silence(1_200).speech(300).text("yeah", final=False)
    assert call.kinds() == ["Hold", "Interrupted"]
    call = scene().agent(asks=True, ends=9_000).silence(1_200).speech(300).silence(260).text("yeah")
    assert call.kinds() == ["Hold", "CallerPaused", "Resume"]


def test_speech_while_the_reply_is_thought_about_takes_the_turn_back() -> None:
    call = scene().speech(400).silence(200).text("I want").silence(200)
    call.log.clear()
    call.silence(100).speech(300)
    assert call.take() == ["Hold"]
    call.text("I want a table", final=False)
    assert call.take() == ["Interrupted"]
    call.silence(200).text("I want a table").silence(200)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["I want a table"]


def test_a_nod_while_the_reply_is_thought_about_changes_nothing() -> None:
    call = scene().speech(400).silence(200).text("I want a table?").silence(200)
    call.log.clear()
    call.speech(200).silence(260).text("I want a table? okay")
    assert call.kinds() == ["Hold", "CallerPaused", "Resume"] and call.floor.state is State.THINKING


def test_noise_that_cost_the_reply_brings_the_answered_words_back() -> None:
    call = scene().speech(400).silence(200).text("I want a table").silence(200)
    call.log.clear()
    call.speech(1_100).silence(200).text("I want a table").silence(200)
    assert call.kinds() == ["Hold", "Interrupted", "CallerPaused", "CallerDone"]


def test_holds_for_nothing_make_the_next_hold_need_more_speech() -> None:
    call = talking()
    for _ in range(2):
        call.speech(100 + 300).silence(300).text("").silence(500)
    call.log.clear()
    call.speech(300)
    assert call.take() == []
    assert call.speech(20).take() == ["Hold"]


def test_speech_too_short_to_hold_a_wary_floor_is_heard_when_the_agent_is_done() -> None:
    call = talking(wary_ms=400).speech(200).silence(300).text("")
    call.speech(300).silence(500)
    call.log.clear()
    call.done()
    assert call.take() == ["CallerPaused"]
    call.text("and Sunday").silence(100)
    assert call.kinds() == ["CallerDone"]


def test_a_nod_over_a_statement_is_no_turn_when_the_agent_is_done() -> None:
    call = talking(wary_ms=400).speech(200).silence(300).text("").speech(300).silence(500)
    call.done().text("uh-huh").silence(100)
    assert isinstance(call.log[-1], NothingSaid)


def test_the_agent_finishes_while_it_is_held() -> None:
    call = talking().speech(300)
    call.log.clear()
    call.done()
    assert call.log == [CallerStarted(call.t, again=True)] and call.floor.state is State.CALLER
    call.silence(200).text("and Sunday").silence(200)
    assert isinstance(call.log[-1], CallerDone)


# --- no barge-in ---


def test_without_barge_in_the_agent_is_never_held_and_the_words_become_a_turn_afterwards() -> None:
    call = talking(barge_in=False).speech(1_500).silence(300).text("and Sunday", final=True, token=None)
    assert call.log == []
    call.silence(500).done()
    assert call.take() == ["CallerPaused"]
    call.text("and Sunday").silence(20)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["and Sunday"]


def test_without_barge_in_words_before_the_reply_sounds_are_carried_over_its_commit() -> None:
    call = scene(barge_in=False).speech(400).silence(200).text("a table").silence(200)
    call.speech(400).text("a table for two", final=False).silence(300).agent().silence(500).done()
    assert call.floor.state is State.PAUSED
    call.text("").silence(100)
    assert [d.text for d in call.log if isinstance(d, CallerDone)] == ["a table", "for two"]


def test_speech_that_goes_on_when_the_agent_is_done() -> None:
    call = talking(barge_in=False).speech(500).done()
    assert call.log == [CallerStarted(call.t, again=True)]


# --- keys, and agents out of turn ---


def test_a_key_interrupts_an_audible_agent() -> None:
    assert talking().key("5").take() == ["Hold", "Interrupted"]
    call = talking().speech(100).key("5")
    assert call.kinds() == ["Hold", "Interrupted"] and call.floor.state is State.CALLER


@pytest.mark.parametrize("before", ["listening", "thinking", "no barge-in"])
def test_a_key_interrupts_nothing_else(before: str) -> None:
    calls = {
        "listening": scene(),
        "thinking": scene().speech(400).silence(200).text("hello").silence(200),
        "no barge-in": talking(barge_in=False),
    }
    call = calls[before]
    state = call.floor.state
    call.log.clear()
    assert call.key("#").log == [] and call.floor.state is state


def test_an_agent_may_not_begin_while_the_caller_has_the_floor() -> None:
    call = scene().speech(100)
    assert call.floor.agent_thinking(100) == (Interrupted(100),)
    call.silence(200)
    assert call.floor.agent_speaking(300) == (Interrupted(300),)
    assert call.floor.agent_done(300) == ()
    assert call.floor.state is State.PAUSED


def test_the_turn_is_committed_once_by_the_first_sound_or_by_a_silent_end() -> None:
    call = scene().speech(400).silence(200).text("hello").silence(200)
    assert call.floor.turn == 0
    call.agent()
    assert call.floor.turn == 1
    call.agent(ends=3_000).silence(100).done()
    assert call.floor.turn == 1
    call.speech(400).silence(200).text("bye").silence(200).done()
    assert call.floor.turn == 2 and call.floor.state is State.LISTENING


def test_a_greeting_is_spoken_and_its_end_brings_the_floor_back() -> None:
    call = scene().agent(ends=1_000).silence(1_000).done()
    assert call.log == [] and call.floor.state is State.LISTENING


def test_nothing_is_allocated_for_a_frame_that_decides_nothing() -> None:
    floor = Floor(Rules())
    assert floor.frame(20, False, 0) is floor.frame(40, False, 0)


@pytest.mark.parametrize("decision", [Hold(1), Resume(1), NothingSaid(1), Interrupted(1)])
def test_decisions_cannot_be_changed(decision: Decision) -> None:
    with pytest.raises(AttributeError):
        decision.t = 2  # type: ignore[misc]
