"""The network as a server and as a program: handsets, subscribers, config, restart, shutdown."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from simulator.carrier.clock import RealTimeClock
from simulator.carrier.handset import CallRefused, answer_call, call_number
from simulator.carrier.media_call import CannotConnect
from simulator.carrier.network.config import ConfigError, make_config, read_config
from simulator.carrier.network.passive_party import PassiveParty, tone
from simulator.carrier.network.server import RunningNetwork, running_network
from simulator.carrier.network.telnyx.faults import TelnyxFaults
from simulator.carrier.network.webhook_client import DeliveryFaults
from tests.platform.twilio_network import (
    ACCOUNT,
    LIMIT_S,
    NUMBER,
    PERSON,
    SPEED,
    TOKEN,
    Customer,
    answering_phone,
    connect,
    talking_caller,
)
from tests.simulator.scripted_agent import ScriptedAgent, loud

SEED = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@asynccontextmanager
async def served(customer: Customer) -> AsyncIterator[tuple[RunningNetwork, aiohttp.ClientSession, str]]:
    """A running network on a TCP port."""
    config = make_config(
        {
            "twilio": {"account_sid": ACCOUNT, "auth_token": TOKEN},
            "telnyx": {
                "api_key": "KEY",
                "signing_key": SEED,
                "connection_id": "1",
                "webhook_url": f"{customer.url}/telnyx",
            },
            "numbers": [{"carrier": "twilio", "phone_number": NUMBER, "voice_url": f"{customer.url}/voice"}],
        }
    )
    async with (
        running_network(config, make_clock=lambda: RealTimeClock(SPEED)) as network,
        TestServer(network.app, host="127.0.0.1") as server,
        aiohttp.ClientSession() as session,
        asyncio.timeout(LIMIT_S),
    ):
        yield network, session, f"http://127.0.0.1:{server.port}"


async def test_handset_calls_an_agent_and_hears_it() -> None:
    async with Customer().running() as customer, served(customer) as (network, session, url):
        customer.documents["/voice"] = [connect(customer)]
        caller = talking_caller()
        record = await call_number(session, url, caller=PERSON, called=NUMBER, party=caller)
        assert record.end.by == "caller"
        assert network.twilio is not None
        assert record.identity.call in network.twilio.calls.calls
        (report,) = caller.reports
        assert report.latency_ms is not None and report.answer_heard_ms is not None
        assert loud(bytes(record.audio.agent)) and loud(bytes(record.audio.caller))
        assert customer.agents[0].played == ["greeting", "answer 1"]


async def test_handset_is_notified_when_the_agents_side_hangs_up() -> None:
    async with Customer().running() as customer, served(customer) as (_, session, url):
        customer.documents["/voice"] = [connect(customer)]
        customer.make_agent = lambda: ScriptedAgent(greeting_ms=0, closing=True)
        record = await call_number(session, url, caller=PERSON, called=NUMBER, party=PassiveParty())
        assert record.end.by == "agent"


async def test_handset_that_disconnects_hangs_up() -> None:
    async with Customer().running() as customer, served(customer) as (network, session, url):
        customer.documents["/voice"] = [connect(customer)]
        async with session.ws_connect(f"{url}/network/handset?from=%2B12125550123&to=%2B14155550100") as handset:
            while not customer.agents or not customer.agents[0].start:
                await handset.receive()
        await customer.wait_until(lambda: customer.agents[0].stopped)
        assert network.twilio is not None


async def test_keys_of_a_handset_reach_the_agent() -> None:
    async with Customer().running() as customer, served(customer) as (_, session, url):
        customer.documents["/voice"] = [connect(customer)]
        async with session.ws_connect(f"{url}/network/handset?from=%2B12125550123&to=%2B14155550100") as handset:
            while not customer.agents or not customer.agents[0].start:
                await handset.receive()
            await handset.send_str('{"event":"digits","digits":"4x2#"}')
            while not customer.agents or customer.agents[0].digits != "42#":
                await handset.receive()
            await handset.send_str('{"event":"hang_up"}')
            async for message in handset:
                if message.type is aiohttp.WSMsgType.TEXT and "ended" in message.data:
                    assert json.loads(message.data) == {"event": "ended", "by": "caller"}
                    break
            else:
                pytest.fail("no ended event was received")


async def test_a_call_that_is_not_answered_is_refused() -> None:
    async with Customer().running() as customer, served(customer) as (_, session, url):
        with pytest.raises(CallRefused, match="unknown_number"):
            await call_number(session, url, caller=PERSON, called="+14155559999", party=PassiveParty())
        customer.documents["/voice"] = ['<Response><Reject reason="busy"/></Response>']
        with pytest.raises(CallRefused, match="busy"):
            await call_number(session, url, caller=PERSON, called=NUMBER, party=PassiveParty())


async def test_connection_without_a_network_fails() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(CannotConnect):
            await call_number(session, "http://127.0.0.1:1", caller=PERSON, called=NUMBER, party=PassiveParty())


async def test_a_handset_waits_to_be_called_and_both_hear_each_other() -> None:
    async with Customer().running() as customer, served(customer) as (network, session, url):
        ready = asyncio.Event()
        waiting = asyncio.create_task(answer_call(session, url, PERSON, PassiveParty(tone(600, 500.0)), ready=ready))
        await ready.wait()
        reached = await network.phone_network.ring_phone(NUMBER, PERSON, carrier="twilio", call_id="CA1")
        await reached.line.play(tone(400, 700.0))
        reached.line.hang_up()
        record = await waiting
        assert (record.end.by, record.identity.call) == ("network", "CA1")
        assert loud(bytes(record.audio.agent)) and loud(bytes(reached.line.audio.caller))
        await reached.line.closed()


async def test_a_handset_that_rejects_or_is_not_called() -> None:
    async with Customer().running() as customer, served(customer) as (network, session, url):
        ready = asyncio.Event()
        waiting = asyncio.create_task(answer_call(session, url, PERSON, PassiveParty(), ready=ready, reject=True))
        await ready.wait()
        with pytest.raises(Exception, match="rejected"):
            await network.phone_network.ring_phone(NUMBER, PERSON)
        with pytest.raises(CallRefused, match="rejected"):
            await waiting
        with pytest.raises(CallRefused, match="not_called"):
            await answer_call(session, url, PERSON, PassiveParty(), wait_s=0.05)


async def test_a_handset_cannot_take_the_number_of_one_that_waits() -> None:
    async with Customer().running() as customer, served(customer) as (network, session, url):
        phones = network.phone_network
        ready, ready_too = asyncio.Event(), asyncio.Event()
        waiting = asyncio.create_task(answer_call(session, url, PERSON, PassiveParty(), ready=ready))
        await ready.wait()
        with pytest.raises(CallRefused, match="phone_taken"):
            await answer_call(session, url, PERSON, PassiveParty())
        talking = await phones.ring_phone(NUMBER, PERSON)
        next_one = asyncio.create_task(answer_call(session, url, PERSON, PassiveParty(), ready=ready_too))
        await ready_too.wait()
        talking.line.hang_up()
        await waiting
        (await phones.ring_phone(NUMBER, PERSON)).line.hang_up()
        await next_one
        await customer.wait_until(lambda: PERSON not in phones.subscribers)


async def test_a_handset_that_waits_learns_that_the_network_has_gone() -> None:
    async with Customer().running() as customer, served(customer) as (network, session, url):
        ready = asyncio.Event()
        waiting = asyncio.create_task(answer_call(session, url, PERSON, PassiveParty(), ready=ready))
        await ready.wait()
        await network.app.shutdown()
        with pytest.raises(CannotConnect, match="before the call began"):
            await waiting


async def test_subscribers_and_calls_over_http(tmp_path: Path) -> None:
    async with Customer().running() as customer, served(customer) as (network, session, url):
        async with session.put(f"{url}/network/subscribers/+12125550999", json={"behaviour": "busy"}) as answer:
            assert answer.status == 204
        with pytest.raises(Exception, match="busy"):
            await network.phone_network.ring_phone(NUMBER, "+12125550999")
        bads: list[object] = [{"behaviour": "sings"}, {"ring_ms": -1}, {"say": str(tmp_path / "none.wav")}, []]
        for bad in bads:
            async with session.put(f"{url}/network/subscribers/+1", json=bad) as answer:
                assert answer.status == 400
        network.phone_network.subscribers[PERSON] = answering_phone()
        reached = await network.phone_network.ring_phone(NUMBER, PERSON)
        async with session.get(f"{url}/network/calls") as answer:
            calls = (await answer.json())["calls"]
        assert [call["state"] for call in calls] == ["busy", "in_progress"]
        reached.line.hang_up()
        async with session.get(f"{url}/network/handset?from=1") as answer:
            assert answer.status == 400
        async with session.get(f"{url}/healthz") as answer:
            assert answer.status == 200


async def test_faults_are_set_over_http() -> None:
    async with Customer().running() as customer, served(customer) as (network, session, url):
        fields = {"duplicate": True, "shuffle_s": 0.5, "twilio_rest": [503], "telnyx_lost": [500]}
        fields |= {"telnyx_refuses": {"transfer": "D13"}}
        async with session.put(f"{url}/network/faults", json=fields) as answer:
            assert answer.status == 204
        assert network.webhook_client.faults == DeliveryFaults(duplicate=True, shuffle_s=0.5)
        assert network.twilio is not None and network.telnyx is not None
        assert (list(network.twilio.fail_next), list(network.telnyx.lose_next)) == ([503], [500])
        assert network.telnyx.faults.refused == {"transfer": "D13"}
        bads: list[object] = [
            {"twilio_rest": [200]},
            {"delay_s": -1},
            {"drop_first": 1},
            {"other": 1},
            7,
            {"telnyx_refuses": 1},
        ]
        for bad in bads:
            async with session.put(f"{url}/network/faults", json=bad) as answer:
                assert answer.status == 400
        network.webhook_client.faults_by_phone["+16465550101"] = DeliveryFaults(drop_first=True)
        network.telnyx.faults.by_phone["+16465550101"] = TelnyxFaults(underscores=True)
        network.twilio.faults.not_permitted.add("+16465550101")
        async with session.put(f"{url}/network/faults", json={}) as answer:
            assert answer.status == 204
        assert network.webhook_client.faults == DeliveryFaults() and not network.twilio.fail_next
        of_phones = (network.webhook_client.faults_by_phone, network.telnyx.faults.by_phone)
        assert not any(of_phones) and not network.twilio.faults.not_permitted


def test_config_error_names_the_field(tmp_path: Path) -> None:
    bad: list[tuple[dict[str, object], str]] = [
        ({"twilio": {"account_sid": "AC1"}}, "twilio.auth_token"),
        ({"twilio": []}, "twilio must be"),
        ({"telnyx": {"api_key": "K"}}, "telnyx.signing_key"),
        ({"numbers": [{"carrier": "bell", "phone_number": "+1"}]}, r"numbers\[0\].carrier"),
        ({"numbers": {}}, "numbers must"),
        ({"default": "sings"}, "default"),
        ({"surprise": 1}, "surprise"),
        ({"twilio": {"account_sid": "A", "auth_token": "T", "calls_per_second": 0}}, "calls_per_second"),
    ]
    for fields, named in bad:
        with pytest.raises(ConfigError, match=named):
            make_config(fields)
    (tmp_path / "c.json").write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        read_config(tmp_path / "c.json")


class Program:
    """`python -m simulator.carrier.network` as a child process."""

    def __init__(self, folder: Path, fields: dict[str, object]) -> None:
        self.folder = folder
        (folder / "network.json").write_text(json.dumps(fields))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        arguments = ["--port", str(self.port), "--config", str(self.folder / "network.json")]
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "simulator.carrier.network",
            *arguments,
            "--state",
            str(self.folder / "state"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            assert b"listening" in await child.stdout.readline()
            yield f"http://127.0.0.1:{self.port}"
            child.send_signal(signal.SIGTERM)
            assert await child.wait() == 0


async def test_numbers_are_stored_over_a_restart(tmp_path: Path) -> None:
    program = Program(tmp_path, {"twilio": {"account_sid": ACCOUNT, "auth_token": TOKEN}})
    auth = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}
    path = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
    async with aiohttp.ClientSession(headers=auth) as session:
        async with program.running() as url:
            fields = {"PhoneNumber": NUMBER, "VoiceUrl": "http://127.0.0.1:1/voice"}
            async with session.post(url + path, data=fields) as answer:
                assert answer.status == 201
        async with program.running() as url, session.get(url + path) as answer:
            (number,) = (await answer.json())["incoming_phone_numbers"]
            assert (number["phone_number"], number["voice_url"]) == (NUMBER, "http://127.0.0.1:1/voice")


async def test_program_ends_orderly_during_calls(tmp_path: Path) -> None:
    async with Customer().running() as customer, aiohttp.ClientSession() as session:
        numbers = [{"carrier": "twilio", "phone_number": NUMBER, "voice_url": f"{customer.url}/voice"}]
        account = {"account_sid": ACCOUNT, "auth_token": TOKEN}
        program = Program(tmp_path, {"twilio": account, "numbers": numbers, "default": "answer"})
        customer.documents["/voice"] = [connect(customer)]
        auth = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}
        async with program.running() as url:
            fields = {"To": PERSON, "From": NUMBER, "Url": f"{customer.url}/voice"}
            path = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
            async with session.post(url + path, data=fields, headers=auth) as answer:
                assert answer.status == 201
            calling = asyncio.create_task(call_number(session, url, caller=PERSON, called=NUMBER, party=PassiveParty()))
            await customer.wait_until(lambda: sum(bool(agent.start) for agent in customer.agents) == 2)
        assert (await calling).end.by in ("caller", "network", "broken")
        await customer.wait_until(lambda: all(agent.stopped for agent in customer.agents))


async def test_program_prints_config_errors(tmp_path: Path) -> None:
    program = Program(tmp_path, {"twilio": {}})
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulator.carrier.network",
        "--port",
        str(program.port),
        "--config",
        str(tmp_path / "network.json"),
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        _, errors = await child.communicate()
    assert child.returncode == 2
    assert errors.decode() == "network: twilio.account_sid must be a non-empty string\n"
