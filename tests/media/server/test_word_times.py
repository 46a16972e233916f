"""A call over a carrier's socket whose recognizer is a simulated Deepgram: when its words are said, by its event."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media.call import caller_turns
from shared.events import AgentSaid, CallerSaid
from shared.plan import CallPlan, decode_plan
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, spread_words
from tests.media.server import phone as phones
from tests.media.server.conftest import PLAN, WorkerSetup
from tests.media.server.phone import Phone
from tests.media.server.test_connection import events_of
from tests.simulator.vendors.deepgram_clients import QUICK, running_deepgram
from vendors.deepgram.simulator import SimulatedDeepgram

HEARD = "and so my fellow americans"
BEFORE_MS = 500


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return make_certificate(Path(tmp_path_factory.mktemp("tls")))


@pytest.fixture
def recording(speech: bytes) -> KnownRecording:
    return spread_words(speech, HEARD, 100, 1_700)


@pytest.fixture
async def plan(
    recording: KnownRecording, certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CallPlan]:
    vendor = SimulatedDeepgram(make_ear=lambda: Ear(KnownSpeech([recording])), listen_timing=QUICK)
    async with running_deepgram(vendor, certificate, monkeypatch) as address:
        options = {"model": "nova-3", "api_key": vendor.state.key, "base_url": f"https://{address}"}
        stt = [{"provider": "deepgram", "options": options}]
        yield decode_plan(json.dumps({**json.loads(PLAN), "stt": stt}))


async def speak_in_time(phone: Phone, ulaw: bytes) -> float:
    """As a carrier: a frame each 20 ms, and none later because the one before was late. Returns how late the latest
    was, in ms, because the machine is loaded."""
    loop = asyncio.get_running_loop()
    began, latest_s = loop.time(), 0.0
    for number, at in enumerate(range(0, len(ulaw), 160)):
        await asyncio.sleep(max(0.0, began + 0.02 * number - loop.time()))
        latest_s = max(latest_s, loop.time() - began - 0.02 * number)
        await phone.speak(ulaw[at : at + 160])
    return latest_s * 1_000


async def test_words_of_a_vendor_are_timed_within_100_ms(
    worker_setup: WorkerSetup, recording: KnownRecording, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And by as much more as the audio came late on a loaded machine: then an event has none usually."""
    monkeypatch.setattr(phones, "FRAME_INTERVAL_S", 0.0)
    monkeypatch.setattr(caller_turns, "MOST_DRIFT_MS", 60_000.0)
    phone = await worker_setup.dial()
    late_ms = await speak_in_time(phone, phones.SILENCE * (BEFORE_MS // 20) + speech + phones.SILENCE * 60)
    await phone.hang_up()
    events = await events_of(worker_setup)
    (said,) = [event for event in events if isinstance(event, CallerSaid)]
    assert said.text == HEARD
    truth = [BEFORE_MS + ms for word in recording.words for ms in (word.start_ms, word.end_ms)]
    assert len(said.word_ms) == len(truth)
    errors = [told - true for told, true in zip(said.word_ms, truth, strict=True)]
    assert max(map(abs, errors)) <= 100 + late_ms
    assert max(errors) - min(errors) <= 20  # a frame: within the turn all have the same clock
    assert [event.word_ms for event in events if isinstance(event, AgentSaid)] == [()]  # a voice that tells no times
