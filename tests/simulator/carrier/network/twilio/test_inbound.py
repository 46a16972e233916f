"""Calls to a Twilio number: webhook, TwiML, media stream, callbacks."""

import asyncio

import pytest

from simulator.carrier.network.phone_network import CallOutcome, Subscriber
from simulator.carrier.network.twilio.model import TwilioCall
from simulator.carrier.network.twilio.signature import sign
from simulator.carrier.network.webhook_client import DeliveryFaults
from tests.platform.twilio_network import (
    ACCOUNT,
    LIMIT_S,
    NUMBER,
    PERSON,
    TOKEN,
    Customer,
    TwilioNetwork,
    add_own_number,
    connect,
    passive_listener,
    running_twilio_network,
    talking_caller,
)
from tests.simulator.scripted_agent import ScriptedAgent


def only_call(net: TwilioNetwork) -> TwilioCall:
    (call,) = net.carrier.calls.calls.values()
    return call


def spoken_texts(call: TwilioCall) -> list[str]:
    return [entry.text for entry in call.log if entry.kind == "say"]


def errors(call: TwilioCall) -> list[int]:
    return [entry.code for entry in call.log if entry.kind == "error"]


def closing_agent() -> ScriptedAgent:
    """An agent that closes its socket at once."""
    return ScriptedAgent(greeting_ms=0, closing=True)


async def run_call(net: TwilioNetwork, customer: Customer, document: str, seconds: float = 600.0) -> CallOutcome:
    """Runs a call with this document until its callbacks are delivered."""
    add_own_number(net, customer, StatusCallback=f"{customer.url}/status")
    customer.documents["/voice"] = [document]
    async with asyncio.timeout(LIMIT_S):
        outcome = await net.phone_network.call(PERSON, NUMBER, passive_listener(seconds))
        await net.webhook_client.drain()
    assert all(request.signed for request in customer.webhooks if request.path != "/media/busy")
    return outcome


async def test_call_is_connected_to_the_customers_media_socket() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer, StatusCallback=f"{customer.url}/status")
        customer.documents["/voice"] = [connect(customer, params=[("plan", "p 1")])]
        async with asyncio.timeout(LIMIT_S):
            outcome = await net.phone_network.call(PERSON, NUMBER, talking_caller())
        await net.webhook_client.drain()
        call = only_call(net)
        assert (outcome.carrier, outcome.answered, outcome.ended_by) == ("twilio", True, "caller")
        assert outcome.call_id == call.sid
        assert outcome.has_agent
        voice, status = customer.webhooks
        assert voice.signed and status.signed
        voice_fields = voice.fields
        reported = (
            voice_fields["CallStatus"],
            voice_fields["Direction"],
            voice_fields["From"],
            voice_fields["To"],
            voice_fields["AccountSid"],
        )
        assert reported == ("ringing", "inbound", PERSON, NUMBER, ACCOUNT)
        assert (voice_fields["FromCity"], voice_fields["FromCountry"], voice_fields["StirVerstat"]) == (
            "",
            "US",
            "TN-Validation-Passed-A",
        )
        agent = customer.agents[0]
        start = agent.start["start"]
        assert isinstance(start, dict)
        assert start["callSid"] == call.sid and start["customParameters"] == {"plan": "p 1"}
        assert agent.played == ["greeting", "answer 1"] and agent.stopped
        done = status.fields
        reported = (done["CallStatus"], done["SequenceNumber"], done["CallbackSource"], done["SipResponseCode"], "")
        assert reported == ("completed", "0", "call-progress-events", "200", "")
        assert done["CallDuration"].isdecimal() and "+0000" in done["Timestamp"]


async def test_upgrade_is_signed_unless_disabled_in_the_config() -> None:
    for signs in (True, False):
        async with (
            Customer(make_agent=closing_agent).running() as customer,
            running_twilio_network(sign_streams=signs) as net,
        ):
            await run_call(net, customer, connect(customer))
            signature = customer.upgrades[0].get("x-twilio-signature")
            assert signature == (sign(TOKEN, customer.media_url) if signs else None)


