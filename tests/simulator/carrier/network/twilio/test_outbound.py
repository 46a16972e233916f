"""Calls by REST: create, fetch, redirect, end."""

import asyncio

import aiohttp
import pytest

from simulator.carrier.network.phone_network import Subscriber
from tests.platform.twilio_network import (
    ACCOUNT,
    LIMIT_S,
    NUMBER,
    PERSON,
    TOKEN,
    Customer,
    TwilioNetwork,
    add_own_number,
    answering_phone,
    connect,
    passive_listener,
    running_twilio_network,
)
from tests.simulator.scripted_agent import ScriptedAgent

ALL = ["initiated", "ringing", "answered", "completed"]


def closing_agent() -> ScriptedAgent:
    return ScriptedAgent(greeting_ms=0, closing=True)


async def place_call(net: TwilioNetwork, customer: Customer, **fields: object) -> str:
    """Places a call from NUMBER to PERSON; returns its id."""
    reported = {"To": PERSON, "From": NUMBER, "StatusCallback": f"{customer.url}/status", "StatusCallbackEvent": ALL}
    status, body = await net.request("POST", "Calls.json", **(reported | fields))
    assert (status, body["status"], body["direction"]) == (201, "queued", "outbound-api")
    return str(body["sid"])


async def final_statuses(net: TwilioNetwork, customer: Customer) -> list[str]:
    """Waits for the final status callback; returns all statuses. Checks that every webhook was signed."""
    final = {"completed", "busy", "failed", "no-answer", "canceled"}
    await customer.wait_until(
        lambda: any(reported["CallStatus"] in final for reported in customer.fields_of("/status"))
    )
    await net.webhook_client.drain()
    assert all(request.signed for request in customer.webhooks)
    reported = sorted(customer.fields_of("/status"), key=lambda reported: int(reported["SequenceNumber"]))
    assert [int(one["SequenceNumber"]) for one in reported] == list(range(len(reported)))
    return [one["CallStatus"] for one in reported]


async def test_call_is_placed_answered_and_executes_its_document() -> None:
    async with Customer(make_agent=closing_agent).running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = answering_phone()
        customer.documents["/answered"] = [connect(customer)]
        sid = await place_call(net, customer, Url=f"{customer.url}/answered?call=7")
        assert await final_statuses(net, customer) == ["initiated", "ringing", "in-progress", "completed"]
        (answered,) = customer.fields_of("/answered")
        reported = (answered["CallSid"], answered["CallStatus"], answered["Direction"], answered["To"])
        assert reported == (sid, "in-progress", "outbound-api", PERSON)
        assert customer.agents[0].received
        _, body = await net.request("GET", f"Calls/{sid}.json")
        assert (body["status"], body["to"], body["from"], body["price"]) == ("completed", PERSON, NUMBER, None)
        assert isinstance(body["duration"], str)


@pytest.mark.parametrize(
    ("behavior", "status", "sip"),
    [("busy", "busy", "486"), ("reject", "busy", "603"), ("no_answer", "no-answer", "487"), (None, "failed", "404")],
)
async def test_a_phone_that_is_not_answered(behavior: str | None, status: str, sip: str) -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        if behavior is not None:
            net.phone_network.subscribers[PERSON] = Subscriber(behavior, ring_s=0.01)  # type: ignore[arg-type]
        await place_call(net, customer, Url=f"{customer.url}/answered", Timeout=1)
        assert (await final_statuses(net, customer))[-1] == status
        assert customer.fields_of("/status")[-1]["SipResponseCode"] == sip
        assert customer.fields_of("/answered") == []


async def test_a_call_that_rings_can_be_cancelled() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = Subscriber("no_answer")
        sid = await place_call(net, customer, Twiml="<Response/>")
        await customer.wait_until(lambda: len(customer.fields_of("/status")) == 2)
        await net.request("POST", f"Calls/{sid}.json", Status="canceled")
        assert await final_statuses(net, customer) == ["initiated", "ringing", "canceled"]


