"""What the floor decides. Times in ms of the call's audio clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak and has the floor. `again`: goes on after a pause within the same turn."""

    t: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class CallerPaused:
    """The caller may have finished: ask the recogniser for the final text under this token (and smart-turn for a hint).

    Tokens count up over the call; a new one makes every older one stale.
    """

    t: int
    token: int


@dataclass(frozen=True, slots=True)
class CallerDone:
    """The turn is over: answer it. The agent has the floor from here, `agent_thinking` need not be told.

    end_ms: the true end of the caller's speech. text: the whole turn, also what an interrupted reply was to answer.
    due_ms: when the silence was long enough; what `t` is later than that was spent waiting for the text.
    """

    t: int
    end_ms: int
    text: str
    due_ms: int


@dataclass(frozen=True, slots=True)
class NothingSaid:
    """Speech ended without words, or without any that needs an answer; back to listening.

    interrupted: that noise had cost the agent its reply, so the call should take it up again.
    """

    t: int
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """The caller speaks over the agent: fall silent at once, keep what was not heard, tell the recogniser."""

    t: int


@dataclass(frozen=True, slots=True)
class Resume:
    """It was nothing, or a backchannel: go on where the agent was held."""

    t: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller took the floor: give up the reply that is under way or held."""

    t: int


Decision = CallerStarted | CallerPaused | CallerDone | NothingSaid | Hold | Resume | Interrupted
