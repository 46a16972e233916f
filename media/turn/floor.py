"""The floor: a state machine on the call's audio clock that decides who speaks.

The floor receives events and returns decisions. Every turn is decided here.

    LISTENING  nobody speaks                        speech, or words that the detector missed  -> CALLER, PAUSED
    CALLER     the caller speaks                    silence                                    -> PAUSED
    PAUSED     the caller may have finished         speech -> CALLER, enough silence and text  -> THINKING
    THINKING   a reply is on its way, not audible   speech -> HELD, its audio                  -> SPEAKING
    SPEAKING   the agent is audible                 speech -> HELD, all was played             -> LISTENING
    HELD       the caller speaks over the agent     words -> CALLER or PAUSED, backchannel, none -> back

In HELD, an audible agent is lowered first, and silenced when the speech is too long for a backchannel; see
docs/decisions/0013. The caller's turn and its text are committed when the reply becomes audible (`agent_speaking`),
ends without sound (`agent_done`), or with NothingSaid: `turn` increases, and the recognizer needs a `next_turn`. Until
then the text is cumulative.
"""

from collections.abc import Callable

from media.turn.agent_speech import AgentSpeech
from media.turn.caller_voice import CallerVoice
from media.turn.decisions import (
    NOTHING,
    CallerDone,
    CallerOverlaps,
    CallerPaused,
    CallerStarted,
    Decisions,
    HoldAgent,
    InterruptAgent,
    LowerAgent,
    NothingSaid,
    ResumeAgent,
    TurnSettled,
)
from media.turn.endpoint import ExpectedReply, TurnRules
from media.turn.evidence import CompletenessJudge
from media.turn.expected_dictation import ExpectedDictation
from media.turn.final_text_request import NEVER, FinalTextRequest
from media.turn.floor_state import CALLER, CALLER_TALKS, HELD, LISTENING, PAUSED, SPEAKING, FloorState
from media.turn.hold import Hold
from media.turn.pause import TurnPause
from media.turn.speech_over_agent import SpeechOverAgent
from media.turn.turn_text import TurnText


