"""Calls over a real WebSocket."""

import socket
from typing import NoReturn

import aiohttp
import numpy as np
import pytest
from aiohttp.abc import AbstractResolver

from simulator.carrier.caller import Caller
from simulator.carrier.media_call import BadUrl, CannotConnect, CompletedCall, check_url, dial
from simulator.carrier.mulaw import decode
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import AfterAgent, BargeIn, Ending
from simulator.carrier.stream_messages import twilio_identity
from tests.simulator.agent_server import AgentServer
from tests.simulator.carrier.test_caller import speech
from tests.simulator.scripted_agent import ScriptedAgent

FRAMES_OF_SLACK_MS = 60  # a message may take up to three frames to pass two event loops


async def call(server: AgentServer, turns: list[PreparedTurn], **headers: str) -> tuple[Caller, CompletedCall]:
    caller = Caller(turns, Ending(quiet_ms=600, timeout_ms=4_000))
    async with aiohttp.ClientSession() as session:
        url = f"{server.url}/media/twilio"
        identity = twilio_identity({"who": "test"})
        record = await dial(session, url, caller, identity, clock=server.clock, headers=headers)
    return caller, record


async def test_call_over_a_real_socket() -> None:
    async with AgentServer(lambda: ScriptedAgent(answers_ms=(800, 600))).running() as server:
        turns = [speech(500, AfterAgent(600, 3_000)), speech(700, AfterAgent(600, 3_000))]
        caller, record = await call(server, turns, **{"X-Twilio-Signature": "s"})
    (agent,) = server.agents
    assert (record.end.by, record.faults, record.marks) == ("caller", (), 3)
    assert agent.start["start"]["customParameters"] == {"who": "test"}  # type: ignore[index]
    assert server.headers[0]["X-Twilio-Signature"] == "s"
    assert [end - begin for begin, end in agent.turns] == [500, 700]
    for report in caller.reports:
        assert report.latency_ms == pytest.approx(520, abs=FRAMES_OF_SLACK_MS)
    heard = np.abs(decode(record.audio.agent)).reshape(-1, 160).max(axis=1) > 1_000
    assert heard.sum() * 20 == 400 + 800 + 600
    assert agent.played == ["greeting", "answer 1", "answer 2"]
    assert agent.stopped


async def test_barge_in_over_a_real_socket() -> None:
    async with AgentServer(lambda: ScriptedAgent(answers_ms=(5_000, 600))).running() as server:
        turns = [speech(500, AfterAgent(600, 3_000)), speech(700, BargeIn(1_000))]
        caller, record = await call(server, turns)
    assert record.clears == 1
    assert caller.reports[1].barge_in_ms == pytest.approx(20, abs=FRAMES_OF_SLACK_MS)
    heard = np.abs(decode(record.audio.agent)).reshape(-1, 160).max(axis=1) > 1_000
    assert heard.sum() * 20 == pytest.approx(400 + 1_020 + 600, abs=FRAMES_OF_SLACK_MS)


@pytest.mark.parametrize(("code", "by"), [(1000, "agent"), (1011, "broken")])
async def test_close_code_distinguishes_a_hang_up_from_a_failure(code: int, by: str) -> None:
    server = AgentServer(lambda: ScriptedAgent(hangs_up_after=1), close_code=code)
    async with server.running():
        _, record = await call(server, [speech(500, AfterAgent(600, 3_000))])
    assert (record.end.by, record.end.code) == (by, code)


async def test_http_error_is_in_the_message() -> None:
    async with AgentServer().running() as server, aiohttp.ClientSession() as session:
        with pytest.raises(CannotConnect, match="503"):
            await dial(session, f"{server.url}/busy", Caller([]), twilio_identity())
        with pytest.raises(CannotConnect, match="404"):
            await dial(session, f"{server.url}/nowhere", Caller([]), twilio_identity())


async def test_refused_connection_is_in_the_message() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{free.getsockname()[1]}/media/twilio"
        async with aiohttp.ClientSession() as session:
            with pytest.raises(CannotConnect, match=r"nothing answers at .*: connection refused"):
                await dial(session, url, Caller([]), twilio_identity())


class NoNames(AbstractResolver):
    """Resolves no host."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> NoReturn:
        raise OSError("unknown")

    async def close(self) -> None:
        pass


async def test_unknown_host_is_in_the_message() -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoNames())) as session:
        with pytest.raises(CannotConnect, match=r"no host by the name in ws://agents\.invalid/"):
            await dial(session, "ws://agents.invalid/media/twilio", Caller([]), twilio_identity())


@pytest.mark.parametrize(
    "url", ["", "http://host/", "ws://", "ws:///path", "ws://host:99999/", "ws://host:0/", "ws://h/?a=1", "ws://[bad/"]
)
def test_invalid_urls_are_refused(url: str) -> None:
    with pytest.raises(BadUrl):
        check_url(url)


def test_valid_url_is_accepted() -> None:
    assert check_url("wss://agents.example.com/media/twilio") == "wss://agents.example.com/media/twilio"
