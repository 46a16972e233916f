"""What the platform promises while something is wrong, and what was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

# Of a turn when nothing is wrong; the model takes 0.25 s, the voice 0.1 s, the caller's silence 0.4 s.
USUAL_SILENCE_S: Final = 2.0
# From the carrier's first webhook to the agent's first sound.
USUAL_GREETING_S: Final = 5.0
# With PostgreSQL 0.2 s away: it is asked nine times for a call of Twilio's and twice as often for one of Telnyx's, each
# time twice on a connection on which it was not asked that before. Twilio waits 15 s for instructions.
SLOW_DATABASE_GREETING_S: Final = 10.0
# How soon all is as before. Redis and PostgreSQL are asked again every second or two, a lost stream is reported in 1 s.
USUAL_RECOVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Promise:
    """silence_s: the longest that a caller hears. recovery_s: from the end of the fault until all is as before.
    answers_new: whether calls that begin meanwhile are answered; greeting_s: how soon an agent is heard in them then.
    keeps_recordings: whether all are whole; else what is missing is named in the record of the call. Calls in progress
    go on, and no event is lost or doubled, always."""

    silence_s: float = USUAL_SILENCE_S
    recovery_s: float = USUAL_RECOVERY_S
    answers_new: bool = True
    greeting_s: float = USUAL_GREETING_S
    keeps_recordings: bool = True


@dataclass(frozen=True, slots=True)
class FaultResult:
    """What one fault did. running, went_on: calls in progress when it began, and those of them that went on until their
    callers hung up. ending, ended: those whose callers hung up in it, and those of them that are recorded as completed.
    begun, answered: calls that began in it, and those of them that an agent greeted in time. recovered_s: None where it
    did not recover in time. incomplete: recordings with something missing that the record names; unexplained: those
    that are missing, or whose length is not the call's, without a word in the record. notes: what else went wrong.
    examples: calls that broke the promise, for the log."""

    name: str
    seconds: float
    promise: Promise
    running: int = 0
    went_on: int = 0
    ending: int = 0
    ended: int = 0
    begun: int = 0
    answered: int = 0
    silence_s: float = 0.0
    recovered_s: float | None = 0.0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    unfinished: int = 0
    incomplete: int = 0
    unexplained: int = 0
    notes: Sequence[str] = ()
    examples: Sequence[str] = field(default=(), repr=False)

    @property
    def broken(self) -> list[str]:
        """The promises that were not kept."""
        promise = self.promise
        checks: Mapping[str, bool] = {
            "calls": self.went_on < self.running,
            "ended calls": self.ended < self.ending,
            "new calls": promise.answers_new and self.answered < self.begun,
            "silence": self.silence_s > promise.silence_s,
            "events lost": self.lost > 0,
            "events doubled": self.doubled > 0,
            "records": self.unfinished > 0,
            "recordings": self.unexplained > 0 or (promise.keeps_recordings and self.incomplete > 0),
            "recovery": self.recovered_s is None or self.recovered_s > promise.recovery_s,
        }
        return [*(name for name, is_broken in checks.items() if is_broken), *self.notes]
