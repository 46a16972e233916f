"""A test call from a browser: its token, its socket, a spoken turn, and its record."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import numpy as np
import pytest
import pytest_asyncio

from lab.stage.callers import read_words
from lab.stage.platform import Platform
from simulator.carrier.audio_clip import Clip
from simulator.carrier.mulaw import decode
from tests.network.call_record import PATIENCE_S, CallRecord, wait_for_record
from tests.network.conftest import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="package")
FRAME_S = 0.02
FRAME_BYTES = 320  # 20 ms at 8 kHz, 16 bits
START = {"event": "start", "format": {"encoding": "pcm_s16le", "sample_rate": 8_000}}


@dataclass(slots=True)
class BrowserPhone:
    """What a page does: sends the microphone all the time, plays what comes, and returns marks that were played.
    to_say: samples that the microphone still picks up. heard: loudness of each message of the agent."""

    socket: aiohttp.ClientWebSocketResponse
    to_say: bytearray = field(default_factory=bytearray)
    heard: list[float] = field(default_factory=list)
    plays_until: float = 0.0

    async def send(self) -> None:
        """The microphone."""
        at = time.monotonic()
        while not self.socket.closed:
            frame = bytes(self.to_say[:FRAME_BYTES])
            del self.to_say[:FRAME_BYTES]
            await self.socket.send_bytes(frame.ljust(FRAME_BYTES, b"\0"))
            at += FRAME_S
            await asyncio.sleep(max(0.0, at - time.monotonic()))

    async def receive(self) -> None:
        """The speaker."""
        async with asyncio.TaskGroup() as marks:
            async for message in self.socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    samples = np.frombuffer(message.data, "<i2")
                    self.heard.append(float(np.abs(samples).max(initial=0)))
                    self.plays_until = max(time.monotonic(), self.plays_until) + len(samples) / 8_000
                elif (event := json.loads(message.data))["event"] == "mark":
                    marks.create_task(self._return_mark(event))
                else:
                    self.plays_until = 0.0

    async def _return_mark(self, mark: Mapping[str, Any]) -> None:
        await asyncio.sleep(max(0.0, self.plays_until - time.monotonic()))
        if not self.socket.closed:
            await self.socket.send_json(mark)

    async def wait_until_heard(self, messages: int) -> None:
        """Waits for so many audible messages of the agent, and then for the end of what it says."""
        async with asyncio.timeout(PATIENCE_S):
            while sum(level > 500 for level in self.heard) < messages:  # noqa: ASYNC110
                await asyncio.sleep(FRAME_S)
            while True:
                count = len(self.heard)
                await asyncio.sleep(max(0.5, self.plays_until - time.monotonic()))
                if len(self.heard) == count:
                    return


@asynccontextmanager
async def opened(socket_url: str) -> AsyncIterator[BrowserPhone]:
    """A phone in its call."""
    async with aiohttp.ClientSession() as session, session.ws_connect(socket_url) as socket:
        await socket.send_json(START)
        phone = BrowserPhone(socket)
        async with asyncio.TaskGroup() as running:
            sending, receiving = running.create_task(phone.send()), running.create_task(phone.receive())
            yield phone
            sending.cancel()
            receiving.cancel()


def agent_path(platform: Platform) -> str:
    """Path of an agent."""
    return f"{platform.workspace.path}/agents/{platform.workspace.agents['twilio'].id}"


async def begin(platform: Platform, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Asks for a test call."""
    return await platform.workspace.owner.request("POST", f"{agent_path(platform)}/browser-calls", body or {})


@dataclass(frozen=True, slots=True)
class FinishedBrowserCall:
    """begun: the API's answer. record: of the call."""

    begun: Mapping[str, Any]
    record: CallRecord


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def finished(platform: Platform) -> FinishedBrowserCall:
    """A call: the caller hears the greeting, says a sentence, types one, hears the answers, and hangs up."""
    begun = await begin(platform, {"metadata": {"tester": "7"}})
    sound = (await read_words(ROOT)).sound
    assert isinstance(sound, Clip)
    words = decode(sound.ulaw).astype("<i2").tobytes()
    async with opened(begun["socket_url"]) as phone:
        await phone.wait_until_heard(1)
        heard = sum(level > 500 for level in phone.heard)
        phone.to_say += words
        await phone.wait_until_heard(heard + 1)
        heard = sum(level > 500 for level in phone.heard)
        await phone.socket.send_json({"event": "text", "text": "Are you open on Sunday?"})
        await phone.wait_until_heard(heard + 1)
        await phone.socket.send_json({"event": "stop"})
    return FinishedBrowserCall(begun, await wait_for_record(platform, begun["call_id"], recorded=True))


async def test_agent_hears_and_answers(finished: FinishedBrowserCall, platform: Platform) -> None:
    path = f"{platform.workspace.path}/calls/{finished.begun['call_id']}/transcription"
    utterances = (await platform.workspace.owner.request("GET", path))["utterances"]
    assert [utterance["speaker"] for utterance in utterances] == ["agent", *["caller", "agent"] * 2]
    assert "fellow americans" in utterances[1]["text"].lower()
    assert utterances[3]["text"] == "Are you open on Sunday?"
    assert finished.record.call["turns"][-1]["latency_ms"]["total"] > 0


async def test_record_is_that_of_a_test_call(finished: FinishedBrowserCall, platform: Platform) -> None:
    call = finished.record.call
    assert (call["status"], call["end_reason"]) == ("completed", "caller_hangup")
    assert (call["carrier"], call["direction"], call["is_test"]) == ("browser", "inbound", True)
    assert (call["caller_number"], call["caller_withheld"], call["called_number"]) == (None, False, None)
    assert call["metadata"] == {"tester": "7"}
    assert call["cost_total"] == 0
    listed = (await platform.workspace.owner.request("GET", f"{platform.workspace.path}/calls"))["calls"]
    assert call["id"] in [row["id"] for row in listed]
    assert finished.record.answer["recording_url"]


async def test_token_works_once(finished: FinishedBrowserCall) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(finished.begun["socket_url"]) as socket:
        await socket.send_json(START)
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 1008


async def test_token_is_in_no_log(finished: FinishedBrowserCall, platform: Platform) -> None:
    token = urlsplit(finished.begun["socket_url"]).path.rpartition("/")[2]
    assert len(token) >= 32
    logs = [path.read_text() for path in platform.state.glob("*.log")]
    assert any(finished.begun["call_id"] in log for log in logs)
    assert not any(token in log for log in logs)


async def test_lost_socket_ends_the_call(platform: Platform) -> None:
    """No carrier asks what comes next, so no other stream follows."""
    begun = await begin(platform)
    async with aiohttp.ClientSession() as session, session.ws_connect(begun["socket_url"]) as socket:
        await socket.send_json(START)
        while (await socket.receive()).type is not aiohttp.WSMsgType.BINARY:
            pass
        await socket.close()
    record = await wait_for_record(platform, begun["call_id"], recorded=False)
    assert (record.call["status"], record.call["end_reason"]) == ("completed", "caller_hangup")
    (row,) = await platform.rows("SELECT media_node FROM calls WHERE id = $1", UUID(begun["call_id"]))
    assert row["media_node"].startswith("media-")