async def test_redirect_of_a_live_call_ends_its_stream_with_a_stop() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = answering_phone()
        sid = await place_call(net, customer, Twiml=connect(customer, attributes='action="http://127.0.0.1:1/never"'))
        await customer.wait_until(lambda: len(customer.fields_of("/status")) == 3)
        await customer.wait_until(lambda: customer.agents and customer.agents[0].start)
        document = "<Response><Say>Moved</Say></Response>"
        status, body = await net.request("POST", f"Calls/{sid}.json", Twiml=document)
        assert (status, body["status"]) == (200, "in-progress")
        assert (await final_statuses(net, customer))[-1] == "completed"
        await customer.wait_until(lambda: customer.agents[0].stopped)
        call = net.carrier.calls.calls[sid]
        assert [entry.text for entry in call.log if entry.kind == "say"] == ["Moved"]
        assert [entry for entry in call.log if entry.kind == "error"] == []
        status, body = await net.request("POST", f"Calls/{sid}.json", Twiml=document)
        assert (status, body["code"], body["status"]) == (400, 21220, 400)
        assert str(body["more_info"]).endswith("/21220") and body["message"]


async def test_live_call_is_ended_and_a_long_one_reaches_its_time_limit() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = answering_phone()
        sid = await place_call(net, customer, Twiml=connect(customer))
        await customer.wait_until(lambda: len(customer.fields_of("/status")) == 3)
        await net.request("POST", f"Calls/{sid}.json", Status="completed")
        assert (await final_statuses(net, customer))[-1] == "completed"
        customer.webhooks.clear()
        await place_call(net, customer, Twiml="<Response><Pause length='3000'/></Response>", TimeLimit=1)
        assert (await final_statuses(net, customer))[-1] == "completed"


@pytest.mark.parametrize(
    ("behavior", "mode", "verdict"),
    [
        ("answer", "Enable", "human"),
        ("machine", "Enable", "machine_start"),
        ("machine", "DetectMessageEnd", "machine_end_beep"),
    ],
)
async def test_asynchronous_machine_detection(behavior: str, mode: str, verdict: str) -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = Subscriber(behavior, ring_s=0.01)  # type: ignore[arg-type]
        amd = {"MachineDetection": mode, "AsyncAmd": "true", "AsyncAmdStatusCallback": f"{customer.url}/amd"}
        sid = await place_call(net, customer, Twiml=connect(customer), **amd)
        await customer.wait_until(lambda: customer.fields_of("/amd"))
        (reported,) = customer.fields_of("/amd")
        assert (reported["CallSid"], reported["AccountSid"], reported["AnsweredBy"]) == (sid, ACCOUNT, verdict)
        assert reported["MachineDetectionDuration"].isdecimal()
        await net.request("POST", f"Calls/{sid}.json", Status="completed")
        await final_statuses(net, customer)
        _, body = await net.request("GET", f"Calls/{sid}.json")
        assert body["answered_by"] == verdict


async def test_synchronous_machine_detection_delays_the_document() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = Subscriber("machine", ring_s=0.01)
        await place_call(net, customer, Url=f"{customer.url}/answered", MachineDetection="Enable")
        await final_statuses(net, customer)
        assert customer.fields_of("/answered")[0]["AnsweredBy"] == "machine_start"


async def test_calls_above_the_rate_are_queued() -> None:
    async with Customer().running() as customer, running_twilio_network(calls_per_second=20.0) as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = Subscriber("busy", ring_s=0.0)
        began = asyncio.get_running_loop().time()
        for _ in range(5):
            await place_call(net, customer, Twiml="<Response/>")
        await customer.wait_until(
            lambda: sum(reported["CallStatus"] == "busy" for reported in customer.fields_of("/status")) == 5
        )
        assert asyncio.get_running_loop().time() - began >= 4 / 20


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"To": ""}, 21201),
        ({"From": ""}, 21213),
        ({"To": "12"}, 21217),
        ({"From": "+14155550111"}, 21210),
        ({"Twiml": ""}, 21205),
        ({"Twiml": "<Response>"}, 12100),
        ({"Twiml": f"<Response>{' ' * 4_000}</Response>"}, 21206),
        ({"StatusCallbackEvent": ["sometimes"]}, 21626),
        ({"Timeout": "601"}, 20001),
        ({"TimeLimit": "x"}, 20001),
    ],
)
async def test_invalid_call_request_is_refused(fields: dict[str, object], code: int) -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        reported = {"To": PERSON, "From": NUMBER, "Twiml": "<Response/>"} | fields
        status, body = await net.request("POST", "Calls.json", **reported)
        assert (status, body["code"], body["status"]) == (400, code, 400)
        assert net.carrier.calls.calls == {}


