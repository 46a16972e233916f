"""Tries the simulated Soniox with the vendor's own SDK: python -m tools.soniox_client

Not part of the suite, because nothing else needs the SDK. In an environment of its own:

    uv venv clients && uv pip install --python clients/bin/python soniox==2.10.0 aiohttp==3.14.5 numpy==2.4.6 \\
        cryptography==50.0.0
    clients/bin/python -m tools.soniox_client

Each check prints what the SDK understood, and fails where it does not take a message, or a refusal, as the vendor's.
"""

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from soniox import AsyncSonioxClient
from soniox.errors import SonioxAPIError, SonioxRealtimeError
from soniox.types import RealtimeEvent, RealtimeSTTConfig, RealtimeTTSConfig, StructuredContext

from simulator.carrier.mulaw import SILENCE, decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import find_words, speak, word_times, words
from vendors.soniox.simulator import LISTEN_PATH, SimulatedSoniox, TokenTiming
from vendors.soniox.simulator import SPEAK_PATH as VOICE_PATH

TEXT: Final = "i would like to book a table for seven"
PIECE: Final = 800


def make_client(address: str, key: str) -> AsyncSonioxClient:
    """A client of the simulator."""
    return AsyncSonioxClient(
        api_key=key,
        api_base_url=f"https://{address}/v1",
        websocket_base_url=f"wss://{address}{LISTEN_PATH}",
        tts_websocket_base_url=f"wss://{address}{VOICE_PATH}",
    )


async def converse(client: AsyncSonioxClient, *, silence_ms: int = 200, finalizes: bool = True, **more: Any) -> str:
    """One caller; the text with the vendor's marks, or its error."""
    settings: dict[str, Any] = {"model": "stt-rt-v5", "audio_format": "mulaw", "sample_rate": 8_000, "num_channels": 1}
    config = RealtimeSTTConfig(**{**settings, **more})
    audio = speak(TEXT) + SILENCE * (silence_ms * 8)
    async with client.realtime.stt.connect(config=config) as session:
        for at in range(0, len(audio), PIECE):
            await session.send_byte_chunk(audio[at : at + PIECE])
        if finalizes:
            await session.finalize()
        await session.finish()
        events = [event async for event in session.receive_events()]
    error = next((event for event in events if event.error_code), None)
    if error is not None:
        return f"{error.error_code} {error.error_message}"
    assert events[-1].finished, events[-1]
    check_events(events)
    return "".join(token.text for event in events for token in event.tokens if token.is_final).strip()


def check_events(events: list[RealtimeEvent]) -> None:
    """Tokens have times, those that may change come after final ones, and progress grows."""
    for event in events:
        finals = [bool(token.is_final) for token in event.tokens]
        assert finals == sorted(finals, reverse=True), event
        assert event.total_audio_proc_ms is not None and event.final_audio_proc_ms is not None
        assert event.final_audio_proc_ms <= event.total_audio_proc_ms
        for token in event.tokens:
            assert token.text in ("<fin>", "<end>") or None not in (token.start_ms, token.end_ms), token


async def check_texts(server: SimulatedSoniox, client: AsyncSonioxClient) -> None:
    """Asked for, and by the vendor's own endpoint."""
    context = StructuredContext(text="A restaurant.", terms=["table for"])
    asked = await converse(client, context=context, language_hints=["en"])
    assert asked == f"{TEXT}<fin>", asked
    assert server.starts[-1]["context"] == {"text": "A restaurant.", "terms": ["table for"]}, server.starts
    print("finalize:", repr(asked))
    own = await converse(client, silence_ms=900, finalizes=False, enable_endpoint_detection=True)
    assert own == f"{TEXT}<end>", own
    print("endpoint:", repr(own))


async def check_refusals(server: SimulatedSoniox, address: str) -> None:
    """A wrong key, an account without room or money, a model that there is not."""
    wrong = make_client(address, "wrong")
    client = make_client(address, server.state.key)
    found = await converse(wrong)
    assert found.startswith("401 "), found
    print("wrong key:", found)
    for kind, code in (("no_credit", "402"), ("rate_limited", "429"), ("error", "503")):
        server.state.faults.queue("stt", Fault(kind))  # type: ignore[arg-type]  # the names are literals
        found = await converse(client)
        assert found.startswith(code), found
        print(f"{kind}:", found)
    found = await converse(client, model="stt-rt-v99")
    assert found.startswith("400 "), found
    print("unknown model:", found)


async def check_voice(server: SimulatedSoniox, address: str) -> None:
    """Speech with times of characters, a stream that is stopped, and a refusal."""
    settings = {"model": "tts-rt-v2", "language": "en", "voice": "Adrian", "audio_format": "pcm_mulaw"}
    client = make_client(address, server.state.key)
    config = RealtimeTTSConfig(stream_id="one", sample_rate=8_000, return_timestamps=True, **settings)  # type: ignore[arg-type]
    async with client.realtime.tts.connect(config=config) as stream:
        await stream.send_text_chunk(TEXT, text_end=True)
        events = [event async for event in stream.receive_events()]
    audio = b"".join(event.audio_bytes() or b"" for event in events)
    assert [word.text for word in find_words(decode(audio), words(TEXT))] == words(TEXT)
    letters = [
        character for event in events if event.timestamps is not None for character in event.timestamps.characters
    ]
    assert "".join(letters).split() == TEXT.split(), letters
    assert events[-1].terminated, events[-1]
    print("voice:", len(audio), "bytes,", len(letters), "timed characters")
    async with client.realtime.tts.connect(config=config.model_copy(update={"stream_id": "two"})) as stream:
        await stream.send_text_chunk(TEXT)
        await stream.cancel()
        ended = [event async for event in stream.receive_events()]
    assert ended[-1].terminated, ended
    print("cancelled after", len(ended), "events")
    try:
        async with client.realtime.tts.connect(config=config.model_copy(update={"voice": "Nobody"})) as stream:
            await stream.receive_event()
    except SonioxRealtimeError as error:
        print("unknown voice:", error)
    else:
        raise AssertionError("an unknown voice was taken")


async def check_models(server: SimulatedSoniox, address: str) -> None:
    """The document by which a key can be tried."""
    models = await make_client(address, server.state.key).models.list()
    print("models:", sorted(model.id for model in models.models))
    try:
        await make_client(address, "wrong").models.list()
    except SonioxAPIError as error:
        print("models with a wrong key:", type(error).__name__)
    else:
        raise AssertionError("a wrong key was taken")


async def main() -> None:
    """Runs all checks."""
    words = tuple(KnownWord(word.text, word.start_ms, word.end_ms) for word in word_times(TEXT))
    speech = KnownSpeech([KnownRecording(speak(TEXT), words)])
    server = SimulatedSoniox(make_ear=lambda: Ear(speech), timing=TokenTiming(result_s=0.001))
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder))
        os.environ["SSL_CERT_FILE"] = str(certificate.authority)
        async with running_vendor(server.routes(), certificate) as address:
            await check_texts(server, make_client(address, server.state.key))
            await check_refusals(server, address)
            await check_voice(server, address)
            await check_models(server, address)
    print("all checks passed")


if __name__ == "__main__":
    asyncio.run(main())
