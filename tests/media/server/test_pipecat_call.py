"""A call whose recognizer, model and voice are services of pipecat, through the media node and its engine process."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import numpy as np
import pytest

from media.audio import mulaw
from media.providers.chain.deadlines import Deadlines
from media.providers.pipecat.process import PipecatProcess
from shared.events import CallEnded, CallerSaid, ProviderFailed
from shared.plan import CallPlan, decode_plan
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.known_speech import KnownRecording, spread_words
from simulator.vendors.voice import find_words, speak
from tests.media.providers.pipecat.simulated import PipecatVendors, running_vendors
from tests.media.server.conftest import WorkerSetup
from tests.media.server.phone import Phone
from tests.media.server.test_connection import events_of

HEARD = "and so my fellow americans"
ANSWERS = ("One moment please, the doctor is looking at the calendar of this week.", "Tuesday it is.")

# After so much of an answer what the caller says is another turn.
SETTLED_MS = 1_000


def answer(body: Mapping[str, Any]) -> ChatReply:
    """The first answer, then the second."""
    turns = json.dumps(body["input"]).count(HEARD)
    return ChatReply(ANSWERS[min(turns, 2) - 1])


@pytest.fixture
async def vendors(speech: bytes) -> AsyncIterator[PipecatVendors]:
    linear = mulaw.encode(mulaw.decode(speech))  # mu-law has two zeros, 16-bit samples have one
    recording: KnownRecording = spread_words(linear, HEARD, 100, 1_700)
    async with running_vendors(recording, answer) as running:
        yield running


@pytest.fixture
def deadlines() -> Deadlines:
    """Which no loaded machine misses: what breaks, breaks at once."""
    return Deadlines(open_s=30.0, transcript_s=30.0, first_token_s=30.0, audio_s=30.0, bound_s=30.0, least_s=30.0)


@pytest.fixture
def backups() -> dict[str, dict[str, Any]]:
    """The second provider of each kind."""
    return {}


@pytest.fixture
def plan(vendors: PipecatVendors, backups: dict[str, dict[str, Any]]) -> CallPlan:
    chains = {
        kind: [vendors.provider(kind), *({"provider": "standin", "options": one} for one in [backups.get(kind)] if one)]
        for kind in ("stt", "llm", "tts")
    }
    limits = {"reply_s": 0, "idle_nudge_s": 0, "silence_s": 0}
    plan = {"agent": {"prompt": "Be kind."}, "turn": {"silence_ms": 400, "adaptive": False}, "limits": limits, **chains}
    return decode_plan(json.dumps(plan))


async def wait_until(is_done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_done():  # noqa: ASYNC110  # a socket's peer does it
            await asyncio.sleep(0.01)


def words_of(phone: Phone) -> list[str]:
    """What the phone heard, found by each word's clip."""
    samples = np.frombuffer(mulaw.decode(bytes(phone.audio)), "<i2")
    vocabulary = " ".join(ANSWERS).lower().replace(",", "").replace(".", "").split()
    return [word.text for word in find_words(samples, vocabulary)]


async def start_engine(worker_setup: WorkerSetup) -> int:
    """Starts the engine, as an earlier call would have done; returns its process id. On a loaded machine that takes
    longer than a call waits for its first recognizer."""
    process = worker_setup.providers._resources.share(PipecatProcess, PipecatProcess)
    _, writer = await process.connect("test")
    writer.close()
    assert process.pid is not None
    return process.pid


async def hear_answer(phone: Phone) -> None:
    """Waits for half a second of the agent's audio."""
    async with phone.sending_silence():
        await wait_until(lambda: len(phone.audio) >= 4_000)


async def test_two_turns_with_a_barge_in(worker_setup: WorkerSetup, vendors: PipecatVendors, speech: bytes) -> None:
    await start_engine(worker_setup)
    phone = await worker_setup.dial()
    await phone.speak(speech)
    await hear_answer(phone)
    await phone.pause(SETTLED_MS)
    await phone.speak(speech)  # over the agent
    async with phone.sending_silence():
        await wait_until(lambda: phone.events.count("clear") > 0)
        phone.audio.clear()
        await wait_until(lambda: len(phone.audio) >= len(speak(ANSWERS[1])))
    assert words_of(phone)[-3:] == ["tuesday", "it", "is"]
    await phone.hang_up()
    events = await events_of(worker_setup)
    assert [event.text for event in events if isinstance(event, CallerSaid)] == [HEARD, HEARD]
    assert not [event for event in events if isinstance(event, ProviderFailed)]
    ended = events[-1]
    assert isinstance(ended, CallEnded) and ended.status == "completed"
    assert ended.usage.tts_characters > 0 and ended.usage.llm_prompt_tokens > 0


class TestBackups:
    """Each service has a backup."""

    @pytest.fixture
    def backups(self) -> dict[str, dict[str, Any]]:
        return {
            "stt": {"final_ms": 10, "text": "the backup"},
            "llm": {"text": "I am the backup."},
            "tts": {"audio_ms": 600},
        }

    async def test_a_call_goes_on_when_the_engine_is_killed(
        self, worker_setup: WorkerSetup, vendors: PipecatVendors, speech: bytes
    ) -> None:
        pid = await start_engine(worker_setup)
        phone = await worker_setup.dial()
        await phone.speak(speech)
        await hear_answer(phone)
        os.kill(pid, signal.SIGKILL)
        async with phone.sending_silence():
            await wait_until(lambda: phone.events[-1] == "mark")  # the other voice has said the rest
        await phone.pause(SETTLED_MS)
        phone.audio.clear()
        await phone.speak(speech)
        await hear_answer(phone)
        await phone.hang_up()
        events = await events_of(worker_setup)
        failed = {event.kind: event.next for event in events if isinstance(event, ProviderFailed)}
        assert failed["stt"] == failed["tts"] == "standin"
        assert [event.text for event in events if isinstance(event, CallerSaid)] == [HEARD, "the backup"]
        ended = events[-1]
        assert isinstance(ended, CallEnded) and ended.status == "completed"