async def test_action_url_is_requested_when_the_agents_side_closes_the_socket() -> None:
    async with Customer(make_agent=closing_agent).running() as customer, running_twilio_network() as net:
        customer.documents["/after"] = ["<Response><Say>Goodbye</Say></Response>"]
        outcome = await run_call(net, customer, connect(customer, "<Say>never</Say>", attributes='action="/after?x=1"'))
        assert outcome.ended_by == "network"
        assert outcome.last_stream is not None and outcome.last_stream.by == "agent"
        assert spoken_texts(only_call(net)) == ["Goodbye"]
        (after,) = customer.fields_of("/after")
        assert (after["CallStatus"], after["CallSid"]) == ("in-progress", outcome.call_id)


async def test_without_an_action_the_next_verb_follows() -> None:
    async with Customer(make_agent=closing_agent).running() as customer, running_twilio_network() as net:
        await run_call(net, customer, connect(customer, "<Say>Bye</Say>"))
        assert spoken_texts(only_call(net)) == ["Bye"]


async def test_action_url_is_not_requested_after_the_caller_hung_up() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        outcome = await run_call(net, customer, connect(customer, attributes='action="/after"'), seconds=1.0)
        assert outcome.ended_by == "caller"
        assert customer.fields_of("/after") == []
        assert [fields["CallStatus"] for fields in customer.fields_of("/status")] == ["completed"]


async def test_broken_socket_is_an_error_and_the_call_stays_up() -> None:
    async with Customer(drop_after=10).running() as customer, running_twilio_network() as net:
        customer.documents["/after"] = [connect(customer, attributes='action="/last"')]
        customer.documents["/last"] = ["<Response><Hangup/></Response>"]
        outcome = await run_call(net, customer, connect(customer, attributes='action="/after"'))
        assert errors(only_call(net)) == [31903, 31903]
        assert len(customer.agents) == 2
        assert outcome.audio is not None and outcome.audio.duration_ms >= 2 * 7 * 20


async def test_call_whose_socket_broke_may_stay_silent_until_it_is_redirected() -> None:
    async with (
        Customer(drop_after=10).running() as customer,
        running_twilio_network(goes_on_after_broken_stream=False) as net,
    ):
        customer.documents["/back"] = ["<Response><Hangup/></Response>"]
        report = f'statusCallback="{customer.url}/stream"'
        document = connect(customer, attributes='action="/after"').replace("<Stream ", f"<Stream {report} ")
        running = asyncio.create_task(run_call(net, customer, document))
        await customer.wait_until(lambda: len(customer.fields_of("/stream")) == 2)
        assert [event["StreamEvent"] for event in customer.fields_of("/stream")] == ["stream-started", "stream-error"]
        call = only_call(net)
        await net.request("POST", f"Calls/{call.sid}.json", Url=f"{customer.url}/back")
        outcome = await running
        assert (outcome.ended_by, customer.fields_of("/after")) == ("network", [])
        assert len(customer.fields_of("/back")) == 1


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
    async with Customer().running() as customer, running_twilio_network() as net:
        target = url.replace("MEDIA", customer.media_url)
        twiml = f'<Response><Connect><Stream url="{target}"/></Connect><Say>Sorry</Say></Response>'
        await run_call(net, customer, twiml)
        assert errors(only_call(net)) == [code]
        assert spoken_texts(only_call(net)) == ["Sorry"]
        assert customer.agents == []


async def test_say_pause_play_redirect_and_hang_up() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        customer.documents["/next"] = ["<Response><Say>Two</Say><Hangup/><Say>never</Say></Response>"]
        verbs = "<Say>One</Say><Pause length='1'/><Play>/a.mp3</Play><Enqueue/><Redirect>next</Redirect>"
        outcome = await run_call(net, customer, f"<Response>{verbs}</Response>")
        call = only_call(net)
        assert spoken_texts(call) == ["One", "Two"]
        assert [entry.kind for entry in call.log] == ["say", "play", "warning", "say"]
        assert outcome.audio is not None and outcome.audio.duration_ms >= 500 + 1_000 + 2_000 + 500
        assert not outcome.has_agent, "announcements are the carrier's"


@pytest.mark.parametrize(("reason", "heard"), [("busy", "busy"), ("rejected", "rejected")])
async def test_a_rejected_call_is_never_answered(reason: str, heard: str) -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        outcome = await run_call(net, customer, f'<Response><Reject reason="{reason}"/></Response>')
        assert (outcome.answered, outcome.reason) == (False, heard)
        (status,) = customer.fields_of("/status")
        assert (status["CallStatus"], status["CallDuration"], status["SipResponseCode"]) == ("busy", "0", "486")


