"""A simulated Soniox: transcription and voices over WebSockets, and the document by which a key can be tried.

Written from docs/vendors/soniox.md. Billed: the audio that was sent; the vendor counts how long the stream was open,
which is the same at the pace of speech. What it does not know of the vendor: whether a key is refused by the handshake
or behind it (here behind it, as one public test double does).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.carrier.mulaw import RATE
from simulator.vendors.faults import FaultInjector
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState, reset_connection
from simulator.vendors.soniox_session import NO_CREDIT, TOO_MANY, WRONG_KEY, SonioxRefusal, SonioxSession, TokenTiming
from simulator.vendors.soniox_speech import SonioxSpeech, VoiceTiming

PATH: Final = "/transcribe-websocket"
MODELS: Final = frozenset({"stt-rt-v4", "stt-rt-v5", "stt-rt-v6"})
FORMATS: Final = ("mulaw", "pcm_s16le")
MAX_CONTEXT_CHARACTERS: Final = 10_000


@dataclass(slots=True)
class SimulatedSoniox:
    """make_ear: what each new session hears. find_language: of a word that is heard. starts: the first messages of all
    sessions."""

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    timing: TokenTiming = field(default_factory=TokenTiming)
    voice_timing: VoiceTiming = field(default_factory=VoiceTiming)
    find_language: Callable[[str], str] = lambda word: "en"
    starts: list[dict[str, Any]] = field(default_factory=list)

    def routes(self) -> list[web.AbstractRouteDef]:
        """All addresses."""
        speech = SonioxSpeech(self.state, self.voice_timing).routes()
        return [web.get(PATH, self._transcribe), web.get("/v1/models", self._list_models), *speech]

    async def _list_models(self, request: web.Request) -> web.Response:
        if _key(request) != self.state.key:
            body = {"status_code": 401, "error_type": WRONG_KEY.kind, "message": WRONG_KEY.text, "request_id": "1"}
            return web.json_response(body, status=401)
        return web.json_response({"models": [_describe_model(name) for name in sorted(MODELS)]})

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("stt")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        session = SonioxSession(request, self.make_ear(), faults, self.timing, self.find_language)
        start = await session.open()
        if start is None:
            return session.socket
        self.starts.append(start)
        refusal = self._find_refusal(start, _key(request), faults)
        if refusal is not None:
            await session.refuse(refusal)
            return session.socket
        try:
            return await session.run(start)
        finally:
            self.state.bill("stt", start["model"], "ms", session.received_ms)

    def _find_refusal(self, start: dict[str, Any], key: str, faults: FaultInjector) -> SonioxRefusal | None:
        if key and "api_key" in start:
            return _bad_request("The API key was sent twice.")
        if faults.has("unauthorized") or (key or start.get("api_key")) != self.state.key:
            return WRONG_KEY
        if faults.has("no_credit"):
            return NO_CREDIT
        if faults.has("rate_limited"):
            return TOO_MANY
        return _find_fault(start)


def _find_fault(start: dict[str, Any]) -> SonioxRefusal | None:
    """What is wrong with the settings, as the vendor says it."""
    if start.get("model") not in MODELS:
        return _bad_request("Invalid model specified.")
    rate = start.get("sample_rate")
    if start.get("audio_format") not in FORMATS or not isinstance(rate, int) or rate % RATE:
        return _bad_request("The simulator knows mulaw and pcm_s16le at multiples of 8000 Hz.")
    if start.get("num_channels") != 1:
        return _bad_request("Audio data channels must be specified for PCM formats.")
    hints = start.get("language_hints") or []
    if any(len(hint) != 2 for hint in hints):
        return _bad_request("Invalid language hint.")
    if start.get("endpoint_sensitivity") is not None and start["model"] == "stt-rt-v4":
        return _bad_request("endpoint_sensitivity is not supported.")
    if len(json.dumps(start.get("context") or "", ensure_ascii=False)) > MAX_CONTEXT_CHARACTERS:
        return _bad_request("Context is too long (max length 10000).")
    return None


def _describe_model(name: str) -> dict[str, Any]:
    """With the fields that the SDK demands."""
    return {
        "id": name,
        "aliased_model_id": None,
        "name": f"Simulated {name}",
        "context_version": 2,
        "transcription_mode": "real_time",
        "languages": [{"code": "en", "name": "English"}],
        "supports_language_hints_strict": True,
        "supports_max_endpoint_delay": True,
        "supports_endpoint_sensitivity": name != "stt-rt-v4",
        "translation_targets": [],
        "two_way_translation_pairs": [],
        "one_way_translation": None,
        "two_way_translation": None,
    }


def _bad_request(text: str) -> SonioxRefusal:
    return SonioxRefusal(400, "invalid_request", text)


def _key(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")
