"""Calls that are placed, looked at, redirected and ended by REST."""

import asyncio

import aiohttp
import pytest

from simulator.carrier.network.world import Subscriber
from tests.simulator.carrier.network.stage import (
    ACCOUNT,
    LIMIT_S,
    NUMBER,
    PERSON,
    TOKEN,
    Customer,
    Network,
    answering,
    connect,
    network,
    own_number,
    patient,
)
from tests.simulator.scripted_agent import ScriptedAgent

ALL = ["initiated", "ringing", "answered", "completed"]


def leaving() -> ScriptedAgent:
    return ScriptedAgent(greeting_ms=0, closing=True)


async def placed(net: Network, customer: Customer, **fields: object) -> str:
    """Places a call from NUMBER to PERSON; returns its id."""
    told = {"To": PERSON, "From": NUMBER, "StatusCallback": f"{customer.url}/status", "StatusCallbackEvent": ALL}
    status, body = await net.request("POST", "Calls.json", **(told | fields))
    assert (status, body["status"], body["direction"]) == (201, "queued", "outbound-api")
    return str(body["sid"])


async def ended(net: Network, customer: Customer) -> list[str]:
    """The statuses that were told, once the last one was; every webhook was signed."""
    final = {"completed", "busy", "failed", "no-answer", "canceled"}
    await customer.until(lambda: any(told["CallStatus"] in final for told in customer.at("/status")))
    await net.hooks.settle()
    assert all(asked.signed for asked in customer.asked)
    told = sorted(customer.at("/status"), key=lambda told: int(told["SequenceNumber"]))
    assert [int(one["SequenceNumber"]) for one in told] == list(range(len(told)))
    return [one["CallStatus"] for one in told]


async def test_a_call_is_placed_answered_and_led_through_its_document() -> None:
    async with Customer(make=leaving).running() as customer, network() as net:
        own_number(net, customer)
        net.world.subscribers[PERSON] = answering()
        customer.documents["/answered"] = [connect(customer)]
        sid = await placed(net, customer, Url=f"{customer.url}/answered?call=7")
        assert await ended(net, customer) == ["initiated", "ringing", "in-progress", "completed"]
        (answered,) = customer.at("/answered")
        told = (answered["CallSid"], answered["CallStatus"], answered["Direction"], answered["To"])
        assert told == (sid, "in-progress", "outbound-api", PERSON)
        assert customer.agents[0].received
        _, body = await net.request("GET", f"Calls/{sid}.json")
        assert (body["status"], body["to"], body["from"], body["price"]) == ("completed", PERSON, NUMBER, None)
        assert isinstance(body["duration"], str)


@pytest.mark.parametrize(
    ("behaviour", "status", "sip"),
    [("busy", "busy", "486"), ("reject", "busy", "603"), ("no_answer", "no-answer", "487"), (None, "failed", "404")],
)
async def test_a_phone_that_is_not_answered(behaviour: str | None, status: str, sip: str) -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer)
        if behaviour is not None:
            net.world.subscribers[PERSON] = Subscriber(behaviour, ring_s=0.01)  # type: ignore[arg-type]
        await placed(net, customer, Url=f"{customer.url}/answered", Timeout=1)
        assert (await ended(net, customer))[-1] == status
        assert customer.at("/status")[-1]["SipResponseCode"] == sip
        assert customer.at("/answered") == []


async def test_a_call_that_rings_can_be_cancelled() -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer)
        net.world.subscribers[PERSON] = Subscriber("no_answer")
        sid = await placed(net, customer, Twiml="<Response/>")
        await customer.until(lambda: len(customer.at("/status")) == 2)
        await net.request("POST", f"Calls/{sid}.json", Status="canceled")
        assert await ended(net, customer) == ["initiated", "ringing", "canceled"]


async def test_a_live_call_is_redirected_and_its_stream_ends_with_a_stop() -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer)
        net.world.subscribers[PERSON] = answering()
        sid = await placed(net, customer, Twiml=connect(customer, attributes='action="http://127.0.0.1:1/never"'))
        await customer.until(lambda: len(customer.at("/status")) == 3)
        await customer.until(lambda: customer.agents and customer.agents[0].start)
        document = "<Response><Say>Moved</Say></Response>"
        status, body = await net.request("POST", f"Calls/{sid}.json", Twiml=document)
        assert (status, body["status"]) == (200, "in-progress")
        assert (await ended(net, customer))[-1] == "completed"
        await customer.until(lambda: customer.agents[0].stopped)
        call = net.side.ledger.calls[sid]
        assert [entry.text for entry in call.log if entry.kind == "say"] == ["Moved"]
        assert [entry for entry in call.log if entry.kind == "error"] == []
        status, body = await net.request("POST", f"Calls/{sid}.json", Twiml=document)
        assert (status, body["code"], body["status"]) == (400, 21220, 400)
        assert str(body["more_info"]).endswith("/21220") and body["message"]