class Floor:
    """The floor of one call. `t` is in ms of received caller audio and never decreases.

    Args:
        clock: Returns ms of real time. Delayed audio arrives faster, so a recognizer gets its time on both clocks.

    Attributes:
        turn: The number of the caller's turns that were committed.
        agent: The state of the agent's words.
    """

    __slots__ = (
        "_hold", "_interrupted", "_interruptible", "_over", "_over_agent", "_overlap_open", "_pause", "_pause_ms",
        "_request", "_rules", "_text", "_unseen", "_voice", "agent", "state", "turn",
    )  # fmt: skip

    def __init__(
        self,
        rules: TurnRules,
        clock: Callable[[], float] | None = None,
        judge: CompletenessJudge | None = None,
        may_begin: Callable[[], bool] | None = None,
        others_may_talk: Callable[[], bool] | None = None,
        may_be_speech: Callable[[], bool] | None = None,
        onset_ms: Callable[[], int] | None = None,
    ) -> None:
        """Create the floor of a call. For the other callables, see `TurnPause`, `CallerVoice` and `Hold`.

        Args:
            judge: The model of the words, which is used in each pause if the rules are adaptive.
        """
        self._rules = rules
        self._request = FinalTextRequest(clock)
        self._pause = TurnPause(rules, self._request, judge, may_begin)
        self._pause_ms = min(rules.pause_ms, max(rules.silence_ms, 0) // 2)
        self.state, self.turn = FloorState.LISTENING, 0
        self._voice = CallerVoice(others_may_talk, onset_ms)
        # The caller's words, and the time of the latest words that the detector had missed.
        self._text, self._unseen = TurnText(), NEVER
        self._overlap_open = self._interrupted = self._over_agent = False
        self.agent, self._hold, self._interruptible = AgentSpeech(), Hold(rules, may_be_speech), True
        self._over = SpeechOverAgent(rules, self._text, self.agent, self._voice, self._hold)

    @property
    def open_text(self) -> str:
        """In a pause, the words for which a second judge's opinion could change the turn's end; otherwise empty."""
        return self._pause.open_text if self.state is FloorState.PAUSED else ""

    @property
    def is_overlapped(self) -> bool:
        """Whether the turn stays open because the caller speaks over words that cannot be interrupted or are not
        audible yet."""
        is_early = self.state is FloorState.HELD and not self.agent.is_audible
        return is_early or (self._overlap_open and not self._may_interrupt())

    def set_language(self, language: str) -> None:
        """Continue the call in this language (BCP 47)."""
        self._pause.set_language(language)

    # --- the caller ---

    def frame(self, t: int, speaking: bool, last_voice_ms: int) -> Decisions:
        """Process one frame of caller audio, as reported by the voice track. Runs for each frame, so it allocates only
        for a decision."""
        voice, state = self._voice, self.state
        # While the caller is silent, nothing changes, which saves a call per frame.
        if speaking is not voice.is_heard or last_voice_ms != voice.last_ms or voice.stalled.is_hidden:
            voice.take_frame(t, speaking, last_voice_ms)
            speaking = voice.is_heard
        if state is PAUSED:
            return self._start(t, again=True) if speaking else self._finish_if_due(t)
        if state is HELD:
            return self._held_speech(t) if voice.is_heard else self._held_silence(t)
        if state is CALLER:
            return NOTHING if speaking and not voice.is_stalled(t) else self._pause_if_silent(t)
        if not speaking:
            if NEVER != self.agent.settles_at <= t and not self._hold.is_undecided(t):
                return self._settle(t)
            is_lowered = state is SPEAKING and self._hold.suspects_speech(t) and self._may_interrupt()
            return (LowerAgent(t, is_suspected=True, is_early=self._over.may_go_on),) if is_lowered else NOTHING
        return self._start(t, again=False) if state is LISTENING else self._overlap(t)

    def transcript(self, t: int, text: str, final: bool, token: int | None = None) -> Decisions:
        """Process the text of the caller's uncommitted turn. `final` with the latest token answers CallerPaused."""
        if token is not None and token < self._request.token and self._text.is_older(text):
            return NOTHING
        changed = self._text.update(text)
        answers = final and token == self._request.token
        self._voice.take_words(t, self._text.count, is_changed=changed, answers=answers)
        self._request.is_answered = self._request.is_answered or answers
        match self.state:
            case FloorState.PAUSED:
                return self._update_need(t, changed and self._unseen != NEVER)
            case FloorState.LISTENING:
                return self._words_while_listening(t, answers)
            case FloorState.HELD:
                return self._words_in_hold(t, answers)
            case FloorState.THINKING | FloorState.SPEAKING if final:
                return self._words_over_agent(t, answers)
        return NOTHING

    def hint(self, t: int, token: int, finished: float, text: str | None = None) -> Decisions:
        """Process smart-turn's probability (0 to 1) that the pause is the end of the turn. With `text`, the probability
        is from the second judge."""
        if token != self._request.token or self.state is not FloorState.PAUSED:
            return NOTHING
        self._pause.add_hint(finished, text)
        return self._update_need(t, more_unseen=False)

    def turn_signal(self, t: int, text: str, finished: float | None) -> Decisions:
        """Process the recognizer's own probability (0 to 1) that the caller has finished with this text. None withdraws
        it.

        The probability counts for these words until the caller's next sound. The detector may still report speech when
        the first signals arrive.
        """
        self._pause.add_signal(t, self._text.with_carried(text), finished)
        return self._update_need(t, more_unseen=False) if self.state is FloorState.PAUSED else NOTHING

    def dtmf(self, t: int, digit: str) -> Decisions:
        """Process a pressed key, which interrupts an audible agent (with barge-in).

        The call answers the digit itself. Words over the agent that did not interrupt it are answered as well.
        """
        if not self._may_interrupt() or not self.agent.is_audible:
            return NOTHING
        if self.state is FloorState.HELD:
            return self._interrupt(t, by_key=True)
        settled, was_spoken_over = self._settle(t), self._overlap_open or self._over.needs_answer
        self._lose_floor(by_key=True)
        self.state = FloorState.LISTENING
        self._over_agent = not self.agent.asks
        is_unanswered = was_spoken_over and not self._voice.is_heard
        return (*settled, HoldAgent(t), InterruptAgent(t), *(self._request_text(t) if is_unanswered else NOTHING))

    # --- the agent ---

    def agent_thinking(self, t: int, *, interruptible: bool = True) -> Decisions:
        """Record that the agent prepares words. Returns InterruptAgent, after which the words must be dropped, if the
        caller has the floor and the words can be interrupted."""
        if interruptible and self.state in CALLER_TALKS:
            return (InterruptAgent(t),)
        if self.state is FloorState.LISTENING or not interruptible:
            talks = self.state in CALLER_TALKS or self.state is FloorState.HELD
            settled = self._settle(t)
            self._take_floor(FloorState.THINKING)
            self._overlap_open, self._interruptible = talks, interruptible
            return settled
        self._interruptible = interruptible
        return NOTHING

    def agent_speaking(
        self,
        t: int,
        expect: ExpectedReply = ExpectedReply.REPLY,
        asks: bool = False,
        ends_ms: int | None = None,
        *,
        dictated: ExpectedDictation | None = None,
        is_last: bool = False,
    ) -> Decisions:
        """Record that the reply became audible (after `settle_ms` this commits the caller's turn), or that the facts
        about it changed.

        Args:
            expect: The kind of reply that the agent expects.
            asks: The agent asks a question.
            ends_ms: The end of the reply's audio, if known.
            dictated: The text that the agent asks the caller to dictate.
            is_last: The call ends with this reply.

        Returns:
            InterruptAgent if the caller talks and the reply must be dropped.
        """
        if self.state in CALLER_TALKS:
            return (InterruptAgent(t),)
        if self.state is FloorState.LISTENING:
            self._take_floor(FloorState.SPEAKING)
        agent = self.agent
        agent.expect, agent.asks, agent.dictated = expect, asks, dictated
        agent.ends_ms, agent.is_last = ends_ms, is_last
        if not agent.is_audible:
            agent.sound(t)
            if not self.is_overlapped:
                agent.open_turn(t, self._rules.settle_ms if self._may_interrupt() else 0)
        if self.state is FloorState.THINKING:
            self.state = FloorState.SPEAKING
        return self._settle(t) if self.state is FloorState.SPEAKING and t >= agent.settles_at else NOTHING

    def agent_sounded(self, t: int) -> None:
        """Record that the first audible audio of the reply was played at `t`, as the carrier reports. The `settle_ms`
        count from there."""
        if self.agent.leaves_turn_open:
            self.agent.open_turn(t, self._rules.settle_ms)

    def agent_done(self, t: int) -> Decisions:
        """Record that all audio was played, or that the reply ended without audio, which also commits the caller's
        turn."""
        if self.state is FloorState.LISTENING or self.state in CALLER_TALKS:
            return NOTHING
        if (not self.agent.is_audible and not self.is_overlapped) or self.agent.leaves_turn_open:
            self._commit()
        self.agent.stop()
        self._interrupted, self._interruptible = False, True
        self._hold.end()
        if self._voice.is_heard or self.state is FloorState.HELD:
            return self._start(t, again=True, over_agent=not self.agent.asks)
        if self._overlap_open or self._over.needs_answer:
            self._over_agent = not self.agent.asks
            return self._request_text(t)
        self._text.mark_handled()
        self.state = FloorState.LISTENING
        return NOTHING

    # --- the caller's turn ---

    def _start(self, t: int, *, again: bool, over_agent: bool = False) -> Decisions:
        if self.state is FloorState.PAUSED:
            self._pause.continued(t - self._voice.silent_since)
        self.state = FloorState.CALLER
        self._unseen = NEVER
        self._over_agent = over_agent
        self._pause.drop_answer()
        return (CallerStarted(t, again),)

    def _pause_if_silent(self, t: int) -> Decisions:
        return self._request_text(t) if t - self._voice.last_ms >= self._pause_ms else NOTHING

    def _request_text(self, t: int) -> Decisions:
        """Request the final text. During a hold the state stays HELD."""
        if self.state is not FloorState.HELD:
            self.state = FloorState.PAUSED
        self._voice.ask_for_words()
        return (CallerPaused(t, self._pause.begin(t, self._voice.last_ms, self._text.text, self.agent)),)

    def _update_need(self, t: int, more_unseen: bool) -> Decisions:
        """Handle new words or a new hint in a pause: calculate the silence that they need and check whether it has
        passed."""
        if more_unseen:
            self._unseen = t
        self._pause.weigh(self._text.text, self.agent)
        return self._finish_if_due(t)

    def _finish_if_due(self, t: int) -> Decisions:
        end = max(self._voice.words_end_ms, self._unseen)
        if t - end < self._pause.needed_ms or self._voice.is_heard:
            return self._pause.prepare(t, t - end, self._text, over_agent=self._over_agent)
        return self._finish(t, end) if self._pause.may_end(t) else NOTHING

    def _finish(self, t: int, end: int) -> Decisions:
        """Finish the turn.

        Args:
            end: The end of the caller's speech.
        """
        self._unseen = NEVER
        if self._over_agent and not self._text.needs_answer:
            self._text.mark_handled()
        if not self._text.new_words:
            self.state = FloorState.LISTENING
            self._commit()
            return (NothingSaid(t, self._interrupted),)
        self._text.mark_answered()
        self._take_floor(FloorState.THINKING)
        return (CallerDone(t, end, self._text.text, self._pause.due_ms(end), self._pause.reason),)

    def _words_while_listening(self, t: int, answers: bool) -> Decisions:
        """Handle words while nobody seemed to speak: late words, or words from speech that is too quiet for the
        detector."""
        if not self._text.new_words:
            return NOTHING
        if answers:
            self.state = FloorState.PAUSED
            return self._update_need(t, more_unseen=False)
        self._unseen = t
        self._over_agent = False
        return self._request_text(t)

    # --- speech over the agent ---

    def _overlap(self, t: int) -> Decisions:
        """Handle speech while the agent has the floor. After each false hold, the next hold needs more speech."""
        is_new = not self._overlap_open or t == self._voice.since
        self._overlap_open = True
        if not self._may_interrupt():
            return (CallerOverlaps(t),) if is_new else NOTHING
        if t - self._voice.since < self._hold.extra_ms:
            return NOTHING
        settled = self._settle(t) if self._over.is_late else NOTHING
        may_nod = self._rules.nod_ms > 0 and self.agent.may_be_lowered(t, self._rules.near_end_ms)
        self.state = FloorState.HELD
        self._hold.begin(t, t - self._voice.silent_since, len(self._text.new_words), is_lowered=may_nod)
        self._request.cancel()
        return (*settled, LowerAgent(t) if may_nod else HoldAgent(t))

    def _held_speech(self, t: int) -> Decisions:
        if self._request.is_made:
            self._request.cancel()
            self._hold.speak_again(t)
        if self._hold.is_interruption(t, self._voice.last_ms) or self._over.goes_on():
            return self._interrupt(t)
        is_too_long = self._hold.is_too_long_for_nod(self._voice.last_ms) and not self._text.is_backchannel
        return (HoldAgent(t, lowered=self._hold.end()),) if is_too_long else NOTHING

    def _held_silence(self, t: int) -> Decisions:
        if not self._request.is_made:
            is_silent = t - self._voice.last_ms >= self._rules.held_pause_ms or self._hold.is_at_limit(t)
            return self._request_text(t) if is_silent else NOTHING
        return self._resume(t) if t - self._request.at >= self._rules.resume_wait_ms else NOTHING

    def _words_in_hold(self, t: int, answers: bool) -> Decisions:
        """Handle words while the agent is held: an interruption, or only a backchannel."""
        if self._over.takes_floor(self._hold.at, is_held=True):
            return self._interrupt(t)
        if answers and self._request.is_made:
            self._overlap_open = False
            return self._resume(t)
        return NOTHING

    def _words_over_agent(self, t: int, answers: bool) -> Decisions:
        """Handle final words while the agent continues: late words, or words from speech that is too quiet for the
        detector."""
        self._overlap_open = self._overlap_open and not answers
        if not self._may_interrupt() or not self._over.takes_floor(t, is_held=False):
            return NOTHING
        if not answers:
            self._unseen = t
            self._request.cancel()
        return (HoldAgent(t), *self._interrupt(t))

    def _resume(self, t: int) -> Decisions:
        was_lowered = self._hold.end_falsely(len(self._text.new_words))
        if self._over.is_misheard_nod:
            self._text.mark_handled()
        self.state = FloorState.SPEAKING if self.agent.is_audible else FloorState.THINKING
        return (ResumeAgent(t, lowered=was_lowered),)

    def _interrupt(self, t: int, *, by_key: bool = False) -> Decisions:
        early = self.agent.leaves_turn_open
        if early or not self.agent.is_audible:  # the turn was ended too early
            self._pause.continued(self._hold.pause_before_ms)
        held = (HoldAgent(t, lowered=True),) if self._hold.end() else NOTHING
        interrupted = (*held, InterruptAgent(t, early))
        self._lose_floor(by_key=by_key)
        if self._request.is_made and not self._voice.is_heard:
            self.state = FloorState.PAUSED
            return (*interrupted, *self._update_need(t, more_unseen=False))
        self.state = FloorState.CALLER
        if self._voice.is_heard:
            return interrupted
        return (*interrupted, *(self._request_text(t) if self._unseen == t else self._pause_if_silent(t)))

    def _may_interrupt(self) -> bool:
        return self._rules.barge_in and self._interruptible

    def _take_floor(self, state: FloorState) -> None:
        """Give the floor to the agent."""
        self.state = state
        self.agent.begin()
        self._overlap_open, self._interrupted, self._interruptible = False, False, True
        self._hold.reset()

    def _lose_floor(self, *, by_key: bool = False) -> None:
        """Handle an interruption of the agent. The words that it would have answered need an answer again.

        Args:
            by_key: A pressed key interrupted, which the call answers. A caller who interrupts with sounds must get a
                response even if no words arrive.
        """
        self._text.reopen()
        self.agent.stop()
        self._over_agent = False
        self._interrupted, self._interruptible = not by_key, True

    def _settle(self, t: int) -> Decisions:
        """Commit the turn that the audible reply answers, unless it is already committed."""
        if not self.agent.leaves_turn_open:
            return NOTHING
        self._commit()
        return (TurnSettled(t),)

    def _commit(self) -> None:
        self.agent.settles_at = NEVER
        self._text.commit()
        self._pause.end_turn()
        self._voice.end_turn()
        self.turn += 1
