"""Properties of turn-taking, checked with random calls whose decisions are carried out as a call does."""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from media.turn.backchannels import split_words, without_backchannels
from media.turn.decisions import (
    CallerDone,
    CallerPaused,
    CallerStarted,
    Decision,
    HoldAgent,
    InterruptAgent,
    LowerAgent,
    NothingSaid,
    ResumeAgent,
    TurnSettled,
)
from media.turn.endpoint import LEAST_MS, ExpectedReply, TurnRules
from media.turn.expected_cost import MOST_MS
from media.turn.floor import Floor
from media.turn.floor_state import FloorState
from tests.media.turn.floor_harness import ScriptedJudge

STEP = 20
BACKCHANNELS = ("uh-huh", "okay", "yeah", "right")
AGENT_STATES = (FloorState.THINKING, FloorState.SPEAKING, FloorState.HELD)


class RandomCall(RuleBasedStateMachine):
    """A caller who says numbered words and backchannels, a recognizer that may be late or silent, and an agent."""

    @initialize(
        silence=st.sampled_from((200, 400, 700, 1_500)),
        adaptive=st.booleans(),
        barge_in=st.booleans(),
        min_words=st.integers(1, 3),
        nod_ms=st.sampled_from((0, 300)),
        settle_ms=st.sampled_from((0, 300, 600)),
        judged=st.none() | st.sampled_from((0.05, 0.3, 0.9)),
    )
    def begin(
        self,
        silence: int,
        adaptive: bool,
        barge_in: bool,
        min_words: int,
        nod_ms: int,
        settle_ms: int,
        judged: float | None,
    ) -> None:
        self.plan = TurnRules(
            silence,
            adaptive=adaptive,
            barge_in=barge_in,
            min_words=min_words,
            nod_ms=nod_ms,
            settle_ms=settle_ms,
        )
        judge = None if judged is None else ScriptedJudge(default=judged)
        self.floor = Floor(
            self.plan,
            judge=judge,
            may_begin=lambda: self.is_undecided,
            may_be_speech=lambda: self.is_undecided,
            onset_ms=lambda: self.onset,
        )
        self.lowered = False
        self.t = self.voice = self.onset = self.held_since = self.news = 0
        self.is_speaking = self.is_undecided = False
        self.numbers = itertools.count()
        self.said: list[str] = []  # recognized words of the uncommitted turn
        self.asked: dict[int, str] = {}  # recognized text at each request of this turn, by token
        self.turn = self.token = 0
        self.final: set[str] = set()  # words that must be answered
        self.answered: set[str] = set()
        self.open: set[str] = set()  # words whose answer is not audible yet
        self.replying = self.audible = self.held = False

    # --- the call carries out decisions ---

    def carry_out(self, decisions: tuple[Decision, ...]) -> None:
        for decision in decisions:
            assert decision.t == self.t
            self.carry_out_one(decision)
        if self.floor.turn != self.turn:
            self.turn = self.floor.turn
            self.said.clear()
            self.asked.clear()

    def carry_out_one(self, decision: Decision) -> None:
        match decision:
            case CallerPaused(token=token):
                assert token == self.token + 1
                self.token = token
                self.asked[token] = " ".join(self.said)
                self.news = self.t
            case CallerDone(text=text, end_ms=end_ms, due_ms=due_ms):
                assert not self.replying, "two replies at once"
                assert text.strip() and end_ms + LEAST_MS <= due_ms <= self.t
                assert self.voice <= end_ms or self.is_speaking, "only a voice that says nothing is passed over"
                self.open = set(split_words(text))
                self.final |= self.open
                self.answered |= self.open
                self.replying, self.audible = True, False
            case LowerAgent(is_suspected=True, is_early=is_early):
                assert self.audible and not self.held and not self.lowered and not self.is_speaking
                assert self.is_undecided and self.plan.barge_in
                assert not is_early or (self.open and self.floor.turn == self.turn), "the turn may go on"
            case LowerAgent():
                assert self.audible and not self.held and not self.lowered and self.plan.nod_ms
                self.lowered, self.held_since = True, self.t
            case HoldAgent(lowered=lowered):
                assert self.replying and not self.held and self.plan.barge_in and lowered is self.lowered
                self.held_since = self.held_since if lowered else self.t
                self.held, self.lowered = True, False
            case ResumeAgent(lowered=lowered):
                assert self.held is not self.lowered and lowered is self.lowered
                self.held = self.lowered = False
            case InterruptAgent(early=early):
                assert self.replying and not self.lowered, "silenced before it is interrupted"
                assert not early or (self.audible and self.floor.turn == self.turn)
                if early or not self.audible:
                    self.answered -= self.open
                self.replying = self.held = False
            case TurnSettled():
                assert self.audible or self.replying
            case CallerStarted() | NothingSaid():
                assert not self.replying

    # --- the caller ---

    def frames(self, count: int, speaking: bool) -> None:
        for _ in range(count):
            self.onset = self.t if speaking and not self.is_speaking else self.onset
            self.t += STEP
            self.is_speaking = speaking
            self.voice = self.t if speaking else self.voice
            self.carry_out(self.floor.frame(self.t, speaking, self.voice))

    def word(self, backchannel: str) -> str:
        return backchannel or f"w{next(self.numbers)}"

    @rule(count=st.integers(1, 80), backchannels=st.lists(st.sampled_from(("", *BACKCHANNELS)), max_size=4))
    def speak(self, count: int, backchannels: list[str]) -> None:
        self.frames(count, speaking=True)
        self.said += [self.word(backchannel) for backchannel in backchannels]

    @rule(count=st.integers(1, 80) | st.just(120))
    def be_silent(self, count: int) -> None:
        self.frames(count, speaking=False)

    @rule(is_undecided=st.booleans())
    def begin_or_end_a_sound(self, is_undecided: bool) -> None:
        """One of which the detector cannot tell whether it is speech, however long it lasts."""
        self.is_undecided = is_undecided

    @rule(backchannel=st.sampled_from(("", *BACKCHANNELS)))
    def speak_below_the_detection_level(self, backchannel: str) -> None:
        self.said.append(self.word(backchannel))

    @rule()
    def press_a_key(self) -> None:
        self.carry_out(self.floor.dtmf(self.t, "5"))

    # --- the recognizer ---

    def recognize(self, final: bool, token: int | None, text: str | None = None) -> None:
        text = " ".join(self.said) if text is None else text
        self.news = self.t
        if final:
            self.final.update(without_backchannels(split_words(text)))
        self.carry_out(self.floor.transcript(self.t, text, final, token))

    @rule()
    def partial_text(self) -> None:
        self.recognize(False, None)

    @rule()
    def final_text(self) -> None:
        self.recognize(True, self.token)

    @rule(back=st.integers(1, 3))
    def final_text_for_an_older_pause(self, back: int) -> None:
        if (text := self.asked.get(self.token - back)) is not None:
            self.recognize(True, self.token - back, text)

    @rule()
    def unrequested_final_text(self) -> None:
        self.recognize(True, None)

    @rule(finished=st.floats(0, 1), back=st.integers(0, 1))
    def smart_turn_hint(self, finished: float, back: int) -> None:
        self.carry_out(self.floor.hint(self.t, self.token - back, finished))

    @rule(finished=st.floats(), words=st.integers(0, 2))
    def second_opinion(self, finished: float, words: int) -> None:
        """Late as well as in time, of all words or fewer; also what is no probability."""
        text = " ".join(self.said[: len(self.said) - words])
        self.carry_out(self.floor.hint(self.t, self.token, finished, text))

    @rule(finished=st.floats() | st.none(), words=st.integers(0, 2))
    def vendor_signal(self, finished: float | None, words: int) -> None:
        """About all recognized words, or fewer, whatever the state is; also with what is no probability."""
        text = " ".join(self.said[: len(self.said) - words])
        self.carry_out(self.floor.turn_signal(self.t, text, finished))

    # --- the agent ---

    @precondition(lambda self: not self.replying)
    @rule(interruptible=st.booleans())
    def agent_nudges(self, interruptible: bool) -> None:
        self.replying, self.audible = True, False
        self.open = set()
        self.carry_out(self.floor.agent_thinking(self.t, interruptible=interruptible))

    @precondition(lambda self: self.audible)
    @rule(ago=st.integers(0, 200))
    def agent_audio_is_proven(self, ago: int) -> None:
        self.floor.agent_sounded(self.t - ago)

    @precondition(lambda self: self.replying and not self.held)
    @rule(expect=st.sampled_from(ExpectedReply), asks=st.booleans(), left=st.none() | st.integers(-500, 3_000))
    def agent_sounds(self, expect: ExpectedReply, asks: bool, left: int | None) -> None:
        self.audible = True
        self.carry_out(self.floor.agent_speaking(self.t, expect, asks, None if left is None else self.t + left))

    @precondition(lambda self: self.floor.state in (FloorState.LISTENING, FloorState.SPEAKING))
    @rule(is_key=st.booleans())
    def a_word_over_the_agent_and_then_its_end(self, is_key: bool) -> None:
        """One word may be too few to interrupt, and a key ends what the agent says as its own end does."""
        if not self.replying:
            self.agent_nudges(True)
            self.agent_sounds(ExpectedReply.REPLY, False, None)
        self.said.append(self.word(""))
        self.recognize(True, None)
        if self.replying:
            self.press_a_key() if is_key else self.agent_finishes()

    @precondition(lambda self: self.replying)
    @rule()
    def agent_finishes(self) -> None:
        self.replying = self.held = self.lowered = False
        self.carry_out(self.floor.agent_done(self.t))

    @precondition(lambda self: self.floor.state is FloorState.LISTENING and not self.replying)
    @rule(
        after=st.integers(0, 40),
        undecided=st.integers(0, 20),
        speech=st.integers(0, 60),
        word=st.sampled_from(("", "", "uh-huh", "nothing")),
    )
    def the_caller_goes_on_as_the_answer_begins(self, after: int, undecided: int, speech: int, word: str) -> None:
        self.speak(20, [""])
        self.frames(20, speaking=False)
        self.recognize(True, self.token)
        self.frames(100, speaking=False)
        if not self.replying:
            return
        self.agent_sounds(ExpectedReply.REPLY, False, None)
        self.frames(after, speaking=False)
        self.is_undecided = True
        self.frames(undecided, speaking=False)
        self.is_undecided = False
        self.frames(speech, speaking=True)
        if word != "nothing":
            self.said.append(self.word(word))
            self.recognize(False, None)

    # --- properties ---

    @invariant()
    def the_floor_and_the_call_agree_who_speaks(self) -> None:
        assert (self.floor.state in AGENT_STATES) == self.replying
        assert (self.floor.state is FloorState.HELD) == (self.held or self.lowered)
        assert not self.lowered or self.audible

    @invariant()
    def a_hold_is_limited(self) -> None:
        longest = self.plan.held_max_ms + self.plan.resume_wait_ms + 2 * STEP
        assert not (self.held or self.lowered) or self.t - self.held_since <= longest

    @invariant()
    def a_pause_is_limited(self) -> None:
        """Whatever was signaled, hinted and thought of it. news: the latest text, or request for one."""
        longest = max(self.plan.silence_ms, MOST_MS, self.plan.text_wait_ms) + self.plan.onset_wait_ms + 2 * STEP
        is_paused = self.floor.state is FloorState.PAUSED
        assert not is_paused or self.t - max(self.voice, self.news) <= longest

    @invariant()
    def no_final_word_is_left_unanswered(self) -> None:
        """While nobody has the floor, nothing would ever answer it."""
        assert self.floor.state is not FloorState.LISTENING or self.final <= self.answered

    def teardown(self) -> None:
        if not hasattr(self, "floor"):
            return
        for _ in range(20):
            if self.replying:
                self.agent_finishes()
            self.frames(100, speaking=False)
            if self.floor.state is FloorState.PAUSED:
                self.recognize(True, self.token)
            if self.floor.state is FloorState.LISTENING:
                break
        assert self.floor.state is FloorState.LISTENING, "the floor does not return to LISTENING"
        assert self.final <= self.answered, f"not answered: {self.final - self.answered}"


RandomCall.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)
TestRandomCall = RandomCall.TestCase
