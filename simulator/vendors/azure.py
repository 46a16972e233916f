"""A simulated Azure speech service: recognition and voices over WebSockets, and the list of voices.

Billed as Azure does: the audio that the recogniser was sent, and the characters of the SSML but its `speak` and `voice`
tags.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from simulator.vendors.azure_recogniser import AzureRecogniser, ListenTiming
from simulator.vendors.azure_socket import VendorLimits, find_key, refuse_key
from simulator.vendors.azure_speech import AzureSpeech, SynthesisTiming
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState


@dataclass(slots=True)
class SimulatedAzure:
    """make_ear: what each new connection of the recogniser hears. voices: names of the voices that there are, None for
    any. recogniser, speech: made when the routes are."""

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    recogniser_timing: ListenTiming = field(default_factory=ListenTiming)
    speech_timing: SynthesisTiming = field(default_factory=SynthesisTiming)
    limits: VendorLimits = field(default_factory=VendorLimits)
    voices: frozenset[str] | None = None
    recogniser: AzureRecogniser = field(init=False)
    speech: AzureSpeech = field(init=False)

    def __post_init__(self) -> None:
        self.recogniser = AzureRecogniser(self.state, self.make_ear, self.recogniser_timing, self.limits)
        self.speech = AzureSpeech(self.state, self.speech_timing, self.limits, self.voices)

    def routes(self) -> list[web.AbstractRouteDef]:
        """All addresses."""
        paths = ("/cognitiveservices/voices/list", "/tts/cognitiveservices/voices/list")
        documents = [web.get(path, self._list_voices) for path in paths]
        return [*self.recogniser.routes(), *self.speech.routes(), *documents]

    async def _list_voices(self, request: web.Request) -> web.Response:
        if find_key(request) != self.state.key:
            return refuse_key()
        names = sorted(self.voices or {"en-US-AvaMultilingualNeural"})
        return web.json_response([{"ShortName": name, "Locale": name[:5], "VoiceType": "Neural"} for name in names])
