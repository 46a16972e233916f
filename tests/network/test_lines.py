"""A few calls of the rehearsal with faults of carriers and phones, over the whole platform."""

import asyncio
from collections.abc import Sequence

import pytest

from lab.scenarios.lines.line_call import make_line_call, run_line_call
from lab.scenarios.lines.scenario import wait_for_line_records
from lab.scenarios.lines.verdict import find_faults
from lab.stage.line_faults import ENDINGS, HARMLESS, REFUSALS, LineCase, all_cases
from lab.stage.platform import Platform
from simulator.carrier.prepared_turn import PreparedTurn

pytestmark = pytest.mark.asyncio(loop_scope="package")

CASES = [
    ("no media while the caller is silent", "twilio", "inbound"),
    ("changing call_control_id", "telnyx", "outbound"),
    ("first delivery of each webhook fails", "telnyx", "inbound"),
    ("each webhook twice", "twilio", "outbound"),
    ("transfer refused, closed streams not reported, ids and names differ", "telnyx", "inbound"),
    ("transfer declined", "twilio", "inbound"),
    ("media stream refused", "telnyx", "inbound"),
    ("dialling not permitted", "twilio", "outbound"),
]
# Other tests of this package have the numbers below.
FIRST_NUMBER = 7_000


def find_case(name: str, carrier: str, direction: str) -> LineCase:
    (case,) = [
        case
        for case in all_cases((*HARMLESS, *ENDINGS, *REFUSALS))
        if (case.fault.name, case.carrier, case.direction) == (name, carrier, direction)
    ]
    return case


async def test_calls_end_as_their_faults_say(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    calls = [make_line_call(find_case(*names), turns, FIRST_NUMBER + number) for number, names in enumerate(CASES)]
    await asyncio.gather(*(run_line_call(platform, call) for call in calls))
    records = await wait_for_line_records(platform, calls)
    found = {
        (call.case.fault.name, call.case.direction): faults
        for call in calls
        if (faults := find_faults(call, records.get(call.call_id), platform.network, "en"))
    }
    assert not found
