"""When a call has been silent or long enough: pure, ticked with the call's clock."""

from enum import Enum, auto

from shared.plan import LimitsPlan


class Alarm(Enum):
    """What the watchdog asks for."""

    NUDGE = auto()  # ask whether the caller is still there
    SILENCE = auto()  # say goodbye and end
    TOO_LONG = auto()  # the call has reached its longest duration
    NO_REPLY = auto()  # the caller waits for an answer and hears nothing


class Watchdog:
    """Counts silence of both sides from *played* audio, and the call's length. Times in ms of the call's clock."""

    def __init__(self, limits: LimitsPlan, now: float = 0.0) -> None:
        self._limits = limits
        self._quiet_since = now
        self._asked_at: float | None = None
        self._nudged = False
        self._given_up = False  # after the silence, until the caller speaks
        self._too_long = False

    def caller_spoke(self, now: float) -> None:
        """The caller made a sound: the silence starts anew, and the agent may nudge and say goodbye again later."""
        self._quiet_since = now
        self._nudged = self._given_up = False

    def agent_heard(self, now: float) -> None:
        """Agent audio sounded at the caller until now."""
        self._quiet_since = now
        self._asked_at = None

    def working(self, now: float) -> None:
        """The agent is at work without a sound (a tool, the keypad): that is no silence to ask about."""
        self._quiet_since = now

    def reply_asked(self, now: float) -> None:
        """The caller's turn is over: an answer is due."""
        self._asked_at = now

    def reply_over(self) -> None:
        """The answer is over, or is no longer due."""
        self._asked_at = None

    def tick(self, now: float) -> Alarm | None:
        """What is due now; each alarm is given once until something happens."""
        limits = self._limits
        if self._too_long or self._given_up:
            return None
        if limits.max_duration_s and now >= limits.max_duration_s * 1000:
            self._too_long = True
            return Alarm.TOO_LONG
        if self._asked_at is not None and limits.reply_s:
            return self._no_reply(now, self._asked_at)
        quiet = now - self._quiet_since
        if limits.silence_s and quiet >= limits.silence_s * 1000:
            self._given_up = True
            return Alarm.SILENCE
        if limits.idle_nudge_s and quiet >= limits.idle_nudge_s * 1000 and not self._nudged:
            self._nudged = True
            return Alarm.NUDGE
        return None

    def _no_reply(self, now: float, asked_at: float) -> Alarm | None:
        if now - asked_at < self._limits.reply_s * 1000:
            return None
        self._asked_at = None
        return Alarm.NO_REPLY
