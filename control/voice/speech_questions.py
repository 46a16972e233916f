"""What a speech vendor is asked to tell whether it accepts a key and settings: the start of a session, as a call would
open it, without audio but for Soniox's; of Cartesia's, ElevenLabs' and Soniox's voices one short word, because only
that tries model and voice.

Sources: docs/vendors/assemblyai.md, cartesia.md, elevenlabs.md, soniox.md and xai.md; developers.deepgram.com,
reference of /v1/listen, /v2/listen and /v1/speak.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from control.voice import azure_questions
from control.voice.routing.rules import Kind
from control.voice.speech_question import WORD, SpeechQuestion
from vendors.assemblyai.facts import ASSEMBLYAI_URL
from vendors.cartesia.facts import CARTESIA_URL, CARTESIA_VOICE_ID
from vendors.deepgram.facts import DEEPGRAM_URL
from vendors.elevenlabs.facts import ELEVENLABS_URL, ELEVENLABS_VOICE_ID
from vendors.soniox.facts import SONIOX_SPEECH_URL, SONIOX_URL, SONIOX_VOICE_ID
from vendors.xai.facts import XAI_URL

CARTESIA_VERSION: Final = "2026-08-14"
# A speech vendor's base URL may be that of its WebSocket.
_SOCKET_SCHEME: Final = re.compile(r"^ws(?=s?://)")
_VERSION_PATH: Final = re.compile(r"/v\d+$")
_FLUX: Final = "flux-"
_INK_2: Final = "ink-2"
_TURN_OPTIONS: Final = (
    "turn_start_threshold",
    "turn_eager_end_threshold",
    "turn_end_threshold",
    "turn_end_timeout_ms",
)
_TONE: Final = ("stability", "similarity_boost", "style", "use_speaker_boost", "speed")
# Mu-law, 0.2 s.
_SILENCE: Final = b"\xff" * 1_600
_MULAW: Final[dict[str, Any]] = {"encoding": "mulaw", "sample_rate": 8_000}


def make_question(vendor: str, kind: Kind, options: Mapping[str, Any], key: str) -> SpeechQuestion | None:
    """None for a vendor and kind that cannot be asked."""
    make = _QUESTIONS.get((vendor, kind))
    return None if make is None else make(options, key)


def _deepgram_listen(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    is_flux = str(options.get("model", "")).startswith(_FLUX)
    model = options.get("model", "nova-3")
    query = {"model": model, **_MULAW, "keyterm": options.get("keyterm") or None}
    if not is_flux:
        query |= {"language": options.get("language") or None, "channels": 1}
    url = _deepgram_url(options, "/v2/listen" if is_flux else "/v1/listen", query)
    return SpeechQuestion(url, _deepgram_headers(key), (json.dumps({"type": "CloseStream"}),))


def _deepgram_speak(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    query = {"model": options.get("model", "aura-2-thalia-en"), **_MULAW}
    return SpeechQuestion(
        _deepgram_url(options, "/v1/speak", query), _deepgram_headers(key), (json.dumps({"type": "Close"}),)
    )


def _assemblyai_listen(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    """The vendor greets, or tells in place of it what it does not accept."""
    keyterm, context = options.get("keyterm"), options.get("agent_context")
    query = {
        "speech_model": options.get("model", "universal-3-6-pro"),
        "encoding": "pcm_mulaw",
        "sample_rate": 8_000,
        "keyterms_prompt": json.dumps(list(keyterm)) if keyterm else None,
        "agent_context": context if context and "-streaming-" not in str(options.get("model", "")) else None,
    }
    url = _make_url(str(options.get("base_url") or ASSEMBLYAI_URL).rstrip("/"), "/v3/ws", query)
    return SpeechQuestion(
        url, {"Authorization": key} if key else {}, (json.dumps({"type": "Terminate"}),), needs_answer=True
    )


def _xai_listen(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    """The vendor greets once it takes audio."""
    query = {
        "model": options.get("model", "grok-voice-transcribe-2.0"),
        **_MULAW,
        "keyterm": options.get("keyterm") or None,
    }
    base = _VERSION_PATH.sub("", str(options.get("base_url") or XAI_URL).rstrip("/"))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return SpeechQuestion(
        _make_url(base, "/v1/stt", query), headers, (json.dumps({"type": "audio.done"}),), needs_answer=True
    )


def _soniox_listen(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    """A session of 0.2 s of silence, because the vendor says nothing before audio came."""
    context = {"text": options.get("context"), "terms": options.get("keyterm")}
    start = {
        "model": options.get("model", "stt-rt-v5"),
        "audio_format": "mulaw",
        "sample_rate": 8_000,
        "num_channels": 1,
        "context": {part: value for part, value in context.items() if value} or None,
        "enable_endpoint_detection": options.get("endpoint_detection", True),
        "endpoint_sensitivity": options.get("endpoint_sensitivity"),
        "max_endpoint_delay_ms": options.get("max_endpoint_delay_ms"),
    }
    known = json.dumps({name: value for name, value in start.items() if value is not None})
    url = _make_url(str(options.get("base_url") or SONIOX_URL).rstrip("/"), "/transcribe-websocket", {})
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return SpeechQuestion(url, headers, (known, _SILENCE, ""), needs_answer=True)


def _soniox_speak(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    stream = {"stream_id": "check"}
    start = {
        **stream,
        "model": options.get("model", "tts-rt-v2"),
        "language": "en",
        "voice": options.get("voice_id", SONIOX_VOICE_ID),
        "audio_format": "pcm_mulaw",
        "sample_rate": 8_000,
        **({"speed": options["speed"]} if options.get("speed") is not None else {}),
    }
    url = _make_url(str(options.get("base_url") or SONIOX_SPEECH_URL).rstrip("/"), "/tts-websocket", {})
    messages = (json.dumps(start), json.dumps({**stream, "text": WORD, "text_end": True}))
    return SpeechQuestion(url, {"Authorization": f"Bearer {key}"} if key else {}, messages, needs_answer=True)


def _cartesia_listen(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    model = str(options.get("model", _INK_2))
    query = {
        "model": model,
        "encoding": "pcm_mulaw",
        "sample_rate": 8_000,
        "keyterm": options.get("keyterm") or None if model.startswith(_INK_2) else None,  # as media sends them
    }
    if options.get("turns"):
        limits = {name: options.get(name) for name in _TURN_OPTIONS}
        url = _cartesia_url(options, "/stt/turns/websocket", query | limits)
        return SpeechQuestion(url, _cartesia_headers(key), needs_answer=True)
    url = _cartesia_url(options, "/stt/websocket", {**query, "language": options.get("language") or "en"})
    return SpeechQuestion(url, _cartesia_headers(key), ("close",), needs_answer=True)


def _cartesia_speak(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    tone = {name: options[name] for name in ("speed", "volume", "emotion") if options.get(name) is not None}
    dictionary = options.get("pronunciation_dict_id")
    message = {
        "context_id": "check",
        "model_id": options.get("model", "sonic-3.5"),
        "voice": {"id": options.get("voice_id", CARTESIA_VOICE_ID)},
        "transcript": WORD,
        "language": "en",
        "output_format": {"container": "raw", "encoding": "pcm_mulaw", "sample_rate": 8_000},
        "continue": False,
        "max_buffer_delay_ms": 0,
        **({"generation_config": tone} if tone else {}),
        **({"pronunciation_dict_id": dictionary} if dictionary else {}),
    }
    url = _cartesia_url(options, "/tts/websocket", {})
    return SpeechQuestion(url, _cartesia_headers(key), (json.dumps(message),), needs_answer=True)


def _elevenlabs_listen(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    query = {
        "model_id": options.get("model", "scribe_v2_realtime"),
        "audio_format": "ulaw_8000",
        "commit_strategy": "manual",
        "keyterms": options.get("keyterm") or None,
        "no_verbatim": "true" if options.get("no_verbatim") else None,
        "enable_logging": "false" if options.get("enable_logging") is False else None,
    }
    url = _elevenlabs_url(options, "/v1/speech-to-text/realtime", query)
    return SpeechQuestion(url, _elevenlabs_headers(key), needs_answer=True)


def _elevenlabs_speak(options: Mapping[str, Any], key: str) -> SpeechQuestion:
    tone = {name: options[name] for name in _TONE if options.get(name) is not None}
    opening = {"text": " ", "context_id": "check", **({"voice_settings": tone} if tone else {})}
    word = {"text": f"{WORD} ", "context_id": "check", "flush": True}
    query = {
        "model_id": options.get("model", "eleven_flash_v2_5"),
        "output_format": "ulaw_8000",
        "auto_mode": "true",
        "enable_logging": "false" if options.get("enable_logging") is False else None,
    }
    voice_id = quote(str(options.get("voice_id", ELEVENLABS_VOICE_ID)), safe="")
    url = _elevenlabs_url(options, f"/v1/text-to-speech/{voice_id}/multi-stream-input", query)
    return SpeechQuestion(url, _elevenlabs_headers(key), (json.dumps(opening), json.dumps(word)), needs_answer=True)


def _deepgram_url(options: Mapping[str, Any], path: str, query: Mapping[str, Any]) -> str:
    base = _VERSION_PATH.sub("", str(options.get("base_url") or DEEPGRAM_URL).rstrip("/"))
    return _make_url(base, path, query)


def _cartesia_url(options: Mapping[str, Any], path: str, query: Mapping[str, Any]) -> str:
    return _make_url(str(options.get("base_url") or CARTESIA_URL).rstrip("/"), path, query)


def _elevenlabs_url(options: Mapping[str, Any], path: str, query: Mapping[str, Any]) -> str:
    return _make_url(str(options.get("base_url") or ELEVENLABS_URL).rstrip("/"), path, query)


def _make_url(base: str, path: str, query: Mapping[str, Any]) -> str:
    known = {name: value for name, value in query.items() if value is not None}
    end = f"?{urlencode(known, doseq=True)}" if known else ""
    return _SOCKET_SCHEME.sub("http", base) + path + end


def _deepgram_headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Token {key}"} if key else {}


def _cartesia_headers(key: str) -> dict[str, str]:
    return {"Cartesia-Version": CARTESIA_VERSION, **({"X-API-Key": key} if key else {})}


def _elevenlabs_headers(key: str) -> dict[str, str]:
    return {"xi-api-key": key} if key else {}


_QUESTIONS: Final[Mapping[tuple[str, Kind], Callable[[Mapping[str, Any], str], SpeechQuestion]]] = {
    ("assemblyai", "stt"): _assemblyai_listen,
    ("azure-speech", "stt"): azure_questions.listen,
    ("azure-speech", "tts"): azure_questions.speak,
    ("deepgram", "stt"): _deepgram_listen,
    ("deepgram", "tts"): _deepgram_speak,
    ("cartesia", "stt"): _cartesia_listen,
    ("cartesia", "tts"): _cartesia_speak,
    ("elevenlabs", "stt"): _elevenlabs_listen,
    ("elevenlabs", "tts"): _elevenlabs_speak,
    ("soniox", "stt"): _soniox_listen,
    ("soniox", "tts"): _soniox_speak,
    ("xai", "stt"): _xai_listen,
}
