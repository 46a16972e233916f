"""Limits on silence in a call and on its length. Pure.

Times are in ms on the call's clock.
"""

from enum import Enum, auto
from typing import Final

from shared.plan import LimitsPlan

# The apology comes this share of the limit early, so that it is *heard* within the limit: limits are checked four times
# a second, and a voice needs a moment.
APOLOGY_MARGIN: Final = 0.25


class Alarm(Enum):
    """A limit that was reached."""

    NUDGE = auto()  # ask whether the caller is still there
    SILENCE = auto()  # say goodbye and end
    TOO_LONG = auto()  # the call has reached its longest duration
    NO_REPLY = auto()  # the caller waits for an answer, and the limit is near
    NO_SOUND = auto()  # the caller has heard nothing since, not even an apology


class Watchdog:
    """Measures the silence of both sides, from *played* audio, and the call's length."""

    __slots__ = ("_goodbye_said", "_limits", "_nudged", "_reply_due_since", "_silent_since", "_too_long", "_warned")

    def __init__(self, limits: LimitsPlan, now: float = 0.0) -> None:
        self._limits = limits
        self._silent_since = now
        self._reply_due_since: float | None = None
        self._warned = False  # whether NO_REPLY was returned for the answer that is due
        self._nudged = False
        self._goodbye_said = False  # whether the goodbye after silence was said; reset when the caller speaks
        self._too_long = False

    def caller_spoke(self, now: float) -> None:
        """Record a sound of the caller: silence counts from now, and the agent may nudge and say goodbye
        again later.
        """
        self._silent_since = now
        self._nudged = self._goodbye_said = False

    def agent_heard(self, now: float) -> None:
        """Record that the caller heard words of the agent until now."""
        self._silent_since = now
        self._reply_due_since = None

    def working(self, now: float) -> None:
        """Record that the agent works without a sound (a tool, the keypad), which does not count as silence."""
        self._silent_since = now

    def agent_busy(
        self, now: float, *, is_silent: bool, is_waiting: bool, owes_answer: bool, is_made: bool = False
    ) -> None:
        """Record that the agent prepares or speaks an utterance.

        Args:
            is_waiting: The utterance waits for a tool.
            owes_answer: The utterance's latest words are not an answer.
            is_made: All audio of the utterance has arrived.
        """
        if is_waiting:
            self.reply_over()  # due again when the tool has ended
        if not is_silent:
            self.filler_heard(now) if owes_answer else self.agent_heard(now)
        elif is_waiting or is_made or not self._limits.reply_s:
            self.working(now)  # tools and keypad have their own time-outs
        else:
            self.answer_owed(self._silent_since)

    def answer_owed(self, since: float) -> None:
        """Record since when the caller waits for words of the agent. An answer that is already due stays due."""
        if self._reply_due_since is None:
            self.reply_asked(since)

    def filler_heard(self, now: float) -> None:
        """Record that the caller heard until now that the agent is busy with a tool: a filler, or the words before the
        tool.

        An answer that is due is still due, counted from now on.
        """
        self._silent_since = now
        if self._reply_due_since is not None:
            self._reply_due_since, self._warned = now, False

    def late_filler_heard(self, now: float) -> None:
        """Record that the caller heard until now that an answer is late. The answer's limit continues to run."""
        self._silent_since = now

    def reply_asked(self, since: float) -> None:
        """Record that an answer is due. `since` is the end of the caller's speech."""
        self._reply_due_since, self._warned = since, False

    def tool_ended(self, now: float, silent_since: float) -> None:
        """Record that a tool has ended. The answer about its result is due, counted from the last sound.

        The model has half of the limit for this answer, whatever the silence before, because a tool may have no filler.
        """
        self.reply_asked(max(silent_since, now - self._limits.reply_s * 1000 / 2))

    def reply_over(self) -> None:
        """Record that the answer was heard or is no longer due."""
        self._reply_due_since = None

    def tick(self, now: float) -> Alarm | None:
        """Return the limit that is reached now. Each is returned once until something happens."""
        limits = self._limits
        if self._too_long or self._goodbye_said:
            return None
        if limits.max_duration_s and now >= limits.max_duration_s * 1000:
            self._too_long = True
            return Alarm.TOO_LONG
        if self._reply_due_since is not None and limits.reply_s:
            return self._no_reply(now, self._reply_due_since)
        silent_ms = now - self._silent_since
        if limits.silence_s and silent_ms >= limits.silence_s * 1000:
            self._goodbye_said = True
            return Alarm.SILENCE
        if limits.idle_nudge_s and silent_ms >= limits.idle_nudge_s * 1000 and not self._nudged:
            self._nudged = True
            return Alarm.NUDGE
        return None

    def _no_reply(self, now: float, due_since: float) -> Alarm | None:
        limit_ms, waited_ms = self._limits.reply_s * 1000, now - due_since
        if not self._warned and waited_ms >= limit_ms * (1 - APOLOGY_MARGIN):
            self._warned = True
            return Alarm.NO_REPLY
        if waited_ms < limit_ms:
            return None
        self._reply_due_since = None
        return Alarm.NO_SOUND
