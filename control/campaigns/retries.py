"""Decides whether and when a recipient is called again. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final, Literal

from control.campaigns.calling_hours import CallingHours, default_hours, next_allowed, time_zones_of
from control.campaigns.recipients import AttemptOutcome, CampaignAttempt, CampaignRecipient
from control.campaigns.settings import CampaignSettings, RetryPolicy, RetryRule
from control.do_not_call.rules import LISTED

# Wait before an undialed call is placed again.
UNDIALED_DELAY: Final = timedelta(minutes=5)
# After this many consecutive undialed calls, the recipient is finished, because the cause evidently lasts.
MOST_UNDIALED: Final = 10
NO_HOURS: Final = "no_calling_hours"
DAY: Final = timedelta(hours=24)
# After these outcomes a recipient is never called again. The retry policy cannot change this.
_ALWAYS_FINAL: Final = frozenset({"answered", "unreachable", "opted_out"})
LastAttemptReason = Literal["outcome", "outcome_limit", "attempt_limit"]


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """An ended attempt to call a recipient.

    Attributes:
        ended_at: With a time zone.
    """

    outcome: AttemptOutcome
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class NoMoreAttempts:
    """The recipient is not called again.

    Attributes:
        reason: `outcome`: the last outcome is final. `outcome_limit`: the rule of this outcome allows no more attempts.
            `attempt_limit`: the policy allows no more attempts in total.
    """

    reason: LastAttemptReason


def apply_attempts(
    recipient: CampaignRecipient, settings: CampaignSettings, attempts: Sequence[CampaignAttempt], now: datetime
) -> CampaignRecipient:
    """Return the recipient after these calls (oldest first).

    The recipient is pending again, finished, or, while a call is open, being called.
    """
    if any(attempt.finished_at is None for attempt in attempts):
        return replace(recipient, status="calling")
    last = attempts[-1]
    ended = [_to_ended(attempt) for attempt in attempts if attempt.outcome != "not_dialled"]
    # If a number was added to the do-not-call list while its call waited, the recipient is finished, but the call did
    # not reach the carrier.
    dialed = sum(attempt.outcome != "not_dialled" and attempt.detail != LISTED for attempt in attempts)
    counted = replace(recipient, outcome=last.outcome, detail=last.detail, attempts=dialed)
    if last.outcome == "not_dialled":
        if _count_undialed_at_end(attempts) >= MOST_UNDIALED:
            return finish_recipient(counted, now)
        return _call_again(counted, settings, now + UNDIALED_DELAY, now)
    following = next_attempt(settings.retries, ended, now)
    if isinstance(following, NoMoreAttempts):
        return finish_recipient(counted, now)
    return _call_again(counted, settings, following, now)


def finish_recipient(recipient: CampaignRecipient, now: datetime) -> CampaignRecipient:
    """Return the recipient as finished. It gets no further call."""
    return replace(recipient, status="finished", finished_at=now)


def _call_again(
    recipient: CampaignRecipient, settings: CampaignSettings, at: datetime, now: datetime
) -> CampaignRecipient:
    allowed = find_call_time(recipient, settings.hours, at)
    if allowed is None:
        return finish_recipient(replace(recipient, detail=NO_HOURS), now)
    return replace(recipient, status="pending", next_attempt_at=allowed, finished_at=None)


def find_call_time(recipient: CampaignRecipient, hours: CallingHours | None, now: datetime) -> datetime | None:
    """Return the first time from `now` on (possibly `now`) within the calling hours; None if there is none."""
    zones = (recipient.timezone,) if recipient.timezone else time_zones_of(recipient.phone_number)
    try:
        return next_allowed(now, zones, hours or default_hours(recipient.phone_number))
    except ValueError:  # This machine no longer has the zone. Ends of calls must be stored anyway.
        return None


def _to_ended(attempt: CampaignAttempt) -> EndedAttempt:
    assert attempt.finished_at is not None and attempt.outcome is not None and attempt.outcome != "not_dialled"
    return EndedAttempt(attempt.outcome, attempt.finished_at)


def _count_undialed_at_end(attempts: Sequence[CampaignAttempt]) -> int:
    return len(list(takewhile(lambda attempt: attempt.outcome == "not_dialled", reversed(attempts))))


def next_attempt(policy: RetryPolicy, attempts: Sequence[EndedAttempt], now: datetime) -> datetime | NoMoreAttempts:
    """Return when the recipient may be called next, before calling hours are considered.

    Args:
        policy: The campaign's rules.
        attempts: All attempts so far, in any order.
        now: The earliest possible result, and the result without attempts.
    """
    if not attempts:
        return now
    ordered = sorted(attempts, key=lambda attempt: attempt.ended_at)
    reason = _find_end(policy, ordered)
    if reason is not None:
        return NoMoreAttempts(reason)
    last = ordered[-1]
    delay = max(_rule_of(policy, last.outcome).delay_minutes, policy.gap_minutes)
    earliest = [now, last.ended_at + timedelta(minutes=delay)]
    if len(ordered) >= policy.most_a_day:
        earliest.append(ordered[-policy.most_a_day].ended_at + DAY)
    return max(earliest)


def _find_end(policy: RetryPolicy, ordered: Sequence[EndedAttempt]) -> LastAttemptReason | None:
    outcome = ordered[-1].outcome
    if any(attempt.outcome in _ALWAYS_FINAL for attempt in ordered):
        return "outcome"
    most = _rule_of(policy, outcome).most
    if most == 0:
        return "outcome"
    if len(ordered) >= policy.most_attempts:
        return "attempt_limit"
    return "outcome_limit" if sum(attempt.outcome == outcome for attempt in ordered) > most else None


def _rule_of(policy: RetryPolicy, outcome: AttemptOutcome) -> RetryRule:
    """Return the rule for an outcome that is not final in itself."""
    rule: RetryRule = getattr(policy, outcome)
    return rule
