"""People at the live desk on a running call of a real media node: they hear it, whisper, speak in the agent's place."""

import asyncio
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np
import pytest

from control.calls.events.tasks import consume_events
from control.db.pool import open_pool
from media.audio import mulaw
from shared.bus.client import bus_client
from tests.console.browser import Person, needs_browser, person, running_browser
from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.control.api.test_supervised_conversation import recording_model
from tests.control.api.test_supervision import dialed_call, running_call
from tests.control.calls.consumed_events import FAST_PACE
from tests.media.server.conftest import speech as speech  # a fixture
from tests.media.server.phone import SILENCE, Phone
from tests.platform.api import Api, running_api
from tests.platform.bus_node import BusNode, wait_until
from vocalized.caller.local_speech import load_recognizer, load_voice
from vocalized.demo.readback import utterances, words_of

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = needs_browser
# Half a second of a loud tone.
TONE = bytes((0x90, 0x10) * 2_000)
RATE, FRAME_BYTES, FRAME_S = 8_000, 160, 0.02
NOTE = "Offer the caller Friday."
SAID = "One moment, please."
PERSON = "We will call you back at noon."
RECOGNIZED = "and so my fellow americans"
# Whatever the page plays is also recorded at 8 kHz, the caller's side of it, by the console's own worklet.
_RECORD = """
    const connect = AudioNode.prototype.connect;
    window.heard = [];
    AudioNode.prototype.connect = function (target, ...more) {
        if (target === this.context.destination) {
            const recorder = new AudioWorkletNode(this.context, "microphone", { numberOfOutputs: 0 });
            recorder.port.onmessage = ({ data }) => window.heard.push(...data);
            connect.call(this, recorder);
        }
        return connect.call(this, target, ...more);
    };
"""


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """On an empty Valkey."""
    redis = bus_client(valkey_url, 5.0)
    await redis.flushall()
    await redis.aclose()
    async with running_api(database_url, valkey_url) as running:
        yield running


@asynccontextmanager
async def desk(workspace: CallWorkspace, call_id: str, node: BusNode, *arguments: str) -> AsyncIterator[Person]:
    """The workspace's owner at the opened call."""
    mapped = f"--host-resolver-rules=MAP media.test:80 {urlsplit(node.url).netloc}"
    async with (
        running_browser(mapped, *arguments) as browser,
        # The policy allows nodes of this machine, and the test's node has another name.
        person(browser, workspace.api, bypass_csp=True) as visitor,
    ):
        await visitor.page.add_init_script(_RECORD)
        await visitor.sign_in(workspace.ann.email)
        await visitor.open(f"/w/{workspace.workspace_id}/live?call={call_id}")
        yield visitor


@asynccontextmanager
async def storing_events(database_url: str, valkey_url: str) -> AsyncIterator[None]:
    """Stores what the node reports, as a worker does."""

    async def forget(call_ids: Any) -> None:
        """The conversations stay on the bus, which the next test empties."""

    async with AsyncExitStack() as stack:
        redis = bus_client(valkey_url, 5.0)
        stack.push_async_callback(redis.aclose)
        pool, stop = await stack.enter_async_context(open_pool(database_url, size=1)), asyncio.Event()
        task = asyncio.create_task(consume_events(pool, redis, forget, stop, pace=FAST_PACE))
        try:
            yield
        finally:
            stop.set()
            await task


class RealTimeCaller:
    """A caller whose audio comes as fast as it sounds, because a browser plays and records in real time."""

    def __init__(self, phone: Phone) -> None:
        self._phone, self._waiting = phone, bytearray()

    async def speak(self, ulaw: bytes) -> None:
        """Returns when all of it was sent."""
        self._waiting += ulaw
        while self._waiting:  # noqa: ASYNC110  # the sender takes it frame by frame
            await asyncio.sleep(FRAME_S)

    async def run(self) -> None:
        """Sends what is spoken, else silence, until it is canceled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            frame = bytes(self._waiting[:FRAME_BYTES]) or SILENCE
            del self._waiting[:FRAME_BYTES]
            await self._phone.speak(frame)
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - loop.time()))


@asynccontextmanager
async def real_time(phone: Phone) -> AsyncIterator[RealTimeCaller]:
    caller = RealTimeCaller(phone)
    sending = asyncio.create_task(caller.run())
    try:
        yield caller
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def write_voice(path: Path) -> Path:
    """Writes what the fake microphone picks up once: the words of the person, by the local voice."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(RATE) + load_voice()(PERSON) + bytes(2 * RATE * 60))
    return path


async def heard_by(page: "Page") -> set[str]:
    """The words in the caller's side of what the page has played."""
    samples = np.array(await page.evaluate("window.heard"), dtype=np.float32)
    return recognized((np.clip(samples, -1, 1) * 32_767).astype(np.int16))


def recognized(pcm: "np.ndarray[Any, np.dtype[np.int16]]") -> set[str]:
    recognize = load_recognizer()
    return set(words_of(" ".join(recognize(piece.astype("<i2").tobytes()) for piece in utterances(pcm))))


