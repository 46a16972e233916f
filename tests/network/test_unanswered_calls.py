"""Outbound calls that nobody or a machine answers, over both carriers: what the record holds."""

import asyncio
from collections.abc import Mapping

import pytest
import pytest_asyncio

from lab.stage.platform import Platform
from simulator.carrier.network.phone_network import Subscriber
from tests.network.call_record import CallRecord, wait_for_record

pytestmark = pytest.mark.asyncio(loop_scope="package")

PHONES = {
    "busy": Subscriber("busy"),
    "reject": Subscriber("reject"),
    "no_answer": Subscriber("no_answer"),
    "machine": Subscriber("machine", greeting_s=2.0),
}
CASES = [(carrier, kind) for carrier in ("twilio", "telnyx") for kind in PHONES]
Case = tuple[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def records(platform: Platform) -> Mapping[Case, CallRecord]:
    """Runs all cases at once."""
    settings = {"settings": [{"key": "outbound_ring_s", "value": 10}]}
    await platform.staff.request("PUT", "/admin/config/settings", settings)
    calls = (_call(platform, carrier, f"+164655501{index:02}", kind) for index, (carrier, kind) in enumerate(CASES))
    return dict(zip(CASES, await asyncio.gather(*calls), strict=True))


async def _call(platform: Platform, carrier: str, number: str, kind: str) -> CallRecord:
    platform.network.phone_network.subscribers[number] = PHONES[kind]
    body = {"agent_id": platform.workspace.agents[carrier].id, "phone_number_to_call": number}
    placed = await platform.workspace.owner.request("POST", f"{platform.workspace.path}/calls/outbound", body)
    return await wait_for_record(platform, placed["call_id"], recorded=False)


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
@pytest.mark.parametrize(
    ("kind", "statuses"), [("busy", {"busy"}), ("no_answer", {"no_answer"}), ("reject", {"busy", "failed"})]
)
async def test_unanswered_phone_has_its_status(
    carrier: str, kind: str, statuses: set[str], records: Mapping[Case, CallRecord]
) -> None:
    call = records[carrier, kind].call
    assert call["status"] in statuses
    assert (call["answered_at"], call["duration_seconds"], call["is_test"]) == (None, 0, False)
    assert records[carrier, kind].events == []


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
async def test_call_to_a_machine_ends_as_voicemail(carrier: str, records: Mapping[Case, CallRecord]) -> None:
    call = records[carrier, "machine"].call
    assert (call["status"], call["end_reason"], call["answered_by"]) == ("completed", "voicemail", "machine")
    assert call["duration_seconds"] < 20