async def test_failed_webhook_plays_the_application_error() -> None:
    async with Customer(statuses={"/voice": 500}).running() as customer, running_twilio_network() as net:
        await run_call(net, customer, "")
        assert errors(only_call(net)) == [11200]
        assert len(customer.fields_of("/voice")) == 1  # only a failed connection is retried
        assert spoken_texts(only_call(net)) != []


@pytest.mark.parametrize(("document", "code"), [("<Response>", 12100), ("", 12300)])
async def test_invalid_document_is_replaced_by_the_fallback_url(document: str, code: int) -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer, VoiceFallbackUrl=f"{customer.url}/fallback")
        customer.documents["/voice"] = [document]
        customer.documents["/fallback"] = ["<Response><Say>Plan B</Say></Response>"]
        async with asyncio.timeout(LIMIT_S):
            await net.phone_network.call(PERSON, NUMBER, passive_listener())
        assert spoken_texts(only_call(net)) == ["Plan B"]
        (fallback,) = customer.fields_of("/fallback")
        assert (fallback["ErrorCode"], fallback["ErrorUrl"]) == (str(code), f"{customer.url}/voice")


async def test_failed_connection_is_retried_once_with_the_same_token() -> None:
    async with Customer(make_agent=closing_agent).running() as customer, running_twilio_network() as net:
        net.webhook_client.faults = DeliveryFaults(drop_first=True)
        await run_call(net, customer, connect(customer, attributes='action="/after"'))
        attempts = [(delivery.attempt, delivery.failure) for delivery in net.webhook_client.deliveries]
        assert attempts[:2] == [(1, "connect"), (2, None)]
        tokens = [request.headers["I-Twilio-Idempotency-Token"] for request in customer.webhooks]
        assert len(set(tokens)) == len(tokens) == 3


async def test_caller_hangs_up_while_the_call_rings() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer, StatusCallback=f"{customer.url}/status")
        gone = asyncio.Event()
        customer.documents["/voice"] = [
            '<Response><Dial answerOnBridge="true" timeout="600">+12125550777</Dial></Response>'
        ]
        net.phone_network.subscribers["+12125550777"] = Subscriber("no_answer")
        calling = asyncio.create_task(net.phone_network.call(PERSON, NUMBER, passive_listener(), hung_up=gone))
        await customer.wait_until(lambda: customer.fields_of("/voice"))
        gone.set()
        outcome = await calling
        await net.webhook_client.drain()
        assert (outcome.answered, outcome.reason) == (False, "cancelled")
        (status,) = customer.fields_of("/status")
        assert (status["CallStatus"], status["SipResponseCode"]) == ("no-answer", "487")


async def test_number_without_a_voice_url_and_unknown_number() -> None:
    async with Customer().running(), running_twilio_network() as net:
        net.carrier.add_number(NUMBER, {})
        assert (await net.phone_network.call(PERSON, NUMBER, passive_listener())).reason == "failed"
        assert (await net.phone_network.call(PERSON, "+14155550199", passive_listener())).reason == "unknown_number"


async def test_status_callbacks_can_be_duplicated() -> None:
    async with Customer(make_agent=closing_agent).running() as customer, running_twilio_network() as net:
        net.webhook_client.faults = DeliveryFaults(duplicate=True, shuffle_s=0.05)
        await run_call(net, customer, connect(customer))
        first, second = (request for request in customer.webhooks if request.path == "/status")
        assert first.fields == second.fields
        assert first.headers["I-Twilio-Idempotency-Token"] == second.headers["I-Twilio-Idempotency-Token"]


async def test_stream_status_callbacks() -> None:
    async with Customer(make_agent=closing_agent).running() as customer, running_twilio_network() as net:
        stream = f'<Stream url="{customer.media_url}" name="talk" statusCallback="{customer.url}/stream"/>'
        await run_call(net, customer, f"<Response><Connect>{stream}</Connect></Response>")
        assert [reported["StreamEvent"] for reported in customer.fields_of("/stream")] == [
            "stream-started",
            "stream-stopped",
        ]
        assert {reported["StreamName"] for reported in customer.fields_of("/stream")} == {"talk"}
