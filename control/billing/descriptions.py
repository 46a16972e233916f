"""What an invoice's lines are called."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from control.billing.invoice_draft import CARRIED_OVER, GIVEN_UP, DraftLine

_INSTANT = timedelta(microseconds=1)


def describe_line(line: DraftLine, timezone: str) -> str:
    """Plain English, with the days in the period's time zone."""
    text = _subject(line)
    if line.since is not None and line.until is not None and line.kind != "credit":
        text += f", {format_days(line.since, line.until, timezone)}"
    return f"{text} (correction)" if line.is_adjustment else text


def format_days(since: datetime, until: datetime, timezone: str) -> str:
    """First and last day of a stretch of time; one of them if they are the same."""
    zone = ZoneInfo(timezone)
    first, last = since.astimezone(zone), (until - _INSTANT).astimezone(zone)
    ends = f"{last.day} {last:%b %Y}"
    return ends if first.date() == last.date() else f"{first.day} {first:%b %Y} to {ends}"


def _subject(line: DraftLine) -> str:
    tier = (line.tier_name or "").replace("_", " ").capitalize()
    match line.kind:
        case "fee":
            return f"Plan {tier}"
        case "minutes":
            return f"Calls on plan {tier}"
        case "included":
            return f"Minutes included in plan {tier}"
        case "trial":
            return "Calls during the trial, free of charge"
        case "number":
            return f"Phone number {line.phone_number}".strip()
        case "tax":
            rate = line.tax_rate
            assert rate is not None, "a tax line has a rate"
            percent = f"{rate.basis_points / 100:g} %"
            return f"{rate.name} {percent}, included" if rate.is_inclusive else f"{rate.name} {percent}"
    return {CARRIED_OVER: "Carried over to the next invoice", GIVEN_UP: "Given up before"}.get(line.key, "Credit")
