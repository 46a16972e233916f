"""Judges the run of campaigns: the phones' log against the rules, then our records against that log."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from lab.scenarios.campaign.campaigns import GAP, MOST_OPEN, PACE, PAUSE_GRACE, CampaignRun
from lab.scenarios.campaign.recipients import LoggedRing, RehearsalRecipient
from lab.scenarios.campaign.ring_log import (
    count_most_open,
    count_most_within,
    find_after_opt_out,
    find_during,
    find_early_retries,
    find_excess,
    find_outside_hours,
    find_overlaps,
)
from lab.stage.platform import Platform
from lab.verdict import Verdict
from media.call.phrases import phrases_in

# From our last look at the clock to the phone that rings: a request to the carrier.
DIAL_S: Final = timedelta(seconds=2)
MINUTE: Final = timedelta(minutes=1)
# Twilio reports when a call ended in whole seconds, rounded down (the form's Timestamp), and delays count from there.
REPORT_S: Final = timedelta(seconds=1)
_RECIPIENTS: Final = """
    SELECT phone_number, status, outcome, attempts, campaign_id::text AS campaign_id FROM campaign_recipients
    WHERE campaign_id = ANY($1::uuid[])
"""
_CALLS: Final = """
    SELECT c.carrier_call_id, c.called_number, c.status, a.outcome, a.finished_at
    FROM campaign_attempts a JOIN calls c ON c.id = a.call_id WHERE a.campaign_id = ANY($1::uuid[])
"""
_PLACED: Final = """
    SELECT max(n) AS most FROM (
        SELECT (SELECT count(*) FROM campaign_attempts b WHERE b.campaign_id = a.campaign_id
                AND b.started_at > a.started_at - interval '1 minute' AND b.started_at <= a.started_at) AS n
        FROM campaign_attempts a WHERE a.campaign_id = ANY($1::uuid[])) AS counted
"""
_CONFIRMED: Final = """
    SELECT DISTINCT c.called_number FROM call_events e JOIN calls c ON c.id = e.call_id
    WHERE e.event_type = 'agent.said' AND e.event_data ->> 'text' LIKE '%' || $1 || '%'