async def test_a_member_hears_the_caller(api: Api, valkey_url: str, tmp_path: Path) -> None:
    workspace = await make_call_workspace(api)
    async with (
        running_call(workspace, tmp_path, valkey_url) as (call_id, node, phone),
        desk(workspace, call_id, node) as visitor,
    ):
        page = visitor.page
        await page.get_by_role("button", name="Listen", exact=True).click()
        await page.get_by_role("button", name="Stop listening").wait_for()
        meter, loudest = page.get_by_label("Level of the caller"), 0.0
        for _ in range(40):
            await phone.speak(TONE)
            loudest = max(loudest, float(await meter.evaluate("meter => meter.value")))
            if loudest > 0.3:
                break
        assert loudest > 0.3
        await page.get_by_role("button", name="Stop listening").click()
        await page.get_by_role("button", name="Listen", exact=True).wait_for()
        assert visitor.faults == []
    assert await workspace.audit_actions(call_id) == ["call.supervise"]


def mentions(bodies: list[dict[str, Any]], text: str) -> Callable[[], Awaitable[bool]]:
    """Whether a request to the model has a text."""

    async def is_there() -> bool:
        return any(text.lower() in str(message["content"]).lower() for body in bodies for message in body["messages"])

    return is_there


@pytest.mark.speech
async def test_a_supervisor_hears_whispers_speaks_and_gives_the_call_back(
    api: Api, database_url: str, valkey_url: str, tmp_path: Path, speech: bytes
) -> None:
    workspace = await make_call_workspace(api)
    microphone = write_voice(tmp_path / "microphone.wav")
    arguments = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    )
    async with (
        recording_model() as (model, bodies),
        dialed_call(workspace, tmp_path / "node", valkey_url, llm=[model]) as (call_id, node, phone),
        real_time(phone) as caller,
        storing_events(database_url, valkey_url),
        desk(workspace, call_id, node, *arguments) as visitor,
    ):
        page, log = visitor.page, visitor.page.get_by_role("log")
        await wait_until(lambda: node.live_call(call_id))
        await page.get_by_role("button", name="Listen, whisper and speak").click()
        await page.get_by_role("button", name="Stop listening").wait_for()

        # The page's sound has the caller's words; a busy machine may lose some. The call's recognizer is a stand-in.
        heard: set[str] = set()
        for _ in range(4):
            await caller.speak(speech)
            heard |= await heard_by(page)
            if {"my", "fellow"} <= heard:
                break
        assert {"my", "fellow"} <= heard
        await log.get_by_text(RECOGNIZED).first.wait_for()
        await wait_until(mentions(bodies, RECOGNIZED))

        # A whisper is in the next request to the model, and the caller does not hear it.
        assert not await mentions(bodies, NOTE)()
        await page.get_by_label("A note for the agent, which the caller does not hear").fill(NOTE)
        await page.get_by_role("button", name="Whisper").click()
        await caller.speak(speech)
        await wait_until(mentions(bodies, NOTE))

        # The agent says words that the person types.
        await page.get_by_role("button", name="Say words").click()
        await page.get_by_role("dialog").get_by_label("The agent says").fill(SAID)
        await page.get_by_role("dialog").get_by_role("button", name="Say it").click()
        await log.get_by_text(SAID).wait_for()

        # The person speaks in its place: the caller hears the voice, and the page shows the words.
        await page.get_by_role("button", name="Speak in its place").click()
        await page.get_by_role("button", name="Give the line back").wait_for()
        before = len(phone.audio)
        await log.get_by_text("Person").first.wait_for()
        spoken = np.frombuffer(mulaw.decode(bytes(phone.audio[before:])), dtype="<i2").astype(np.int16)
        assert {"call", "you", "noon"} <= recognized(spoken)

        # The line is given back: the model then knows what was said.
        assert not await mentions(bodies, f"the caller: {RECOGNIZED}")()
        await page.get_by_role("button", name="Give the line back").click()
        await page.get_by_role("button", name="Speak in its place").wait_for()
        await caller.speak(speech)
        await wait_until(mentions(bodies, f"the caller: {RECOGNIZED}"))
        assert visitor.faults == []
        await page.get_by_role("button", name="Stop listening").click()
        names = ("began", "whispered", "speaking", "spoke", "ended")
        actions = {"call.supervise", "call.say", *(f"call.supervision_{name}" for name in names)}

        async def is_recorded() -> bool:
            return actions <= set(await workspace.audit_actions(call_id))

        await wait_until(is_recorded)
        details = await api.owner.fetchval(
            "SELECT string_agg(details::text, '') FROM audit_log WHERE workspace_id = $1", UUID(workspace.workspace_id)
        )
        assert NOTE not in details and SAID not in details
    said = await api.owner.fetch(
        "SELECT event_data ->> 'text' AS text FROM call_events WHERE call_id = $1 AND event_type = 'agent.said'",
        UUID(call_id),
    )
    assert not any(NOTE in row["text"] for row in said)
