"""A simulated Cartesia: speech over `/tts/websocket`, recognition over `/stt/websocket` and `/stt/turns/websocket`.

Billed as Cartesia does: the characters that the voice was sent, and the audio that a recogniser was sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from simulator.vendors.cartesia_recogniser import CartesiaRecognisers, RecogniserTiming
from simulator.vendors.cartesia_speech import CartesiaSpeech, SpeechTiming
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState


@dataclass(slots=True)
class SimulatedCartesia:
    """make_ear: what each new recogniser's session hears."""

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    speech_timing: SpeechTiming = field(default_factory=SpeechTiming)
    recogniser_timing: RecogniserTiming = field(default_factory=RecogniserTiming)

    def routes(self) -> list[web.AbstractRouteDef]:
        """All addresses."""
        speech = CartesiaSpeech(self.state, self.speech_timing)
        recognisers = CartesiaRecognisers(self.state, self.make_ear, self.recogniser_timing)
        return [*speech.routes(), *recognisers.routes()]
