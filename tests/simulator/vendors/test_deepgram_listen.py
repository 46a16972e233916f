"""The simulated recognizers, used by Deepgram's own SDK and by pipecat's services, over TLS."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.listen.v1.types import ListenV1Metadata, ListenV1Results
from deepgram.listen.v2.types import ListenV2Connected, ListenV2FatalError, ListenV2TurnInfo
from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.stt_service import STTService

from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.faults import Fault
from tests.simulator.vendors.deepgram_clients import frames, make_deepgram, running_deepgram, sdk_client, wait_until
from tests.simulator.vendors.pipecat_services import run_service

# The SDK uses names that websockets has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")

TEXT = "tuesday morning would suit me"
AUDIO = {"encoding": "mulaw", "sample_rate": "8000"}
NOVA = {"model": "nova-3", "interim_results": "true", "endpointing": "300", **AUDIO}
FLUX = {"model": "flux-general-en", **AUDIO}


@dataclass
class Vendor:
    """A running vendor."""

    address: str
    key: str
    simulated: Any


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return make_certificate(Path(tmp_path_factory.mktemp("tls")))


@pytest.fixture
async def vendor(certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Vendor]:
    simulated = make_deepgram(TEXT)
    async with running_deepgram(simulated, certificate, monkeypatch) as address:
        yield Vendor(address, simulated.state.key, simulated)


@dataclass
class Received:
    """Messages that an SDK's connection received."""

    messages: list[Any] = field(default_factory=list)

    def listen(self, connection: Any) -> "asyncio.Task[None]":
        connection.on(EventType.MESSAGE, self.messages.append)
        return asyncio.create_task(connection.start_listening())

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]


async def test_the_sdk_recognizes_an_utterance_by_nova(vendor: Vendor) -> None:
    received = Received()
    async with sdk_client(vendor.address, vendor.key).listen.v1.connect(**NOVA) as connection:
        listening = received.listen(connection)
        sent = frames(TEXT, silence_ms=60)
        for frame in sent:
            await connection.send_media(frame)
        await connection.send_keep_alive()
        await connection.send_finalize()
        await wait_until(lambda: any(one.from_finalize for one in received.of(ListenV1Results)))
        await connection.send_close_stream()
        await listening
    results = received.of(ListenV1Results)
    assert any(not result.is_final and result.channel.alternatives[0].transcript for result in results)
    assert " ".join(result.channel.alternatives[0].transcript for result in results if result.is_final).strip() == TEXT
    (metadata,) = received.of(ListenV1Metadata)
    assert metadata.duration == pytest.approx(len(sent) * 0.02)
    assert vendor.simulated.state.total("stt", "ms") == len(sent) * 20


async def test_the_sdk_recognizes_turns_by_flux(vendor: Vendor) -> None:
    received = Received()
    async with sdk_client(vendor.address, vendor.key).listen.v2.connect(**FLUX, eot_threshold="1.0") as connection:
        listening = received.listen(connection)
        await connection.send_media(b"".join(frames(TEXT, silence_ms=60)))
        await connection.send_force_end_turn()
        await wait_until(lambda: any(one.event == "EndOfTurn" for one in received.of(ListenV2TurnInfo)))
        await connection.send_close_stream()
        await listening
    assert len(received.of(ListenV2Connected)) == 1
    turns = received.of(ListenV2TurnInfo)
    assert turns[0].event == "StartOfTurn"
    assert [(turn.transcript, turn.trigger) for turn in turns if turn.event == "EndOfTurn"] == [(TEXT, "manual")]
    assert [message.sequence_id for message in received.messages] == list(range(len(received.messages)))


async def test_flux_rejects_messages_of_nova(vendor: Vendor) -> None:
    received = Received()
    async with sdk_client(vendor.address, vendor.key).listen.v2.connect(**FLUX) as connection:
        listening = received.listen(connection)
        await connection._websocket.send('{"type":"KeepAlive"}')
        await listening
    (error,) = received.of(ListenV2FatalError)
    assert error.code == "UNPARSABLE_CLIENT_MESSAGE"


@pytest.mark.parametrize(("kind", "status"), [("unauthorized", 401), ("no_credit", 402), ("rate_limited", 429)])
async def test_the_sdk_is_refused(vendor: Vendor, kind: Any, status: int) -> None:
    vendor.simulated.state.faults.queue("stt", Fault(kind))
    with pytest.raises(ApiError) as caught:
        async with sdk_client(vendor.address, vendor.key).listen.v1.connect(**NOVA):
            pass
    assert caught.value.status_code == status


async def test_a_wrong_key_and_a_wrong_query_are_refused(vendor: Vendor) -> None:
    for key, query in (("wrong", NOVA), (vendor.key, NOVA | {"encoding": "opus"})):
        with pytest.raises(ApiError):
            async with sdk_client(vendor.address, key).listen.v1.connect(**query):
                pass
    with pytest.raises(ApiError):
        async with sdk_client(vendor.address, vendor.key).listen.v2.connect(**FLUX, eot_timeout_ms="100"):
            pass


@pytest.mark.parametrize("query", [NOVA | {"model": "nova-33"}, NOVA | {"keyterm": ["x"] * 101}])
async def test_a_model_and_keyterms_that_there_cannot_be_are_refused(vendor: Vendor, query: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        async with sdk_client(vendor.address, vendor.key).listen.v1.connect(**query):
            pass
    assert caught.value.status_code == 400


async def _recognize(service: STTService) -> list[Frame]:
    def has_final(frames: list[Frame]) -> bool:
        return any(isinstance(frame, TranscriptionFrame) for frame in frames)

    return await run_service(service, frames(TEXT, silence_ms=1_200), has_final)


async def test_pipecat_recognizes_by_nova(vendor: Vendor) -> None:
    service = DeepgramSTTService(
        api_key=vendor.key,
        base_url=f"wss://{vendor.address}",
        encoding="mulaw",
        sample_rate=8_000,
        settings=DeepgramSTTService.Settings(model="nova-3", endpointing=300),
    )
    pushed = await _recognize(service)
    assert [frame.text for frame in pushed if isinstance(frame, TranscriptionFrame)] == [TEXT]
    assert any(isinstance(frame, InterimTranscriptionFrame) for frame in pushed)


async def test_pipecat_recognizes_by_flux(vendor: Vendor) -> None:
    service = DeepgramFluxSTTService(
        api_key=vendor.key, url=f"wss://{vendor.address}/v2/listen", sample_rate=8_000, flux_encoding="mulaw"
    )
    pushed = await _recognize(service)
    assert [frame.text for frame in pushed if isinstance(frame, TranscriptionFrame)] == [TEXT]