"""
_LISTED: Final = "SELECT number FROM do_not_call_numbers WHERE source = 'caller_words'"


async def make_rows(platform: Platform, run: CampaignRun) -> list[Verdict]:
    """The report of a run that is over."""
    return [
        *_figures(run),
        *_judge_log(run),
        *await _judge_opt_outs(platform, run),
        *await _judge_records(platform, run),
    ]


def fault_row(what: str, faults: Sequence[str]) -> Verdict:
    """A row that demands none."""
    return Verdict(what, "0", "; ".join([str(len(faults)), *faults[:3]]), not faults)


def _figures(run: CampaignRun) -> list[Verdict]:
    kinds = Counter(recipient.kind.name for recipient in run.recipients.values())
    carriers = Counter(one.carrier for one in run.log)
    assert run.killed_at is not None and run.paused_at is not None
    return [
        Verdict("recipients", "", ", ".join(f"{n} {name}" for name, n in kinds.items()), None),
        Verdict("calls that reached phones", "", ", ".join(f"{n} {name}" for name, n in carriers.items()), None),
        Verdict("calls that went on when a worker was killed", "> 0", str(run.open_at_kill), run.open_at_kill > 0),
    ]


def _judge_log(run: CampaignRun) -> list[Verdict]:
    assert run.paused_at is not None and run.resumed_at is not None
    log, alone = run.log, [one for one in run.log if one.number not in run.both]
    allowed = {number: one.kind.calls for number, one in run.recipients.items()}
    # A campaign each; whoever opts out is called by one of them only.
    allowed |= {number: 2 * allowed[number] for number in run.both if run.recipients[number].kind.name == "busy"}
    windows = {number: one.window for number, one in run.recipients.items()}
    most, together = count_most_within(alone, MINUTE), count_most_open(alone)
    # Calls that were placed in the minute before may be late, as many as wait to be dialed.
    bound = PACE + MOST_OPEN
    return [
        fault_row("numbers called more often than allowed", find_excess(log, allowed)),
        fault_row("calls to a number while another went on", find_overlaps(log)),
        fault_row("calls outside the hours of the number", find_outside_hours(log, windows, DIAL_S)),
        fault_row(
            "calls sooner than a minute after the reported end of the one before",
            find_early_retries(alone, GAP - REPORT_S),
        ),
        fault_row("calls after the owner had opted out", find_after_opt_out(log)),
        fault_row(
            "calls while the campaigns were paused", find_during(log, run.paused_at + PAUSE_GRACE, run.resumed_at)
        ),
        Verdict("most calls of the first campaign alone in a minute", f"≤ {bound}", str(most), most <= bound),
        Verdict("and at once", f"≤ {MOST_OPEN}", str(together), together <= MOST_OPEN),
    ]


async def _judge_opt_outs(platform: Platform, run: CampaignRun) -> list[Verdict]:
    asked = {one.number for one in run.log if one.reaction == "opt_out"}
    listed = {row["number"] for row in await platform.rows(_LISTED)}
    confirmed = {row["called_number"] for row in await platform.rows(_CONFIRMED, phrases_in("en").opted_out)}
    records = await platform.rows(_RECIPIENTS, run.campaigns[1:])
    spared = [row for row in records if row["outcome"] == "opted_out" and row["attempts"] == 0]
    return [
        _set_row("people who opted out, on the do-not-call list", asked, listed),
        _set_row("people who opted out, to whom the agent confirmed it", asked, confirmed),
        Verdict("recipients whom the second campaign did not call for it", "> 0", str(len(spared)), bool(spared)),
    ]


async def _judge_records(platform: Platform, run: CampaignRun) -> list[Verdict]:
    recipients = await platform.rows(_RECIPIENTS, run.campaigns)
    calls = await platform.rows(_CALLS, run.campaigns)
    rung, stored = {one.call_id for one in run.log}, {row["carrier_call_id"] for row in calls} - {None}
    [placed] = await platform.rows(_PLACED, run.campaigns)
    left = [row["called_number"] for row in calls if row["finished_at"] is None]
    undialed = sum(row["outcome"] == "not_dialled" for row in calls)
    miscounted, most = _miscounted(recipients, run.log), placed["most"]
    return [
        _set_row("the carriers' ids of calls, at the phones and in the record", rung, stored),
        fault_row("recipients whose attempts are not the calls that their phones saw", miscounted),
        fault_row("recipients with another outcome than what happened", _wrong_outcomes(recipients, run)),
        fault_row("calls that the record has as still open", left),
        Verdict("most calls placed in a minute by one campaign, in the record", f"≤ {PACE}", str(most), most <= PACE),
        Verdict("calls placed and not dialed, because of the pause", "", str(undialed), None),
    ]


def _miscounted(recipients: Sequence[Mapping[str, Any]], log: Sequence[LoggedRing]) -> list[str]:
    stored: Counter[str] = Counter()
    for row in recipients:
        stored[row["phone_number"]] += row["attempts"]
    seen = Counter(one.number for one in log)
    return [f"{one}: {stored[one]} and {seen[one]}" for one in sorted(stored) if stored[one] != seen[one]]


def _wrong_outcomes(recipients: Sequence[Mapping[str, Any]], run: CampaignRun) -> list[str]:
    faults = []
    for row in recipients:
        recipient = run.recipients[row["phone_number"]]
        if row["status"] != "finished" or row["outcome"] not in _possible_outcomes(recipient):
            faults.append(f"{recipient.number} ({recipient.kind.name}): {row['status']}, {row['outcome']}")
    return faults


def _possible_outcomes(recipient: RehearsalRecipient) -> set[str]:
    """Whose hours are over before all attempts has the outcome of the last one, or none."""
    if recipient.window.opens_at is None:
        return {"not_called"}
    possible = {recipient.kind.outcome}
    if recipient.window.area == "312":
        possible |= {"not_called", "busy", "no_answer"} if recipient.kind.calls else {"not_called"}
    return possible


def _set_row(what: str, expected: set[str], found: set[str]) -> Verdict:
    good = bool(expected) and expected == found
    different = sorted(expected ^ found)[:3]
    return Verdict(what, str(len(expected)), "; ".join([str(len(expected & found)), *map(str, different)]), good)
