"""When a recipient of a campaign may be called: calling hours and retries together. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from control.campaigns.calling_hours import CallingHours, default_hours, next_allowed, time_zones_of
from control.campaigns.model import CallOutcome, CampaignAttempt, CampaignRecipient, CampaignSettings
from control.campaigns.retry_policy import EndedAttempt, NoMoreAttempts, next_attempt
from control.do_not_call.rules import LISTED

# A call that was not dialled is placed again after so long.
UNDIALLED_DELAY: Final = timedelta(minutes=5)
# So many calls in a row that were not dialled end the recipient: whatever is wrong lasts.
MOST_UNDIALLED: Final = 10
NO_HOURS: Final = "no_calling_hours"


def find_time(recipient: CampaignRecipient, hours: CallingHours | None, now: datetime) -> datetime | None:
    """The first time from `now` on within the calling hours; `now` itself, if it is. None: there is none."""
    zones = (recipient.timezone,) if recipient.timezone else time_zones_of(recipient.phone_number)
    try:
        return next_allowed(now, zones, hours or default_hours(recipient.phone_number))
    except ValueError:  # no zone of this machine (any more); ends of calls are stored all the same
        return None


def apply_attempts(
    recipient: CampaignRecipient, settings: CampaignSettings, attempts: Sequence[CampaignAttempt], now: datetime
) -> CampaignRecipient:
    """The recipient after these calls, the oldest first: called again later, or finished. While a call is open, the
    recipient is being called."""
    if any(one.finished_at is None for one in attempts):
        return replace(recipient, status="calling")
    last = attempts[-1]
    ended = [_ended(one) for one in attempts if one.outcome != "not_dialled"]
    # A number that was listed while its call waited ends the recipient, but the carrier never had that call.
    dialled = sum(one.outcome != "not_dialled" and one.detail != LISTED for one in attempts)
    counted = replace(recipient, outcome=last.outcome, detail=last.detail, attempts=dialled)
    if last.outcome == "not_dialled":
        if len(_undialled_tail([one.outcome for one in attempts])) >= MOST_UNDIALLED:
            return finish_recipient(counted, now)
        return _continue(counted, settings, now + UNDIALLED_DELAY, now)
    following = next_attempt(settings.retries, ended, now)
    if isinstance(following, NoMoreAttempts):
        return finish_recipient(counted, now)
    return _continue(counted, settings, following, now)


def finish_recipient(recipient: CampaignRecipient, now: datetime) -> CampaignRecipient:
    """The recipient is not called any more."""
    return replace(recipient, status="finished", finished_at=now)


def _continue(
    recipient: CampaignRecipient, settings: CampaignSettings, at: datetime, now: datetime
) -> CampaignRecipient:
    allowed = find_time(recipient, settings.hours, at)
    if allowed is None:
        return finish_recipient(replace(recipient, detail=NO_HOURS), now)
    return replace(recipient, status="pending", next_attempt_at=allowed, finished_at=None)


def _ended(attempt: CampaignAttempt) -> EndedAttempt:
    assert attempt.finished_at is not None and attempt.outcome is not None and attempt.outcome != "not_dialled"
    return EndedAttempt(attempt.outcome, attempt.finished_at)


def _undialled_tail(outcomes: Sequence[CallOutcome | None]) -> list[CallOutcome]:
    tail: list[CallOutcome] = []
    for outcome in reversed(outcomes):
        if outcome != "not_dialled":
            break
        tail.append(outcome)
    return tail
