"""`<Dial>`: the second leg is rung, bridged and reported."""

import asyncio

import pytest

from simulator.carrier.caller import Caller
from simulator.carrier.media_stream import Party
from simulator.carrier.network.passive_party import PassiveParty, tone
from simulator.carrier.network.phone_network import CallOutcome, Subscriber
from simulator.carrier.script import AfterAgent, Ending
from tests.platform.twilio_network import (
    LIMIT_S,
    NUMBER,
    PERSON,
    Customer,
    TwilioNetwork,
    add_own_number,
    answering_phone,
    connect,
    passive_listener,
    running_twilio_network,
)
from tests.simulator.carrier.test_caller import speech
from tests.simulator.scripted_agent import ScriptedAgent, loud

COLLEAGUE = "+12125550777"


def dial(number: str = COLLEAGUE, attributes: str = "", called: str = "") -> str:
    return f'<Response><Dial action="/dialled" {attributes}><Number {called}>{number}</Number></Dial></Response>'


async def run_call(net: TwilioNetwork, customer: Customer, document: str, party: Party) -> CallOutcome:
    add_own_number(net, customer)
    customer.documents["/voice"] = [document]
    customer.documents["/dialled"] = ["<Response><Say>Done</Say></Response>"]
    async with asyncio.timeout(LIMIT_S):
        outcome = await net.phone_network.call(PERSON, NUMBER, party)
        await net.webhook_client.drain()
    assert all(request.signed for request in customer.webhooks)
    return outcome


async def test_both_legs_hear_each_other_and_the_action_url_gets_the_result() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        colleague = PassiveParty(tone(400, 500.0), longest_s=3.0)
        net.phone_network.subscribers[COLLEAGUE] = Subscriber(ring_s=0.01, party=lambda: colleague)
        caller = Caller([speech(500, AfterAgent(300, 5_000))], Ending(quiet_ms=60_000, timeout_ms=60_000))
        events = 'statusCallback="CUSTOMER/leg" statusCallbackEvent="initiated ringing answered completed"'
        document = dial(called=events.replace("CUSTOMER", customer.url))
        outcome = await run_call(net, customer, document, caller)
        assert outcome.ended_by == "network"
        parent, leg = net.carrier.calls.calls.values()
        assert outcome.audio is not None and loud(bytes(outcome.audio.agent))
        assert leg.line is not None and loud(bytes(leg.line.audio.agent)) and leg.line.by == "caller"
        (reported,) = customer.fields_of("/dialled")
        assert (reported["DialCallStatus"], reported["DialCallSid"], reported["DialBridged"]) == (
            "completed",
            leg.sid,
            "true",
        )
        assert reported["DialCallDuration"].isdecimal() and reported["CallSid"] == parent.sid
        statuses = [one["CallStatus"] for one in customer.fields_of("/leg")]
        assert sorted(statuses) == ["completed", "in-progress", "initiated", "ringing"]
        assert {one["ParentCallSid"] for one in customer.fields_of("/leg")} == {parent.sid}
        assert (leg.caller, leg.direction) == (PERSON, "outbound-dial")
        assert caller.reports[0].speech_began_ms is not None


async def test_caller_hang_up_ends_the_other_leg() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        net.phone_network.subscribers[COLLEAGUE] = answering_phone()
        outcome = await run_call(net, customer, dial(), passive_listener(2.0))
        assert outcome.ended_by == "caller"
        _, leg = net.carrier.calls.calls.values()
        assert leg.status == "completed" and leg.line is not None and leg.line.by == "network"
        assert customer.fields_of("/dialled") == []


@pytest.mark.parametrize(
    ("behavior", "status"), [("busy", "busy"), ("reject", "busy"), ("no_answer", "no-answer"), (None, "failed")]
)
async def test_leg_that_is_not_answered(behavior: str | None, status: str) -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        if behavior is not None:
            net.phone_network.subscribers[COLLEAGUE] = Subscriber(behavior, ring_s=0.01)  # type: ignore[arg-type]
        await run_call(net, customer, dial(attributes='timeout="1"'), passive_listener())
        (reported,) = customer.fields_of("/dialled")
        assert (reported["DialCallStatus"], reported["DialBridged"], "DialCallDuration" in reported) == (
            status,
            "false",
            False,
        )


async def test_invalid_number_is_an_error() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        await run_call(net, customer, dial("twelve"), passive_listener())
        parent = next(iter(net.carrier.calls.calls.values()))
        assert [entry.code for entry in parent.log if entry.kind == "error"] == [13224]
        assert customer.fields_of("/dialled")[0]["DialCallStatus"] == "failed"


async def test_time_limit_and_caller_id() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        net.phone_network.subscribers[COLLEAGUE] = answering_phone()
        await run_call(net, customer, dial(attributes=f'timeLimit="1" callerId="{NUMBER}"'), passive_listener())
        _, leg = net.carrier.calls.calls.values()
        assert leg.caller == NUMBER
        assert customer.fields_of("/dialled")[0]["DialCallStatus"] == "completed"


async def test_redirect_during_dial_ends_the_other_leg() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        net.phone_network.subscribers[COLLEAGUE] = answering_phone()
        leg_events = f'statusCallback="{customer.url}/leg" statusCallbackEvent="answered"'
        calling = asyncio.create_task(run_call(net, customer, dial(called=leg_events), passive_listener()))
        await customer.wait_until(lambda: customer.fields_of("/leg"))
        parent, leg = net.carrier.calls.calls.values()
        twiml = "<Response><Say>Back</Say></Response>"
        status, _ = await net.request("POST", f"Calls/{parent.sid}.json", Twiml=twiml)
        assert status == 200
        await calling
        assert (leg.status, [entry.text for entry in parent.log if entry.kind == "say"]) == ("completed", ["Back"])
        assert customer.fields_of("/dialled") == []


async def test_another_number_of_the_network_can_be_dialed() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        net.carrier.add_number(COLLEAGUE, {"VoiceUrl": f"{customer.url}/colleague"})
        customer.documents["/colleague"] = [connect(customer)]
        customer.make_agent = lambda: ScriptedAgent(greeting_ms=400, hangs_up_after=1)
        caller = Caller([speech(500, AfterAgent(300, 5_000))], Ending(quiet_ms=60_000, timeout_ms=60_000))
        outcome = await run_call(net, customer, dial(), caller)
        assert outcome.audio is not None and loud(bytes(outcome.audio.agent))
        assert customer.agents[0].played == ["greeting", "answer 1"]
        reported = customer.fields_of("/dialled")[0]
        assert (reported["DialCallStatus"], reported["DialBridged"]) == ("completed", "true")
        inbound, leg, other = net.carrier.calls.calls.values()
        assert [call.direction for call in (inbound, leg, other)] == ["inbound", "outbound-dial", "inbound"]
        assert {call.status for call in (inbound, leg, other)} == {"completed"}


async def test_number_of_the_network_that_rejects_the_call() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        net.carrier.add_number(COLLEAGUE, {"VoiceUrl": f"{customer.url}/colleague"})
        customer.documents["/colleague"] = ['<Response><Reject reason="busy"/></Response>']
        await run_call(net, customer, dial(), passive_listener())
        assert customer.fields_of("/dialled")[0]["DialCallStatus"] == "busy"