async def test_a_live_call_is_ended_and_a_long_one_ends_by_itself() -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer)
        net.world.subscribers[PERSON] = answering()
        sid = await placed(net, customer, Twiml=connect(customer))
        await customer.until(lambda: len(customer.at("/status")) == 3)
        await net.request("POST", f"Calls/{sid}.json", Status="completed")
        assert (await ended(net, customer))[-1] == "completed"
        customer.asked.clear()
        await placed(net, customer, Twiml="<Response><Pause length='3000'/></Response>", TimeLimit=1)
        assert (await ended(net, customer))[-1] == "completed"


@pytest.mark.parametrize(
    ("behaviour", "mode", "verdict"),
    [
        ("answer", "Enable", "human"),
        ("machine", "Enable", "machine_start"),
        ("machine", "DetectMessageEnd", "machine_end_beep"),
    ],
)
async def test_who_answered_is_found_out_beside_the_call(behaviour: str, mode: str, verdict: str) -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer)
        net.world.subscribers[PERSON] = Subscriber(behaviour, ring_s=0.01)  # type: ignore[arg-type]
        amd = {"MachineDetection": mode, "AsyncAmd": "true", "AsyncAmdStatusCallback": f"{customer.url}/amd"}
        sid = await placed(net, customer, Twiml=connect(customer), **amd)
        await customer.until(lambda: customer.at("/amd"))
        (told,) = customer.at("/amd")
        assert (told["CallSid"], told["AccountSid"], told["AnsweredBy"]) == (sid, ACCOUNT, verdict)
        assert told["MachineDetectionDuration"].isdecimal()
        await net.request("POST", f"Calls/{sid}.json", Status="completed")
        await ended(net, customer)
        _, body = await net.request("GET", f"Calls/{sid}.json")
        assert body["answered_by"] == verdict


async def test_without_async_the_document_waits_for_the_verdict() -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer)
        net.world.subscribers[PERSON] = Subscriber("machine", ring_s=0.01)
        await placed(net, customer, Url=f"{customer.url}/answered", MachineDetection="Enable")
        await ended(net, customer)
        assert customer.at("/answered")[0]["AnsweredBy"] == "machine_start"


async def test_calls_beyond_the_rate_wait_in_the_queue() -> None:
    async with Customer().running() as customer, network(calls_per_second=20.0) as net:
        own_number(net, customer)
        net.world.subscribers[PERSON] = Subscriber("busy", ring_s=0.0)
        began = asyncio.get_running_loop().time()
        for _ in range(5):
            await placed(net, customer, Twiml="<Response/>")
        await customer.until(lambda: sum(told["CallStatus"] == "busy" for told in customer.at("/status")) == 5)
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
async def test_a_call_that_cannot_be_placed(fields: dict[str, object], code: int) -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer)
        told = {"To": PERSON, "From": NUMBER, "Twiml": "<Response/>"} | fields
        status, body = await net.request("POST", "Calls.json", **told)
        assert (status, body["code"], body["status"]) == (400, code, 400)
        assert net.side.ledger.calls == {}


async def test_calls_are_listed_page_by_page_and_filtered() -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer)
        net.world.subscribers[PERSON] = Subscriber("busy", ring_s=0.0)
        sids = [await placed(net, customer, Twiml="<Response/>") for _ in range(3)]
        await customer.until(lambda: sum(told["CallStatus"] == "busy" for told in customer.at("/status")) == 3)

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


async def test_who_is_not_the_account_gets_nothing() -> None:
    async with network() as net:
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


async def test_one_call_ends_and_the_other_goes_on() -> None:
    async with Customer().running() as customer, network() as net:
        own_number(net, customer)
        net.world.subscribers[PERSON] = answering()
        first = await placed(net, customer, Twiml=connect(customer))
        await customer.until(lambda: len(customer.at("/status")) == 3)
        net.world.subscribers["+12125550124"] = Subscriber(ring_s=0.01, party=lambda: patient(0.1))
        await placed(net, customer, Twiml=connect(customer), To="+12125550124")
        await customer.until(lambda: any(told["CallStatus"] == "completed" for told in customer.at("/status")))
        assert net.side.ledger.calls[first].status == "in-progress"
