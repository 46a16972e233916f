"""A person phones a number at Twilio: webhook, TwiML, media, callbacks."""

import asyncio

import pytest

from simulator.carrier.network.hooks import Faults
from simulator.carrier.network.twilio_side.model import Call
from simulator.carrier.network.twilio_side.signature import sign
from simulator.carrier.network.world import CallOutcome, Subscriber
from tests.simulator.carrier.network.stage import (
    ACCOUNT,
    LIMIT_S,
    NUMBER,
    PERSON,
    TOKEN,
    Customer,
    Network,
    chatty,
    connect,
    network,
    own_number,
    patient,
)
from tests.simulator.scripted_agent import ScriptedAgent


def the_call(net: Network) -> Call:
    (call,) = net.side.ledger.calls.values()
    return call


def said(call: Call) -> list[str]:
    return [entry.text for entry in call.log if entry.kind == "say"]


def errors(call: Call) -> list[int]:
    return [entry.code for entry in call.log if entry.kind == "error"]


def leaving() -> ScriptedAgent:
    """An agent that closes its socket as soon as it can."""
    return ScriptedAgent(greeting_ms=0, closing=True)


async def carried(net: Network, customer: Customer, document: str, seconds: float = 600.0) -> CallOutcome:
    """A call with this document, to its end and that of its callbacks."""
    own_number(net, customer, StatusCallback=f"{customer.url}/status")
    customer.documents["/voice"] = [document]
    async with asyncio.timeout(LIMIT_S):
        outcome = await net.world.call(PERSON, NUMBER, patient(seconds))
        await net.hooks.settle()
    assert all(asked.signed for asked in customer.asked if asked.path != "/media/busy")
    return outcome


async def test_a_call_is_led_to_the_customers_media_socket_and_back() -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer, StatusCallback=f"{customer.url}/status")
        customer.documents["/voice"] = [connect(customer, params=[("plan", "p 1")])]
        async with asyncio.timeout(LIMIT_S):
            outcome = await net.world.call(PERSON, NUMBER, chatty())
        await net.hooks.settle()
        call = the_call(net)
        assert (outcome.carrier, outcome.answered, outcome.ended_by) == ("twilio", True, "caller")
        assert outcome.call_id == call.sid
        voice, status = customer.asked
        assert voice.signed and status.signed
        asked = voice.fields
        told = (asked["CallStatus"], asked["Direction"], asked["From"], asked["To"], asked["AccountSid"])
        assert told == ("ringing", "inbound", PERSON, NUMBER, ACCOUNT)
        assert (asked["FromCity"], asked["FromCountry"], asked["StirVerstat"]) == ("", "US", "TN-Validation-Passed-A")
        agent = customer.agents[0]
        start = agent.start["start"]
        assert isinstance(start, dict)
        assert start["callSid"] == call.sid and start["customParameters"] == {"plan": "p 1"}
        assert agent.played == ["greeting", "answer 1"] and agent.stopped
        done = status.fields
        told = (done["CallStatus"], done["SequenceNumber"], done["CallbackSource"], done["SipResponseCode"], "")
        assert told == ("completed", "0", "call-progress-events", "200", "")
        assert done["CallDuration"].isdecimal() and "+0000" in done["Timestamp"]


async def test_the_upgrade_is_signed_unless_the_account_says_otherwise() -> None:
    for signs in (True, False):
        async with Customer(make=leaving).running() as customer, network(sign_streams=signs) as net:
            await carried(net, customer, connect(customer))
            given = customer.upgrades[0].get("x-twilio-signature")
            assert given == (sign(TOKEN, customer.media_url) if signs else None)


async def test_when_the_customers_side_closes_the_socket_the_action_is_asked_for() -> None:
    async with Customer(make=leaving).running() as customer, network() as net:
        customer.documents["/after"] = ["<Response><Say>Goodbye</Say></Response>"]
        outcome = await carried(net, customer, connect(customer, "<Say>never</Say>", attributes='action="/after?x=1"'))
        assert outcome.ended_by == "network"
        assert outcome.last_stream is not None and outcome.last_stream.by == "agent"
        assert said(the_call(net)) == ["Goodbye"]
        (after,) = customer.at("/after")
        assert (after["CallStatus"], after["CallSid"]) == ("in-progress", outcome.call_id)


async def test_without_an_action_the_next_verb_follows_and_then_the_end() -> None:
    async with Customer(make=leaving).running() as customer, network() as net:
        await carried(net, customer, connect(customer, "<Say>Bye</Say>"))
        assert said(the_call(net)) == ["Bye"]


async def test_the_action_is_not_asked_for_when_the_caller_hung_up() -> None:
    async with Customer().running() as customer, network() as net:
        outcome = await carried(net, customer, connect(customer, attributes='action="/after"'), seconds=1.0)
        assert outcome.ended_by == "caller"
        assert customer.at("/after") == []
        assert [fields["CallStatus"] for fields in customer.at("/status")] == ["completed"]


async def test_a_socket_that_breaks_leaves_the_call_up_and_is_an_error() -> None:
    async with Customer(drop_after=10).running() as customer, network() as net:
        customer.documents["/after"] = [connect(customer, attributes='action="/last"')]
        customer.documents["/last"] = ["<Response><Hangup/></Response>"]
        outcome = await carried(net, customer, connect(customer, attributes='action="/after"'))
        assert errors(the_call(net)) == [31921, 31921]
        assert len(customer.agents) == 2
        assert outcome.legs is not None and outcome.legs.duration_ms >= 2 * 7 * 20


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ws://127.0.0.1:1/media", 31902),
        ("MEDIA/busy", 31920),
        ("MEDIA?token=1", 31920),
        ("ftp://127.0.0.1/media", 31922),
        ("ws://host:eighty/", 31923),
    ],
)
async def test_a_socket_that_cannot_be_opened_is_an_error_and_the_next_verb_follows(url: str, code: int) -> None:
    async with Customer().running() as customer, network() as net:
        target = url.replace("MEDIA", customer.media_url)
        twiml = f'<Response><Connect><Stream url="{target}"/></Connect><Say>Sorry</Say></Response>'
        await carried(net, customer, twiml)
        assert errors(the_call(net)) == [code]
        assert said(the_call(net)) == ["Sorry"]
        assert customer.agents == []


