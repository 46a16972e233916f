"""Who speaks. A state machine on the call's audio clock and the only judge of turns: events in, decisions out.

    LISTENING  nobody speaks                        speech, or words that the detector missed  -> CALLER, PAUSED
    CALLER     the caller speaks                    silence                                    -> PAUSED
    PAUSED     the caller may have finished         speech -> CALLER, enough silence and text  -> THINKING
    THINKING   a reply is on its way, not audible   speech -> HELD, its audio                  -> SPEAKING
    SPEAKING   the agent is audible                 speech -> HELD, all was played             -> LISTENING
    HELD       the caller speaks over the agent     words -> CALLER or PAUSED, nod or nothing  -> back

The caller's turn is committed, and its text with it, when the reply becomes audible (`agent_speaking`), when it ends
without having been (`agent_done`), or with NothingSaid: `turn` moves, and the recogniser must be told `next_turn`.
Until then the text is cumulative.
"""

from collections.abc import Callable
from enum import Enum, auto

from media.turn.decisions import (
    CallerDone,
    CallerPaused,
    CallerStarted,
    Decision,
    Hold,
    Interrupted,
    NothingSaid,
    Resume,
)
from media.turn.endpoint import Expect, Rules, silence_for
from media.turn.said import Said

__all__ = [
    "CallerDone",
    "CallerPaused",
    "CallerStarted",
    "Decision",
    "Decisions",
    "Floor",
    "Hold",
    "Interrupted",
    "NothingSaid",
    "Resume",
    "State",
]

Decisions = tuple[Decision, ...]
NOTHING: Decisions = ()
# After this many holds for nothing the next one is not made any harder.
_MOST_WARY = 4
_NEVER = -1


class State(Enum):
    """Who has the floor."""

    LISTENING = auto()
    CALLER = auto()
    PAUSED = auto()
    THINKING = auto()
    SPEAKING = auto()
    HELD = auto()


