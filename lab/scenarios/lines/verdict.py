"""What went wrong in a call of the scene: everything that differs from what follows from its fault."""

from collections.abc import Sequence
from typing import Final

from control.calls.announcements import make_refusal
from lab.scenarios.lines.line_call import LineCall
from lab.stage.call_records import RecordedCall
from lab.stage.line_faults import CarrierWords
from simulator.carrier.network.server import RunningNetwork

NO_EVENTS: Final = "no events"


def find_faults(call: LineCall, record: RecordedCall | None, network: RunningNetwork, language: str) -> list[str]:
    """What is wrong with a call that is over; empty if nothing is. language: of the agent."""
    found = [call.error] if call.error else []
    return [*found, *_on_the_phone(call), *_at_the_carrier(call, network, language), *_in_the_record(call, record)]


def _on_the_phone(call: LineCall) -> list[str]:
    expected, outcome, reports = call.case.fault.expected, call.caller.outcome, call.caller.party.reports
    found = []
    if (outcome is not None and outcome.answered) != expected.answered:
        found.append("not answered" if expected.answered else "answered")
    if expected.turns and not call.caller.succeeded:
        answered = sum(report.latency_ms is not None for report in reports)
        found.append(f"{answered} of the caller's turns answered")
    if expected.agent and not expected.turns and not (reports and reports[0].latency_ms is not None):
        found.append("the first turn was not answered")
    if not expected.agent and call.caller.heard_at and not expected.words:
        found.append("something was heard of a call without an agent")
    if expected.answered and not expected.turns and outcome is not None and outcome.ended_by == "caller":
        found.append("the caller had to hang up")
    if call.case.direction == "outbound" and call.rings != expected.answered:
        found.append(f"the phone rang {call.rings} times")
    return [*found, *_of_the_transfer(call)]


def _of_the_transfer(call: LineCall) -> list[str]:
    reaches = call.case.fault.action == "transfer" and not call.case.fault.expected.returns
    if call.target_answered_at is None:
        return ["the transfer's target was not reached"] if reaches and _is_allowed(call) else []
    if not reaches or not _is_allowed(call):
        return ["the transfer's target was reached"]
    heard = call.caller.heard_after(call.target_answered_at)
    return ["the transfer's target was not heard"] if heard is None else []


def _is_allowed(call: LineCall) -> bool:
    telnyx = call.case.fault.telnyx
    return telnyx is None or "transfer" not in telnyx.refused


def _at_the_carrier(call: LineCall, network: RunningNetwork, language: str) -> list[str]:
    outcome = call.caller.outcome
    found = [f"{fault.code}: {fault.detail}" for fault in (outcome.faults if outcome is not None else ())[:3]]
    if not call.caller.call_id:
        return found
    said, is_over = _carrier_view(call, network)
    wanted = _words(call.case.fault.expected.words, language)
    if said != wanted:
        found.append(f"the carrier's voice said {said}, not {wanted}")
    if not is_over:
        found.append("its line is still up")
    return found


def _words(name: CarrierWords, language: str) -> list[str]:
    match name:
        case "all_busy":
            return [make_refusal("all_busy", language).announcement]
        case "":
            return []


def _carrier_view(call: LineCall, network: RunningNetwork) -> tuple[list[str], bool]:
    """What the carrier's voice said on the call, and whether the call is over."""
    if call.case.carrier == "telnyx":
        assert network.telnyx is not None
        leg = network.telnyx.calls.leg(call.caller.call_id)
        return leg.said, not leg.alive
    assert network.twilio is not None
    twilio_call = network.twilio.calls.calls[call.caller.call_id]
    return [entry.text for entry in twilio_call.log if entry.kind == "say"], twilio_call.over


def _in_the_record(call: LineCall, record: RecordedCall | None) -> list[str]:
    expected = call.case.fault.expected
    if record is None:
        return ["no record"]
    found = [fault for fault in record.faults if expected.agent or fault != NO_EVENTS]
    if (record.status, record.end_reason) != (expected.status, expected.end_reason):
        found.append(
            f"recorded as {record.status} {record.end_reason}, not {expected.status} {expected.end_reason}".strip()
        )
    return found


def count_calls(calls: Sequence[LineCall], carrier: str, direction: str) -> int:
    """How many of the calls went over a carrier in a direction."""
    return sum((call.case.carrier, call.case.direction) == (carrier, direction) for call in calls)