async def test_calls_are_listed_page_by_page_and_filtered() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = Subscriber("busy", ring_s=0.0)
        sids = [await place_call(net, customer, Twiml="<Response/>") for _ in range(3)]
        await customer.wait_until(
            lambda: sum(reported["CallStatus"] == "busy" for reported in customer.fields_of("/status")) == 3
        )

        async def listed(**query: object) -> list[object]:
            _, body = await net.request("GET", "Calls.json", **query)
            calls = body["calls"]
            assert isinstance(calls, list)
            return [call["sid"] for call in calls]

        assert await listed() == sids[::-1]
        _, first = await net.request("GET", "Calls.json", PageSize=2, Status="busy")
        following = str(first["next_page_uri"])
        async with asyncio.timeout(LIMIT_S):
            _, rest = await net.request("GET", following.partition(f"{ACCOUNT}/")[2])
        assert isinstance(rest["calls"], list)
        assert ([call["sid"] for call in rest["calls"]], rest["next_page_uri"]) == (sids[:1], None)
        assert await listed(To="+1") == await listed(Status="completed") == await listed(From=PERSON) == []
        assert len(await listed(To=PERSON, From=NUMBER)) == 3
        assert len(await listed(**{"StartTime>": "2020-01-01T00:00:00Z"})) == 3
        assert await listed(**{"StartTime<": "2020-01-01"}) == []
        status, _ = await net.request("GET", "Calls.json", **{"StartTime>": "soon"})
        assert status == 400


async def test_wrong_credentials_are_refused() -> None:
    async with running_twilio_network() as net:
        url = f"{net.url}/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
        for given in (
            None,
            aiohttp.encode_basic_auth(ACCOUNT, "wrong"),
            aiohttp.encode_basic_auth("AC1", TOKEN),
            "Basic ?",
        ):
            headers = {} if given is None else {"Authorization": given}
            async with net.session.get(url, headers=headers) as answer:
                assert (answer.status, (await answer.json())["code"]) == (401, 20003)
        status, body = await net.request("GET", "Calls/CA00.json")
        assert (status, body["code"]) == (404, 20404)
        other = url.replace(ACCOUNT, "AC" + "1" * 32)
        async with net.session.get(
            other, headers={"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}
        ) as answer:
            assert answer.status == 404


async def test_end_of_one_call_does_not_affect_another() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = answering_phone()
        first = await place_call(net, customer, Twiml=connect(customer))
        await customer.wait_until(lambda: len(customer.fields_of("/status")) == 3)
        net.phone_network.subscribers["+12125550124"] = Subscriber(ring_s=0.01, party=lambda: passive_listener(0.1))
        await place_call(net, customer, Twiml=connect(customer), To="+12125550124")
        await customer.wait_until(
            lambda: any(reported["CallStatus"] == "completed" for reported in customer.fields_of("/status"))
        )
        assert net.carrier.calls.calls[first].status == "in-progress"


async def test_requests_above_the_accounts_rate_are_refused_and_not_processed() -> None:
    async with Customer().running() as customer, running_twilio_network(create_requests_per_second=2) as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = Subscriber("busy")
        form = {"To": PERSON, "From": NUMBER, "Url": f"{customer.url}/answered"}
        answers = [await net.request("POST", "Calls.json", **form) for _ in range(4)]
        assert sorted(status for status, _ in answers) == [201, 201, 429, 429]
        assert {body["code"] for status, body in answers if status == 429} == {20429}
        assert len(net.carrier.calls.calls) == 2


async def test_single_numbers_may_be_refused() -> None:
    async with Customer().running() as customer, running_twilio_network() as net:
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = Subscriber("busy")
        net.carrier.faults.too_many[PERSON] = 1
        net.carrier.faults.not_permitted.add("+12125550199")
        form = {"From": NUMBER, "Url": f"{customer.url}/answered"}
        answers = [await net.request("POST", "Calls.json", To=to, **form) for to in (PERSON, PERSON, "+12125550199")]
        assert [(status, body.get("code")) for status, body in answers] == [(429, 20429), (201, None), (400, 21215)]
        assert len(net.carrier.calls.calls) == 1