class Floor:
    """The floor of one call. `t` is ms of received caller audio and never goes back.

    clock: ms of real time. Audio that was held up comes faster than that, and a recogniser is given its time in both.
    turn: how many caller turns were committed.
    """

    def __init__(self, rules: Rules, clock: Callable[[], float] | None = None) -> None:
        self._rules = rules
        self._clock = clock
        self._pause_ms = min(rules.pause_ms, max(rules.silence_ms, 0) // 2)
        self.state = State.LISTENING
        self.turn = 0
        # The caller's voice.
        self._speaking = False
        self._since = 0
        self._voice = 0
        self._unseen = _NEVER
        # The caller's words and the pause that they are asked for in.
        self._said = Said()
        self._token = 0
        self._asked = _NEVER
        self._asked_clock = 0.0
        self._answered = False
        self._hint: float | None = None
        self._need = rules.silence_ms
        self._interrupted = False
        self._over_agent = False
        # The agent: what it waits for, and what was said over it.
        self._expect = Expect.REPLY
        self._asks = False
        self._ends: int | None = None
        self._audible = False
        self._held_at = 0
        self._segment = 0
        self._false_holds = 0
        self._unsettled = False

    # --- the caller ---

    def frame(self, t: int, speaking: bool, last_voice_ms: int) -> Decisions:
        """One frame of caller audio, as the voice track judges it. The hot path: allocates only to decide."""
        self._voice = last_voice_ms
        if speaking is not self._speaking:
            self._speaking = speaking
            self._since = t
        state = self.state
        if state is State.PAUSED:
            return self._start(t, again=True) if speaking else self._finish_if_due(t)
        if state is State.HELD:
            return self._held(t)
        if state is State.CALLER:
            return NOTHING if speaking else self._pause_if_silent(t)
        if not speaking:
            return NOTHING
        return self._start(t, again=False) if state is State.LISTENING else self._overlap(t)

    def transcript(self, t: int, text: str, final: bool, token: int | None = None) -> Decisions:
        """The text of the caller's uncommitted turn so far; `final` with the latest token answers CallerPaused."""
        if token is not None and token < self._token and self._said.is_older(text):
            return NOTHING
        changed = self._said.hear(text)
        answers = final and token == self._token
        self._answered = self._answered or answers
        match self.state:
            case State.CALLER:
                return NOTHING
            case State.PAUSED:
                return self._weigh(t, changed and self._unseen != _NEVER)
            case State.LISTENING:
                return self._overheard(t, answers)
            case State.HELD:
                return self._judge(t, answers)
            case _:
                return self._heard_late(t, answers) if final else NOTHING

    def hint(self, t: int, token: int, finished: float) -> Decisions:
        """Smart-turn's probability (0-1) that the caller has finished, for the pause of that token."""
        if token != self._token or self.state is not State.PAUSED:
            return NOTHING
        self._hint = finished
        return self._weigh(t, more_unseen=False)

    def dtmf(self, t: int, digit: str) -> Decisions:
        """A key of the phone: interrupts an audible agent (with barge-in). What it means is the call's affair."""
        if not self._rules.barge_in or not self._agent_audible():
            return NOTHING
        if self.state is State.HELD:
            return self._interrupt(t)
        self._lose_floor()
        self.state = State.LISTENING
        return (Hold(t), Interrupted(t))

    # --- the agent ---

    def agent_thinking(self, t: int) -> Decisions:
        """A reply, greeting or nudge is on its way. Interrupted when the caller has the floor: drop it."""
        if self._caller_has_floor():
            return (Interrupted(t),)
        if self.state is State.LISTENING:
            self._take_floor(State.THINKING)
        return NOTHING

    def agent_speaking(
        self,
        t: int,
        expect: Expect = Expect.REPLY,
        asks: bool = False,
        ends_ms: int | None = None,
    ) -> Decisions:
        """The reply became audible (this commits the caller's turn), or what is known of it changed.

        expect, asks: what it waits for, whether it puts a question. ends_ms: when its last audio will sound, if known.
        Interrupted when the caller has the floor: drop it."""
        if self._caller_has_floor():
            return (Interrupted(t),)
        if self.state is State.LISTENING:
            self._take_floor(State.SPEAKING)
        self._expect, self._asks, self._ends = expect, asks, ends_ms
        if not self._audible:
            self._audible = True
            self._commit()
        if self.state is State.THINKING:
            self.state = State.SPEAKING
        return NOTHING

    def agent_done(self, t: int) -> Decisions:
        """Everything was played, or the reply ended without audio (this too commits the caller's turn)."""
        if self.state is State.LISTENING or self._caller_has_floor():
            return NOTHING
        if not self._audible:
            self._commit()
        self._audible = False
        self._interrupted = False
        if self._speaking or self.state is State.HELD:
            return self._start(t, again=True, over_agent=not self._asks)
        if self._unsettled or self._said.matters or (self._asks and self._said.new):
            self._over_agent = not self._asks
            return self._ask(t)
        self._said.deal()
        self.state = State.LISTENING
        return NOTHING

    # --- the caller's turn ---

    def _start(self, t: int, *, again: bool, over_agent: bool = False) -> Decisions:
        self.state = State.CALLER
        self._unseen = _NEVER
        self._over_agent = over_agent
        return (CallerStarted(t, again),)

    def _pause_if_silent(self, t: int) -> Decisions:
        return self._ask(t) if t - self._voice >= self._pause_ms else NOTHING

    def _ask(self, t: int) -> Decisions:
        """Asks for the final text; in a hold the floor stays held meanwhile."""
        if self.state is not State.HELD:
            self.state = State.PAUSED
        self._token += 1
        self._asked = t
        self._asked_clock = self._clock() if self._clock else 0.0
        self._answered = False
        self._hint = None
        self._need = silence_for(self._said.text, self._expect, self._rules, None)
        return (CallerPaused(t, self._token),)

    def _weigh(self, t: int, more_unseen: bool) -> Decisions:
        """New words or a new hint in a pause: how much silence do they ask for, and has it passed?"""
        if more_unseen:
            self._unseen = t
        self._need = silence_for(self._said.text, self._expect, self._rules, self._hint)
        return self._finish_if_due(t)

    def _finish_if_due(self, t: int) -> Decisions:
        if t - max(self._voice, self._unseen) < self._need or self._speaking:
            return NOTHING
        if not self._answered and self._waited(t) < self._rules.text_wait_ms:
            return NOTHING
        return self._finish(t)

    def _waited(self, t: int) -> float:
        """For how long the final text has been asked for."""
        waited = t - self._asked
        return min(waited, self._clock() - self._asked_clock) if self._clock else waited

    def _finish(self, t: int) -> Decisions:
        end = max(self._voice, self._unseen)
        self._unseen = _NEVER
        if self._over_agent and not self._said.matters:
            self._said.deal()
        if not self._said.new:
            self.state = State.LISTENING
            self._commit()
            return (NothingSaid(t, self._interrupted),)
        self._said.deal()
        self._take_floor(State.THINKING)
        return (CallerDone(t, end, self._said.text, end + self._need),)

    def _overheard(self, t: int, answers: bool) -> Decisions:
        """Words while nobody seemed to speak: late ones, or speech too quiet for the detector."""
        if not self._said.new:
            return NOTHING
        if answers:
            self.state = State.PAUSED
            return self._weigh(t, more_unseen=False)
        self._unseen = t
        self._over_agent = False
        return self._ask(t)

    # --- speech over the agent ---

    def _overlap(self, t: int) -> Decisions:
        """The caller speaks while the agent has the floor. Each false hold makes the next one need more speech."""
        self._unsettled = True
        wary = min(self._false_holds, _MOST_WARY) * self._rules.wary_ms
        if not self._rules.barge_in or t - self._since < wary:
            return NOTHING
        self.state = State.HELD
        self._held_at = self._segment = t
        self._asked = _NEVER
        return (Hold(t),)

    def _held(self, t: int) -> Decisions:
        return self._held_speech(t) if self._speaking else self._held_silence(t)

    def _held_speech(self, t: int) -> Decisions:
        if self._asked != _NEVER:
            self._asked = _NEVER
            self._segment = t
        if t - self._segment >= self._rules.commit_ms or t - self._held_at >= self._rules.held_max_ms:
            return self._interrupt(t)
        return NOTHING

    def _held_silence(self, t: int) -> Decisions:
        if self._asked == _NEVER:
            is_silent = t - self._voice >= self._rules.held_pause_ms or t - self._held_at >= self._rules.held_max_ms
            return self._ask(t) if is_silent else NOTHING
        return self._resume(t) if t - self._asked >= self._rules.resume_wait_ms else NOTHING

    def _judge(self, t: int, answers: bool) -> Decisions:
        """Words while the agent is held: an interruption, or only a nod?"""
        if self._takes_floor(self._held_at):
            return self._interrupt(t)
        if answers and self._asked != _NEVER:
            self._unsettled = False
            return self._resume(t)
        return NOTHING

    def _heard_late(self, t: int, answers: bool) -> Decisions:
        """Final words while the agent goes on: late ones, or speech too quiet for the detector."""
        self._unsettled = self._unsettled and not answers
        if not self._rules.barge_in or not self._takes_floor(t):
            return NOTHING
        if not answers:
            self._unseen = t
            self._asked = _NEVER
        return (Hold(t), *self._interrupt(t))

    def _takes_floor(self, onset: int) -> bool:
        """Whether the new words interrupt; a question whose end is near may be answered by any word."""
        said = self._said
        if self._asks and self._ends is not None and self._ends - onset <= self._rules.near_end_ms and said.new:
            return True
        return said.interrupts(self._rules.min_words)

    def _resume(self, t: int) -> Decisions:
        self.state = State.SPEAKING if self._audible else State.THINKING
        self._false_holds += 1
        return (Resume(t),)

    def _interrupt(self, t: int) -> Decisions:
        self._lose_floor()
        if self._asked != _NEVER and not self._speaking:
            self.state = State.PAUSED
            return (Interrupted(t), *self._weigh(t, more_unseen=False))
        self.state = State.CALLER
        if self._speaking:
            return (Interrupted(t),)
        return (
            Interrupted(t),
            *(self._ask(t) if self._unseen == t else self._pause_if_silent(t)),
        )

    # --- bookkeeping ---

    def _caller_has_floor(self) -> bool:
        return self.state is State.CALLER or self.state is State.PAUSED

    def _agent_audible(self) -> bool:
        return self.state is State.SPEAKING or (self.state is State.HELD and self._audible)

    def _take_floor(self, state: State) -> None:
        """The agent has the floor from here."""
        self.state = state
        self._audible = self._asks = self._unsettled = False
        self._interrupted = False
        self._ends = None
        self._false_holds = 0

    def _lose_floor(self) -> None:
        """The agent was interrupted: whatever it was to answer is open again."""
        self._said.reopen()
        self._audible = False
        self._over_agent = False
        self._interrupted = True

    def _commit(self) -> None:
        self._said.commit()
        self.turn += 1
