"""All of a simulated Cartesia on one port: both roles share an address."""

import asyncio
from pathlib import Path

import pytest
from cartesia import AsyncCartesia

from simulator.vendors.certificate import make_certificate
from simulator.vendors.known_speech import HeardWord
from simulator.vendors.script import ScriptedEar
from simulator.vendors.server import running_vendor
from vendors.cartesia.simulator import RecognizerTiming, SimulatedCartesia, SpeechTiming

TEXT = "This is one round."


async def test_both_roles_share_an_address_and_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    script = [HeardWord("yes", 0.0, 400.0)]
    vendor = SimulatedCartesia(
        make_ear=lambda: ScriptedEar(script),
        speech_timing=SpeechTiming(first_audio_ms=1, speed=1_000),
        recognizer_timing=RecognizerTiming(final_s=0.001, result_s=0.001),
    )
    async with running_vendor(vendor.routes(), certificate) as address, asyncio.timeout(30):
        client = AsyncCartesia(api_key=vendor.state.key, websocket_base_url=f"wss://{address}")
        async with client.tts.websocket_connect() as voice:
            context = voice.context(
                model_id="sonic-3.5",
                voice={"id": "v"},
                output_format={"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8_000},
            )
            await context.push(TEXT)
            await context.no_more_inputs()
            audio = b"".join([event.audio or b"" async for event in context.receive() if event.type == "chunk"])
        listen = client.stt.manual_finalize.websocket(encoding="pcm_mulaw", model="ink-2", sample_rate=8_000)
        async with listen as connection:
            await connection.send_raw(audio)
            await connection.send("close")
            texts = [event.text async for event in connection if event.type == "transcript" and event.is_final]
    assert texts == ["yes"]
    assert vendor.state.opened == {"stt": 1, "llm": 0, "tts": 1}
    assert vendor.state.total("stt", "ms") == len(audio) / 8
