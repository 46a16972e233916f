"""Whether and when a recipient who was phoned is phoned again. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import Field

from control.agents.config_part import ConfigPart

AttemptOutcome = Literal[
    "answered", "voicemail_left", "machine", "busy", "no_answer", "failed_by_carrier", "rejected", "unreachable",
    "opted_out",
]  # fmt: skip
EndReason = Literal["outcome", "outcome_limit", "attempt_limit"]
DAY: Final = timedelta(hours=24)
MOST_ATTEMPTS: Final = 10
MOST_A_DAY: Final = 5
LONGEST_DELAY_MINUTES: Final = 14 * 24 * 60
# Nobody is called again, whatever the policy says, who was talked to or asked not to be called again, or whose number
# does not exist.
_ALWAYS_FINAL: Final = frozenset({"answered", "unreachable", "opted_out"})


class RetryRule(ConfigPart):
    """How often a recipient is phoned again after one outcome, and how soon."""

    most: int = Field(
        ge=0, le=MOST_ATTEMPTS - 1, description="Further calls after this outcome; 0: none.", examples=[2]
    )
    delay_minutes: int = Field(
        default=60,
        ge=1,
        le=LONGEST_DELAY_MINUTES,
        description="Minutes from the end of the attempt to the next one, at least; up to 20160, two weeks.",
    )


class RetryPolicy(ConfigPart):
    """How often a recipient of a campaign is phoned. After `answered`, `unreachable` and `opted_out` nobody is phoned
    again."""

    most_attempts: int = Field(
        default=3, ge=1, le=MOST_ATTEMPTS, description="Attempts for each recipient in all, from 1 to 10."
    )
    # Florida allows three calls in 24 hours on the same subject (Florida Statutes 501.616(6)(b)); other laws, such as
    # France's four a month, are kept by most_attempts.
    most_a_day: int = Field(
        default=2, ge=1, le=MOST_A_DAY, description="Attempts for each recipient within any 24 hours, from 1 to 5."
    )
    gap_minutes: int = Field(
        default=30,
        ge=1,
        le=LONGEST_DELAY_MINUTES,
        description="Minutes between two attempts for a recipient, at least, whatever their outcome.",
    )
    busy: RetryRule = Field(default=RetryRule(most=2, delay_minutes=30), description="The line was busy.")
    no_answer: RetryRule = Field(default=RetryRule(most=2, delay_minutes=240), description="Nobody took the call.")
    machine: RetryRule = Field(
        default=RetryRule(most=2, delay_minutes=240), description="A machine answered, and no message was left."
    )
    failed_by_carrier: RetryRule = Field(
        default=RetryRule(most=2, delay_minutes=60), description="The carrier could not place the call."
    )
    rejected: RetryRule = Field(default=RetryRule(most=0), description="The recipient declined the call.")
    voicemail_left: RetryRule = Field(default=RetryRule(most=0), description="The message was left on a machine.")


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """One attempt for a recipient that is over. ended_at: with a zone."""

    outcome: AttemptOutcome
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class NoMoreAttempts:
    """The recipient is not phoned again. reason: outcome (the last one is final), outcome_limit (there were as many
    attempts after this outcome as its rule allows), attempt_limit (as many in all as the policy allows)."""

    reason: EndReason


def next_attempt(policy: RetryPolicy, attempts: Sequence[EndedAttempt], now: datetime) -> datetime | NoMoreAttempts:
    """When the recipient may be phoned next, never before `now`; calling hours apply on top. attempts: all so far, in
    any order; without any the answer is `now`."""
    if not attempts:
        return now
    ordered = sorted(attempts, key=lambda one: one.ended_at)
    reason = _find_end(policy, ordered)
    if reason is not None:
        return NoMoreAttempts(reason)
    last = ordered[-1]
    delay = max(_rule_of(policy, last.outcome).delay_minutes, policy.gap_minutes)
    earliest = [now, last.ended_at + timedelta(minutes=delay)]
    if len(ordered) >= policy.most_a_day:
        earliest.append(ordered[-policy.most_a_day].ended_at + DAY)
    return max(earliest)


def _find_end(policy: RetryPolicy, ordered: Sequence[EndedAttempt]) -> EndReason | None:
    outcome = ordered[-1].outcome
    if any(one.outcome in _ALWAYS_FINAL for one in ordered):
        return "outcome"
    most = _rule_of(policy, outcome).most
    if most == 0:
        return "outcome"
    if len(ordered) >= policy.most_attempts:
        return "attempt_limit"
    return "outcome_limit" if sum(one.outcome == outcome for one in ordered) > most else None


def _rule_of(policy: RetryPolicy, outcome: AttemptOutcome) -> RetryRule:
    """The rule of an outcome that is not final by itself."""
    rule: RetryRule = getattr(policy, outcome)
    return rule
