"""`<Dial>`: a second leg is rung, bridged, and told about."""

import asyncio

import pytest

from simulator.carrier.caller import Caller
from simulator.carrier.network.people import Listener, tone
from simulator.carrier.network.world import CallOutcome, Subscriber
from simulator.carrier.script import AfterAgent, Ending
from simulator.carrier.stream import Party
from tests.simulator.carrier.network.stage import (
    LIMIT_S,
    NUMBER,
    PERSON,
    Customer,
    Network,
    answering,
    connect,
    network,
    own_number,
    patient,
)
from tests.simulator.carrier.test_caller import speech
from tests.simulator.scripted_agent import ScriptedAgent, loud

COLLEAGUE = "+12125550777"


def dial(number: str = COLLEAGUE, attributes: str = "", called: str = "") -> str:
    return f'<Response><Dial action="/dialled" {attributes}><Number {called}>{number}</Number></Dial></Response>'


async def carried(net: Network, customer: Customer, document: str, party: Party) -> CallOutcome:
    own_number(net, customer)
    customer.documents["/voice"] = [document]
    customer.documents["/dialled"] = ["<Response><Say>Done</Say></Response>"]
    async with asyncio.timeout(LIMIT_S):
        outcome = await net.world.call(PERSON, NUMBER, party)
        await net.hooks.settle()
    assert all(asked.signed for asked in customer.asked)
    return outcome


async def test_both_hear_each_other_and_the_action_is_told() -> None:
    async with Customer().running() as customer, network() as net:
        colleague = Listener(tone(400, 500.0), longest_s=3.0)
        net.world.subscribers[COLLEAGUE] = Subscriber(ring_s=0.01, party=lambda: colleague)
        caller = Caller([speech(500, AfterAgent(300, 5_000))], Ending(quiet_ms=60_000, timeout_ms=60_000))
        events = 'statusCallback="CUSTOMER/leg" statusCallbackEvent="initiated ringing answered completed"'
        document = dial(called=events.replace("CUSTOMER", customer.url))
        outcome = await carried(net, customer, document, caller)
        assert outcome.ended_by == "network"
        parent, leg = net.side.ledger.calls.values()
        assert outcome.legs is not None and loud(bytes(outcome.legs.agent))
        assert leg.line is not None and loud(bytes(leg.line.legs.agent)) and leg.line.by == "caller"
        (told,) = customer.at("/dialled")
        assert (told["DialCallStatus"], told["DialCallSid"], told["DialBridged"]) == ("completed", leg.sid, "true")
        assert told["DialCallDuration"].isdecimal() and told["CallSid"] == parent.sid
        statuses = [one["CallStatus"] for one in customer.at("/leg")]
        assert sorted(statuses) == ["completed", "in-progress", "initiated", "ringing"]
        assert {one["ParentCallSid"] for one in customer.at("/leg")} == {parent.sid}
        assert (leg.caller, leg.direction) == (PERSON, "outbound-dial")
        assert caller.reports[0].speech_began_ms is not None


async def test_when_the_caller_hangs_up_so_does_the_other_leg() -> None:
    async with Customer().running() as customer, network() as net:
        net.world.subscribers[COLLEAGUE] = answering()
        outcome = await carried(net, customer, dial(), patient(2.0))
        assert outcome.ended_by == "caller"
        _, leg = net.side.ledger.calls.values()
        assert leg.status == "completed" and leg.line is not None and leg.line.by == "network"
        assert customer.at("/dialled") == []


@pytest.mark.parametrize(
    ("behaviour", "status"), [("busy", "busy"), ("reject", "busy"), ("no_answer", "no-answer"), (None, "failed")]
)
async def test_a_leg_that_is_not_reached(behaviour: str | None, status: str) -> None:
    async with Customer().running() as customer, network() as net:
        if behaviour is not None:
            net.world.subscribers[COLLEAGUE] = Subscriber(behaviour, ring_s=0.01)  # type: ignore[arg-type]
        await carried(net, customer, dial(attributes='timeout="1"'), patient())
        (told,) = customer.at("/dialled")
        assert (told["DialCallStatus"], told["DialBridged"], "DialCallDuration" in told) == (status, "false", False)


async def test_what_is_no_number_is_an_error() -> None:
    async with Customer().running() as customer, network() as net:
        await carried(net, customer, dial("twelve"), patient())
        parent = next(iter(net.side.ledger.calls.values()))
        assert [entry.code for entry in parent.log if entry.kind == "error"] == [13224]
        assert customer.at("/dialled")[0]["DialCallStatus"] == "failed"


async def test_a_limit_and_another_caller_id() -> None:
    async with Customer().running() as customer, network() as net:
        net.world.subscribers[COLLEAGUE] = answering()
        await carried(net, customer, dial(attributes=f'timeLimit="1" callerId="{NUMBER}"'), patient())
        _, leg = net.side.ledger.calls.values()
        assert leg.caller == NUMBER
        assert customer.at("/dialled")[0]["DialCallStatus"] == "completed"


async def test_a_call_that_dials_can_be_moved_which_ends_the_other_leg() -> None:
    async with Customer().running() as customer, network() as net:
        net.world.subscribers[COLLEAGUE] = answering()
        leg_events = f'statusCallback="{customer.url}/leg" statusCallbackEvent="answered"'
        calling = asyncio.create_task(carried(net, customer, dial(called=leg_events), patient()))
        await customer.until(lambda: customer.at("/leg"))
        parent, leg = net.side.ledger.calls.values()
        twiml = "<Response><Say>Back</Say></Response>"
        status, _ = await net.request("POST", f"Calls/{parent.sid}.json", Twiml=twiml)
        assert status == 200
        await calling
        assert (leg.status, [entry.text for entry in parent.log if entry.kind == "say"]) == ("completed", ["Back"])
        assert customer.at("/dialled") == []


async def test_another_number_of_the_network_can_be_dialled() -> None:
    async with Customer().running() as customer, network() as net:
        net.side.add_number(COLLEAGUE, {"VoiceUrl": f"{customer.url}/colleague"})
        customer.documents["/colleague"] = [connect(customer)]
        customer.make = lambda: ScriptedAgent(greeting_ms=400, hangs_up_after=1)
        caller = Caller([speech(500, AfterAgent(300, 5_000))], Ending(quiet_ms=60_000, timeout_ms=60_000))
        outcome = await carried(net, customer, dial(), caller)
        assert outcome.legs is not None and loud(bytes(outcome.legs.agent))
        assert customer.agents[0].played == ["greeting", "answer 1"]
        told = customer.at("/dialled")[0]
        assert (told["DialCallStatus"], told["DialBridged"]) == ("completed", "true")
        inbound, leg, other = net.side.ledger.calls.values()
        assert [call.direction for call in (inbound, leg, other)] == ["inbound", "outbound-dial", "inbound"]
        assert {call.status for call in (inbound, leg, other)} == {"completed"}


async def test_a_number_of_the_network_that_declines_or_rings_in_vain() -> None:
    async with Customer().running() as customer, network() as net:
        net.side.add_number(COLLEAGUE, {"VoiceUrl": f"{customer.url}/colleague"})
        customer.documents["/colleague"] = ['<Response><Reject reason="busy"/></Response>']
        await carried(net, customer, dial(), patient())
        assert customer.at("/dialled")[0]["DialCallStatus"] == "busy"
