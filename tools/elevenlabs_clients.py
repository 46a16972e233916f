"""Tries the simulated ElevenLabs with the vendor's own SDK: python -m tools.elevenlabs_clients

Not part of the suite, because the SDK's generated client takes 40 MB. In an environment of its own:

    uv venv clients && uv pip install --python clients/bin/python -r requirements/dev.txt elevenlabs==2.78.0
    clients/bin/python -m tools.elevenlabs_clients

The SDK has a client for Scribe, and types for the messages of the multi-context WebSocket, but no client for it: there
the messages go through its types, both ways. Nothing leaves the machine.
"""

import asyncio
import base64
import os
import ssl
import tempfile
from pathlib import Path
from typing import Any, Final

import aiohttp
from elevenlabs.realtime import AudioFormat, CommitStrategy, RealtimeEvents, ScribeRealtime
from elevenlabs.types import AudioOutputMulti, FinalOutputMulti, WebsocketTtsClientMessageMulti

from simulator.carrier.mulaw import SILENCE, decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import find_words, speak, word_times, words
from vendors.elevenlabs.simulator import SimulatedElevenLabs
from vendors.elevenlabs.wire import ElevenLabsTone, FlushedContexts

TEXT: Final = "i would like to book a table"
SPOKEN: Final = "Good morning, how can I help you?"
LIMIT_S: Final = 10.0


async def main() -> None:
    """Runs all checks. Raises AssertionError."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        os.environ["SSL_CERT_FILE"] = str(certificate.authority)
        known = tuple(KnownWord(word_time.text, word_time.start_ms, word_time.end_ms) for word_time in word_times(TEXT))
        speech = KnownSpeech([KnownRecording(speak(TEXT), known)])
        vendor = SimulatedElevenLabs(make_ear=lambda: Ear(speech))
        async with running_vendor(vendor.routes(), certificate) as address, asyncio.timeout(LIMIT_S):
            print("Scribe:", await check_scribe(vendor, address))
            print("a wrong key:", await check_wrong_key(address))
            print("voice:", await check_voice(vendor, address))


async def check_scribe(vendor: SimulatedElevenLabs, address: str) -> str:
    """The SDK's client sends audio and commits."""
    client = ScribeRealtime(vendor.state.key, f"wss://{address}")
    connection = await client.connect(
        {
            "model_id": "scribe_v2_realtime",
            "audio_format": AudioFormat.ULAW_8000,
            "sample_rate": 8_000,
            "commit_strategy": CommitStrategy.MANUAL,
            "include_timestamps": True,
            "keyterms": ["Maple"],
        }
    )
    found: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for event in (RealtimeEvents.COMMITTED_TRANSCRIPT_WITH_TIMESTAMPS, RealtimeEvents.ERROR):
        connection.on(event, found.put_nowait)
    audio = speak(TEXT) + SILENCE * 2_400
    for at in range(0, len(audio), 800):
        await connection.send({"audio_base_64": base64.b64encode(audio[at : at + 800]).decode()})
    await connection.commit()
    answer = await found.get()
    await connection.close()
    require([word["text"] for word in answer["words"]] == TEXT.split())
    return str(answer["text"])


async def check_wrong_key(address: str) -> str:
    """The SDK's client gets the vendor's event."""
    options: Any = {"model_id": "scribe_v2_realtime", "audio_format": AudioFormat.ULAW_8000, "sample_rate": 8_000}
    connection = await ScribeRealtime("wrong", f"wss://{address}").connect(options)
    found: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    connection.on(RealtimeEvents.AUTH_ERROR, found.put_nowait)
    refused = await found.get()
    await connection.close()
    return str(refused["message_type"])


async def check_voice(vendor: SimulatedElevenLabs, address: str) -> str:
    """Our messages are the SDK's, and the SDK's types hold all that comes."""
    contexts = FlushedContexts("v", ElevenLabsTone(speed=1.1), lambda: "one")
    path = "/v1/text-to-speech/v/multi-stream-input?model_id=eleven_flash_v2_5&output_format=ulaw_8000&auto_mode=true"
    headers, tls = {"xi-api-key": vendor.state.key}, ssl.create_default_context()
    audio, spelled = b"", ""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"wss://{address}{path}", headers=headers, ssl=tls) as socket,
    ):
        for message in (*contexts.add_text(SPOKEN), contexts.finish()):
            sent = WebsocketTtsClientMessageMulti.model_validate_json(message)
            require(not {"text", "flush", "voice_settings"} & set(sent.model_extra or {}))
            await socket.send_str(message.decode())
        while not (received := await socket.receive_json()).get("isFinal"):
            output = AudioOutputMulti.model_validate(received)
            require(output.context_id == "one")
            audio += base64.b64decode(output.audio)
            if output.alignment is not None:
                spelled += "".join(output.alignment.chars or [])
        require(FinalOutputMulti.model_validate(received).is_final)
    require([word.text for word in find_words(decode(audio), words(SPOKEN))] == words(SPOKEN))
    return spelled.strip()


def require(is_so: bool) -> None:
    """Raises AssertionError unless it is so."""
    if not is_so:
        raise AssertionError("the client understood something else")


if __name__ == "__main__":
    asyncio.run(main())