async def test_say_pause_play_redirect_and_hang_up() -> None:
    async with Customer().running() as customer, network() as net:
        customer.documents["/next"] = ["<Response><Say>Two</Say><Hangup/><Say>never</Say></Response>"]
        verbs = "<Say>One</Say><Pause length='1'/><Play>/a.mp3</Play><Gather/><Redirect>next</Redirect>"
        outcome = await carried(net, customer, f"<Response>{verbs}</Response>")
        call = the_call(net)
        assert said(call) == ["One", "Two"]
        assert [entry.kind for entry in call.log] == ["say", "play", "warning", "say"]
        assert outcome.legs is not None and outcome.legs.duration_ms >= 500 + 1_000 + 2_000 + 500


@pytest.mark.parametrize(("reason", "heard"), [("busy", "busy"), ("rejected", "rejected")])
async def test_a_rejected_call_is_never_answered(reason: str, heard: str) -> None:
    async with Customer().running() as customer, network() as net:
        outcome = await carried(net, customer, f'<Response><Reject reason="{reason}"/></Response>')
        assert (outcome.answered, outcome.reason) == (False, heard)
        (status,) = customer.at("/status")
        assert (status["CallStatus"], status["CallDuration"], status["SipResponseCode"]) == ("busy", "0", "486")


async def test_a_webhook_that_fails_is_apologised_for() -> None:
    async with Customer(statuses={"/voice": 500}).running() as customer, network() as net:
        await carried(net, customer, "")
        assert errors(the_call(net)) == [11200]
        assert len(customer.at("/voice")) == 1  # only a connection that failed is tried again
        assert said(the_call(net)) != []


@pytest.mark.parametrize(("document", "code"), [("<Response>", 12100), ("", 12300)])
async def test_a_document_that_cannot_be_read_is_asked_for_at_the_fallback(document: str, code: int) -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer, VoiceFallbackUrl=f"{customer.url}/fallback")
        customer.documents["/voice"] = [document]
        customer.documents["/fallback"] = ["<Response><Say>Plan B</Say></Response>"]
        async with asyncio.timeout(LIMIT_S):
            await net.world.call(PERSON, NUMBER, patient())
        assert said(the_call(net)) == ["Plan B"]
        (fallback,) = customer.at("/fallback")
        assert (fallback["ErrorCode"], fallback["ErrorUrl"]) == (str(code), f"{customer.url}/voice")


async def test_a_connection_that_fails_is_tried_once_more_with_the_same_token() -> None:
    async with Customer(make=leaving).running() as customer, network() as net:
        net.hooks.faults = Faults(drop_first=True)
        await carried(net, customer, connect(customer, attributes='action="/after"'))
        attempts = [(delivery.attempt, delivery.why) for delivery in net.hooks.deliveries]
        assert attempts[:2] == [(1, "connect"), (2, None)]
        tokens = [asked.headers["I-Twilio-Idempotency-Token"] for asked in customer.asked]
        assert len(set(tokens)) == len(tokens) == 3


async def test_a_caller_who_gives_up_while_it_rings() -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer, StatusCallback=f"{customer.url}/status")
        gone = asyncio.Event()
        customer.documents["/voice"] = [
            '<Response><Dial answerOnBridge="true" timeout="600">+12125550777</Dial></Response>'
        ]
        net.world.subscribers["+12125550777"] = Subscriber("no_answer")
        calling = asyncio.create_task(net.world.call(PERSON, NUMBER, patient(), hung_up=gone))
        await customer.until(lambda: customer.at("/voice"))
        gone.set()
        outcome = await calling
        await net.hooks.settle()
        assert (outcome.answered, outcome.reason) == (False, "cancelled")
        (status,) = customer.at("/status")
        assert (status["CallStatus"], status["SipResponseCode"]) == ("no-answer", "487")


async def test_a_number_without_a_voice_url_and_one_that_nobody_has() -> None:
    async with Customer().running(), network() as net:
        net.side.add_number(NUMBER, {})
        assert (await net.world.call(PERSON, NUMBER, patient())).reason == "failed"
        assert (await net.world.call(PERSON, "+14155550199", patient())).reason == "unknown_number"


async def test_status_callbacks_may_come_twice() -> None:
    async with Customer(make=leaving).running() as customer, network() as net:
        net.hooks.faults = Faults(duplicate=True, shuffle_s=0.05)
        await carried(net, customer, connect(customer))
        first, second = (asked for asked in customer.asked if asked.path == "/status")
        assert first.fields == second.fields
        assert first.headers["I-Twilio-Idempotency-Token"] == second.headers["I-Twilio-Idempotency-Token"]


async def test_the_streams_own_callbacks() -> None:
    async with Customer(make=leaving).running() as customer, network() as net:
        stream = f'<Stream url="{customer.media_url}" name="talk" statusCallback="{customer.url}/stream"/>'
        await carried(net, customer, f"<Response><Connect>{stream}</Connect></Response>")
        assert [told["StreamEvent"] for told in customer.at("/stream")] == ["stream-started", "stream-stopped"]
        assert {told["StreamName"] for told in customer.at("/stream")} == {"talk"}
