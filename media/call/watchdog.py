"""Limits on a call's silence and length. Pure; times are in ms on the call's clock."""

from enum import Enum, auto
from typing import Final

from shared.plan import LimitsPlan

# After a tool, the caller has waited long already: the apology comes so much before the limit, so that it is *heard*
# within it. Limits are checked four times a second, and the voice takes a moment. A quarter of the limit at most.
TOOL_MARGIN_MS: Final = 1_000.0


class Alarm(Enum):
    """A limit that was reached."""

    NUDGE = auto()  # ask whether the caller is still there
    SILENCE = auto()  # say goodbye and end
    TOO_LONG = auto()  # the call has reached its longest duration
    NO_REPLY = auto()  # the caller waits for an answer and hears nothing


class Watchdog:
    """Measures the silence of both sides, from *played* audio, and the call's length."""

    def __init__(self, limits: LimitsPlan, now: float = 0.0) -> None:
        self._limits = limits
        self._silent_since = now
        self._reply_due_since: float | None = None
        self._reply_margin_ms = 0.0
        self._nudged = False
        self._goodbye_said = False  # after the silence, until the caller speaks
        self._too_long = False

    def caller_spoke(self, now: float) -> None:
        """The caller made a sound: silence counts from now, and the agent may nudge and say goodbye again later."""
        self._silent_since = now
        self._nudged = self._goodbye_said = False

    def agent_heard(self, now: float) -> None:
        """The caller heard agent audio until now."""
        self._silent_since = now
        self._reply_due_since = None

    def working(self, now: float) -> None:
        """The agent works without a sound (a tool, the keypad): that does not count as silence."""
        self._silent_since = now

    def agent_busy(self, now: float, *, is_silent: bool, is_waiting: bool, owes_answer: bool) -> None:
        """The agent makes or speaks an utterance. is_waiting: for a tool. owes_answer: its latest words are none."""
        if is_waiting:
            self.reply_over()  # due again when the tool has ended
        if is_silent:
            self.working(now)  # tools, keypad and providers have their own time-outs
        elif owes_answer:
            self.filler_heard(now)
        else:
            self.agent_heard(now)

    def filler_heard(self, now: float) -> None:
        """The caller heard until now that the agent is busy: a filler, or the words before a tool. An answer that is
        due is still due."""
        self._silent_since = now
        if self._reply_due_since is not None:
            self._reply_due_since = now

    def reply_asked(self, now: float) -> None:
        """The caller's turn is over and an answer is due."""
        self._reply_due_since, self._reply_margin_ms = now, 0.0

    def tool_ended(self, now: float, silent_since: float) -> None:
        """A tool has ended: the answer that tells its result is due, counted from the last sound. The model has half of
        the limit for it, whatever the silence before (a tool may have no filler)."""
        limit_ms = self._limits.reply_s * 1000
        self._reply_due_since = max(silent_since, now - limit_ms / 2)
        self._reply_margin_ms = min(TOOL_MARGIN_MS, limit_ms / 4)

    def reply_over(self) -> None:
        """The answer is over or no longer due."""
        self._reply_due_since = None

    def tick(self, now: float) -> Alarm | None:
        """Returns the limit that is reached now; each is returned once until something happens."""
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
        if now - due_since < self._limits.reply_s * 1000 - self._reply_margin_ms:
            return None
        self._reply_due_since = None
        return Alarm.NO_REPLY
