"""The decisions of the floor. Times are in ms on the call's audio clock."""

from dataclasses import dataclass

from media.turn.end_reason import EndReason


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak and has the floor.

    Attributes:
        again: The caller continues after a pause within the same turn.
    """

    t: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class CallerOverlaps:
    """The caller speaks over words that cannot be interrupted: notify the recognizer. The caller's words are answered
    when the agent is done."""

    t: int


@dataclass(frozen=True, slots=True)
class CallerPaused:
    """The caller may have finished: request the final text under this token (and a hint from smart-turn).

    Tokens increase during the call. A new token makes all older ones stale.
    """

    t: int
    token: int


@dataclass(frozen=True, slots=True)
class PrepareAnswer:
    """The caller's turn ends soon unless they continue: request the answer to this text, and hold it until CallerDone.

    CallerStarted drops the answer, and so does the next PrepareAnswer, which has another text.
    """

    t: int
    text: str


@dataclass(frozen=True, slots=True)
class CallerDone:
    """The turn is over: answer it. From here on the agent has the floor, without `agent_thinking`.

    Attributes:
        end_ms: The true end of the caller's speech.
        text: The whole turn, including what an interrupted reply should have answered.
        due_ms: When the silence was long enough and no sound kept the turn open. The time from there to `t` was spent
            waiting for the text.
        reason: The evidence that decided the required length of the silence.
    """

    t: int
    end_ms: int
    text: str
    due_ms: int
    reason: EndReason = EndReason.TIMER


@dataclass(frozen=True, slots=True)
class NothingSaid:
    """Speech ended without words, or without words that need an answer: back to listening.

    If the speech was too long for a cough, the call asks the caller to repeat it.

    Attributes:
        interrupted: The noise had interrupted the agent, so the call should say something.
    """

    t: int
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class TurnSettled:
    """The answer has been audible long enough that the caller's turn can no longer change."""

    t: int


@dataclass(frozen=True, slots=True)
class LowerAgent:
    """The caller speaks over the agent, perhaps only a backchannel: lower the agent's volume and notify the recognizer.

    Attributes:
        is_suspected: It is not yet known whether the sound is speech: only lower the agent.
        is_early: The caller may be continuing the turn whose answer has just begun: lower the agent further until this
            is known.
    """

    t: int
    is_suspected: bool = False
    is_early: bool = False


@dataclass(frozen=True, slots=True)
class HoldAgent:
    """The caller speaks over the agent: silence it at once, keep the unplayed audio, and notify the recognizer.

    Attributes:
        lowered: The agent was lowered for the same speech until now, and the recognizer was notified at that time.
    """

    t: int
    lowered: bool = False


@dataclass(frozen=True, slots=True)
class ResumeAgent:
    """The speech was nothing or a backchannel: continue where the agent was held.

    Attributes:
        lowered: The agent was only lowered, never silent.
    """

    t: int
    lowered: bool = False


@dataclass(frozen=True, slots=True)
class InterruptAgent:
    """The caller took the floor: cancel the reply that is being prepared, played or held.

    Attributes:
        early: The reply had only just become audible, and the turn that it answers continues.
    """

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
