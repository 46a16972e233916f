"""Transfers over both simulated carriers whose target is not reached, by their records."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from control.calls.announcements import transfer_returned_text
from lab.scenarios.lines.line_call import make_line_call, run_line_call
from lab.stage.callers import scripted_caller
from lab.stage.platform import Platform
from simulator.carrier.media_stream import Party, PartyOutput
from simulator.carrier.network.passive_party import PassiveParty
from simulator.carrier.network.phone_network import NotAnswered, Ring, Subscriber
from simulator.carrier.prepared_turn import PreparedTurn
from tests.dtmf_decoder import decode_keys
from tests.network.call_record import CallRecord, find_call_id, wait_for_record
from tests.network.test_lines import find_case

pytestmark = pytest.mark.asyncio(loop_scope="package")

CARRIERS = ("twilio", "telnyx")
FIRST_NUMBER = 7_500
TALKED = "SELECT sum(quantity) FROM usage_records WHERE call_id::text = $1 AND resource_type = 'call_minutes'"


async def wait_for_ends(platform: Platform, call_id: str, streams: int) -> CallRecord:
    """The record once the ends of so many media streams are stored: the carrier's report of the call's may be first."""
    async with asyncio.timeout(60):
        while True:
            record = await wait_for_record(platform, call_id, recorded=True)
            if [event["event_type"] for event in record.events].count("call.ended") == streams:
                return record
            await asyncio.sleep(0.1)


async def test_the_conversation_goes_on_after_a_busy_target(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    cases = [find_case("transfer to a busy phone", carrier, "inbound") for carrier in CARRIERS]
    calls = [make_line_call(case, turns, FIRST_NUMBER + number) for number, case in enumerate(cases)]
    await asyncio.gather(*(run_line_call(platform, call) for call in calls))
    for call in calls:
        assert not call.error and call.caller.succeeded
        record = await wait_for_ends(platform, call.call_id, 2)
        assert (record.call["status"], record.call["end_reason"]) == ("completed", "caller_hangup")
        assert record.call["transferred_to"] is None and record.call["gaps"] == []
        (failed,) = record.call["failed_transfers"]
        assert (failed["number"], failed["failure"]) == (call.target, "busy")
        types = [event["event_type"] for event in record.events]
        assert types.count("transfer.returned") == 1
        assert transfer_returned_text("en", "busy") in record.answer["transcription"]
        ((booked,),) = await platform.rows(TALKED, call.call_id)
        assert booked == record.call["duration_seconds"] > 0


class RingingPhone:
    """The phone of a target: it rings for as long as it is called."""

    def __init__(self) -> None:
        self.rings, self.stopped = asyncio.Event(), asyncio.Event()

    async def ring(self, ring: Ring) -> Party:
        self.rings.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()
        raise NotAnswered("no_answer")

    def answered(self, line: object) -> None:
        """Never."""


class LeavingParty:
    """A caller who hangs up as soon as the target's phone rings."""

    def __init__(self, party: Party, phone: RingingPhone) -> None:
        self._party, self._phone = party, phone

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        output = self._party.tick(at_ms, heard)
        return replace(output, hang_up=True) if self._phone.rings.is_set() else output

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        self._party.arrived(payload, at_ms, begins_ms)

    def cleared(self, at_ms: float) -> None:
        self._party.cleared(at_ms)


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_target_stops_ringing_when_the_caller_has_gone(
    platform: Platform, turns: Sequence[PreparedTurn], carrier: str
) -> None:
    caller, phone = scripted_caller(turns, FIRST_NUMBER + 10 + CARRIERS.index(carrier)), RingingPhone()
    target = f"+16465559{CARRIERS.index(carrier):03}"
    platform.network.phone_network.subscribers[target] = Subscriber(phone=phone)
    number = platform.workspace.agents[carrier].number
    running = asyncio.create_task(caller.call(platform.network.phone_network, number, LeavingParty(caller, phone)))
    async with asyncio.timeout(60):
        while not caller.heard_at:  # noqa: ASYNC110 -- set by the network without a signal
            await asyncio.sleep(0.05)
        call_id = await find_call_id(platform, caller.call_id)
        path = f"{platform.workspace.path}/calls/{call_id}/transfer"
        await platform.workspace.owner.request("POST", path, {"number": target})
        await running
        await phone.stopped.wait()
    record = await wait_for_record(platform, call_id, recorded=True)
    # The reports of both legs' ends come in any order, and make the same record.
    assert (record.call["status"], record.call["end_reason"]) == ("completed", "transferred")
    assert (record.call["transferred_to"], record.call["failed_transfers"]) == (target, [])
    assert [event["event_type"] for event in record.events].count("call.ended") == 1


class ListeningParty(PassiveParty):
    """Somebody at the target of a transfer, who hears the caller for some seconds and hangs up."""

    def __init__(self) -> None:
        super().__init__(longest_s=6.0)
        self.heard = bytearray()

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        self.heard += heard
        return super().tick(at_ms, heard)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize(
    ("target", "rung", "keys"),
    [
        ("+16465559{:03};ext=20#", "+16465559{:03}", "20#"),
        ("sip:desk{}@pbx.acme.com", "sip:desk{}@pbx.acme.com", ""),
    ],
    ids=["extension", "sip"],
)
async def test_extensions_and_sip_addresses_are_reached(
    platform: Platform, turns: Sequence[PreparedTurn], carrier: str, target: str, rung: str, keys: str
) -> None:
    place = 100 + 10 * bool(keys) + CARRIERS.index(carrier)
    target, rung = target.format(place), rung.format(place)
    caller, callee = scripted_caller(turns, FIRST_NUMBER + place), ListeningParty()
    platform.network.phone_network.subscribers[rung] = Subscriber(party=lambda: callee)
    number = platform.workspace.agents[carrier].number
    running = asyncio.create_task(caller.call(platform.network.phone_network, number))
    async with asyncio.timeout(60):
        while not caller.heard_at:  # noqa: ASYNC110 -- set by the network without a signal
            await asyncio.sleep(0.05)
        call_id = await find_call_id(platform, caller.call_id)
        path = f"{platform.workspace.path}/calls/{call_id}/transfer"
        await platform.workspace.owner.request("POST", path, {"number": target})
        await running
    record = await wait_for_record(platform, call_id, recorded=True)
    assert (record.call["status"], record.call["end_reason"]) == ("completed", "transferred")
    assert (record.call["transferred_to"], record.call["failed_transfers"]) == (target, [])
    assert callee.heard and decode_keys(callee.heard) == keys
