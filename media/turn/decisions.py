"""The decisions of the floor.

Times are in ms on the call's audio clock.
"""

from dataclasses import dataclass

from media.turn.end_reason import EndReason


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak and has the floor. `again`: after a pause within the same turn."""

    t: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class CallerOverlaps:
    """The caller speaks over words that cannot be interrupted: notify the recognizer. What is said is answered when the
    agent is done."""

    t: int


@dataclass(frozen=True, slots=True)
class CallerPaused:
    """The caller may have finished: request the final text under this token (and a hint from smart-turn).

    Tokens count up over the call; a new one makes every older one stale.
    """

    t: int
    token: int


@dataclass(frozen=True, slots=True)
class PrepareAnswer:
    """The caller's turn ends soon unless they go on: ask for the answer to this text, and hold it until CallerDone.
    CallerStarted drops it, and so does the next PrepareAnswer, with another text.
    """

    t: int
    text: str


@dataclass(frozen=True, slots=True)
class CallerDone:
    """The turn is over: answer it. The agent has the floor from here, without `agent_thinking`.

    end_ms: the true end of the caller's speech. text: the whole turn, also what an interrupted reply was to answer.
    due_ms: when the silence was long enough, and no sound kept the turn open; the time from there to `t` was spent
        waiting for the text.
    reason: what decided how long the silence had to be.
    """

    t: int
    end_ms: int
    text: str
    due_ms: int
    reason: EndReason = EndReason.TIMER


@dataclass(frozen=True, slots=True)
class NothingSaid:
    """Speech ended without words, or without any that needs an answer; back to listening. Where it was too long for a
    cough, the call asks for it again.

    interrupted: the noise had interrupted the agent, so the call should say something.
    """

    t: int
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class TurnSettled:
    """The answer has been audible long enough: the caller's turn can no longer change."""

    t: int


@dataclass(frozen=True, slots=True)
class LowerAgent:
    """The caller speaks over the agent, perhaps only a nod: let it go on more quietly, notify the recognizer.

    is_suspected: it is not known yet whether the sound is speech: lower the agent, and nothing else. is_early: the
    caller may go on with the turn whose answer has just begun: lower the agent further, until it is known."""

    t: int
    is_suspected: bool = False
    is_early: bool = False


@dataclass(frozen=True, slots=True)
class HoldAgent:
    """The caller speaks over the agent: silence it at once, keep what was not heard, notify the recognizer.

    lowered: it was lowered for the same speech until now, and the recognizer was notified then."""

    t: int
    lowered: bool = False


@dataclass(frozen=True, slots=True)
class ResumeAgent:
    """It was nothing, or a backchannel: continue where the agent was held. lowered: it was never silent."""

    t: int
    lowered: bool = False


@dataclass(frozen=True, slots=True)
class InterruptAgent:
    """The caller took the floor: cancel the reply that is under way or held. early: it had only just become audible,
    and the turn that it answers goes on."""

    t: int
    early: bool = False


Decision = (
    CallerStarted
    | CallerOverlaps
    | CallerPaused
    | PrepareAnswer
    | CallerDone
    | NothingSaid
    | TurnSettled
    | LowerAgent
    | HoldAgent
    | ResumeAgent
    | InterruptAgent
)
Decisions = tuple[Decision, ...]
NOTHING: Decisions = ()
