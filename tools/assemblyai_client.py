"""Tries the simulated AssemblyAI with the vendor's own SDK: python -m tools.assemblyai_client

Not part of the suite, because nothing else needs the SDK. In an environment of its own:

    uv venv clients && uv pip install --python clients/bin/python assemblyai==1.8.2 aiohttp==3.14.5 numpy==2.4.6 \\
        cryptography==50.0.0
    clients/bin/python -m tools.assemblyai_client

Each check prints what the SDK understood, and fails where it does not take a message, or a refusal, as the vendor's.
"""

import asyncio
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from assemblyai.streaming.v3 import (
    AsyncRealTimeTranscriber,
    Encoding,
    RealTimeEvents,
    RealTimeParameters,
    RealTimeTranscriberOptions,
    SpeechModel,
)

from simulator.carrier.mulaw import SILENCE
from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import speak, word_times
from vendors.assemblyai.simulator import SimulatedAssemblyAi, StreamTiming

TEXT: Final = "i would like to book a table for seven"
PIECE: Final = 800


@dataclass
class Heard:
    """What the SDK understood, by its events."""

    events: list[Any] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def kinds(self) -> list[str]:
        """The names of the events in their order, each once in a row."""
        names = [event.type for event in self.events]
        return [name for at, name in enumerate(names) if not at or names[at - 1] != name]

    def take(self, client: object, event: Any) -> None:
        """An event of the SDK."""
        self.events.append(event)
        if event.type == "Turn" and event.end_of_turn:
            self.ended.set()

    def fail(self, client: object, error: Any) -> None:
        """An error of the SDK."""
        self.errors.append(error)


def make_client(address: str, key: str, heard: Heard) -> AsyncRealTimeTranscriber:
    """A client of the simulator."""
    client = AsyncRealTimeTranscriber(RealTimeTranscriberOptions(api_host=f"wss://{address}", api_key=key))
    for name in ("Begin", "SpeechStarted", "Turn", "Termination"):
        client.on(RealTimeEvents[name], heard.take)
    client.on(RealTimeEvents.Error, heard.fail)
    return client


async def converse(address: str, key: str, **parameters: Any) -> Heard:
    """One caller, whose turn is ended by force."""
    heard = Heard()
    client = make_client(address, key, heard)
    await client.connect(RealTimeParameters(sample_rate=8_000, encoding=Encoding.pcm_mulaw, **parameters))
    audio = speak(TEXT) + SILENCE * (200 * 8)
    if not heard.errors:
        for at in range(0, len(audio) - PIECE, PIECE):
            await client.stream(audio[at : at + PIECE])
            await asyncio.sleep(0.001)
        await client.force_endpoint()
        async with asyncio.timeout(5):
            ended = asyncio.create_task(heard.ended.wait())
            while not ended.done() and not heard.errors:
                await asyncio.wait({ended}, timeout=0.02)
            ended.cancel()
    await client.disconnect(terminate=not heard.errors)
    return heard


async def check_models(server: SimulatedAssemblyAi, address: str) -> None:
    """Each family's turn, with words, keyterms and the session's end."""
    for model in (SpeechModel.universal_streaming_english, SpeechModel.universal_3_6_pro):
        heard = await converse(address, server.state.key, speech_model=model, keyterms_prompt=["table for"])
        final = next(event for event in heard.events if event.type == "Turn" and event.end_of_turn)
        assert final.transcript.lower().rstrip(".") == TEXT, final
        assert [word.text.lower().rstrip(".") for word in final.words] == TEXT.split()
        assert heard.kinds()[0] == "Begin" and heard.kinds()[-1] == "Termination", heard.kinds()
        print(model.value, heard.kinds(), repr(final.transcript))
    assert server.queries[-1]["keyterms_prompt"] == '["table for"]'
    assert server.unterminated == 0


async def check_refusals(server: SimulatedAssemblyAi, address: str) -> None:
    """A wrong key, an account without room, a model that there is not, and audio that is too short."""
    model = SpeechModel.universal_streaming_english
    for by_http, code in ((False, 1008), (True, 401)):
        server.refuses_by_http = by_http
        heard = await converse(address, "wrong", speech_model=model)
        assert [error.code for error in heard.errors] == [code], heard.errors
        print("wrong key:", heard.errors)
    server.refuses_by_http = False
    server.state.faults.queue("stt", Fault("rate_limited"))
    heard = await converse(address, server.state.key, speech_model=model)
    assert [error.code for error in heard.errors] == [3009], heard.errors
    print("too many:", heard.errors)
    heard = await converse(address, server.state.key, speech_model=SpeechModel.u3_rt_pro_beta_1)
    assert [error.code for error in heard.errors] == [3006], heard.errors
    print("unknown model:", heard.errors)


async def check_token(server: SimulatedAssemblyAi, address: str) -> None:
    """The temporary token by which a key can be tried."""
    client = AsyncRealTimeTranscriber(RealTimeTranscriberOptions(api_host=address, api_key=server.state.key))
    token = await client.create_temporary_token(expires_in_seconds=60)
    assert token
    print("token:", len(token), "characters")


async def main() -> None:
    """Runs all checks."""
    words = tuple(KnownWord(word.text, word.start_ms, word.end_ms) for word in word_times(TEXT))
    speech = KnownSpeech([KnownRecording(speak(TEXT), words)])
    server = SimulatedAssemblyAi(make_ear=lambda: Ear(speech), timing=StreamTiming(result_s=0.001))
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        os.environ["SSL_CERT_FILE"] = str(certificate.authority)
        async with running_vendor(server.routes(), certificate) as address:
            await check_models(server, address)
            await check_refusals(server, address)
            await check_token(server, address)
    print("all checks passed")


if __name__ == "__main__":
    asyncio.run(main())
