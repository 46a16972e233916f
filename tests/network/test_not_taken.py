"""Outbound calls that nobody takes, or a machine: over both carriers, what the record tells."""

import asyncio
from collections.abc import Mapping

import pytest
import pytest_asyncio

from simulator.carrier.network.world import Subscriber
from tests.network.record import Record, record_of
from vocalized.rehearse.stage import Stage

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
async def records(stage: Stage) -> Mapping[Case, Record]:
    """All cases at once."""
    ring = {"settings": [{"key": "outbound_ring_s", "value": 10}]}
    await stage.desk.admin.ask("PUT", "/admin/config/settings", ring)
    calls = (_call(stage, carrier, f"+164655501{index:02}", kind) for index, (carrier, kind) in enumerate(CASES))
    return dict(zip(CASES, await asyncio.gather(*calls), strict=True))


async def _call(stage: Stage, carrier: str, number: str, kind: str) -> Record:
    stage.network.world.subscribers[number] = PHONES[kind]
    body = {"agent_id": stage.desk.agents[carrier].id, "phone_number_to_call": number}
    placed = await stage.desk.user.ask("POST", f"{stage.desk.path}/calls/outbound", body)
    return await record_of(stage, placed["call_id"], recorded=False)


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
@pytest.mark.parametrize(
    ("kind", "statuses"), [("busy", {"busy"}), ("no_answer", {"no_answer"}), ("reject", {"busy", "failed"})]
)
async def test_a_phone_that_is_not_answered(
    carrier: str, kind: str, statuses: set[str], records: Mapping[Case, Record]
) -> None:
    call = records[carrier, kind].call
    assert call["status"] in statuses
    assert (call["answered_at"], call["duration_seconds"], call["is_test"]) == (None, 0, False)
    assert records[carrier, kind].events == []


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
async def test_a_machine_is_told_and_left(carrier: str, records: Mapping[Case, Record]) -> None:
    call = records[carrier, "machine"].call
    assert (call["status"], call["end_reason"], call["answered_by"]) == ("completed", "voicemail", "machine")
    assert call["duration_seconds"] < 20
