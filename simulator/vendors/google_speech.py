"""A simulated Google Cloud for speech: Speech-to-Text v2 and Text-to-Speech v1 over gRPC and TLS.

Its messages are those that Google publishes with its SDK. Billed as Google does: the audio that a recogniser was sent,
and the characters that a voice was sent.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc import aio

from simulator.vendors.certificate import NAMED_SERVER_FILE, ServerCertificate
from simulator.vendors.documents import google_documents
from simulator.vendors.google_account import make_key_file
from simulator.vendors.google_recogniser import GoogleRecogniser, StreamTiming
from simulator.vendors.google_voice import GoogleVoices, SynthesisTiming
from simulator.vendors.protocol_front import ProtocolFront
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState, running_vendor


def _make_state() -> VendorState:
    return VendorState(key=make_key_file("simulated"))


@dataclass(slots=True)
class SimulatedGoogleSpeech:
    """make_ear: what each new stream of a recogniser hears. state: its key is a service account's key file."""

    state: VendorState = field(default_factory=_make_state)
    make_ear: Callable[[], Hearing] = DeafEar
    recogniser_timing: StreamTiming = field(default_factory=StreamTiming)
    voice_timing: SynthesisTiming = field(default_factory=SynthesisTiming)
    recogniser: GoogleRecogniser = field(init=False)
    voices: GoogleVoices = field(init=False)

    def __post_init__(self) -> None:
        self.recogniser = GoogleRecogniser(self.state, self.make_ear, self.recogniser_timing)
        self.voices = GoogleVoices(self.state, self.voice_timing)


@asynccontextmanager
async def running_google_speech(vendor: SimulatedGoogleSpeech, certificate: ServerCertificate) -> AsyncIterator[str]:
    """Runs it on a free port; yields `localhost:PORT`."""
    pem = (certificate.authority.parent / NAMED_SERVER_FILE).read_bytes()
    server = aio.server()
    server.add_generic_rpc_handlers(_handlers(vendor))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem, pem)]))
    await server.start()
    try:
        yield f"localhost:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def running_google_address(
    vendor: SimulatedGoogleSpeech, certificate: ServerCertificate, port: int
) -> AsyncIterator[None]:
    """Runs it on this port of `localhost`, with the documents that are read over HTTP there, as at Google. Raises
    OSError for a port that is taken."""
    async with AsyncExitStack() as running:
        grpc_address = await running.enter_async_context(running_google_speech(vendor, certificate))
        serving = running_vendor(google_documents(vendor.state), certificate)
        http_address = await running.enter_async_context(serving)
        front = ProtocolFront(_port(grpc_address), _port(http_address))
        await running.enter_async_context(front.running(port))
        yield


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _handlers(vendor: SimulatedGoogleSpeech) -> tuple[Any, ...]:
    return (
        grpc.method_handlers_generic_handler("google.cloud.speech.v2.Speech", vendor.recogniser.methods()),
        grpc.method_handlers_generic_handler("google.cloud.texttospeech.v1.TextToSpeech", vendor.voices.methods()),
    )
