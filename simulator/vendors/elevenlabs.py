"""A simulated ElevenLabs: voices over the multi-context WebSocket, recognition by Scribe.

Billed as ElevenLabs does: the characters that a voice was sent, and the audio that the recogniser was sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from simulator.vendors.elevenlabs_scribe import ScribeRecogniser, ScribeTiming
from simulator.vendors.elevenlabs_speech import GenerationTiming, MultiContextSpeech
from simulator.vendors.script import DeafEar, Hearing
from simulator.vendors.server import VendorState


@dataclass(slots=True)
class SimulatedElevenLabs:
    """make_ear: what each new recogniser's session hears. voices: ids of the voices that there are, None for any."""

    state: VendorState = field(default_factory=VendorState)
    make_ear: Callable[[], Hearing] = DeafEar
    speech_timing: GenerationTiming = field(default_factory=GenerationTiming)
    recogniser_timing: ScribeTiming = field(default_factory=ScribeTiming)
    voices: frozenset[str] | None = None

    def routes(self) -> list[web.AbstractRouteDef]:
        """All addresses."""
        speech = MultiContextSpeech(self.state, self.speech_timing, self.voices)
        return [*speech.routes(), *ScribeRecogniser(self.state, self.make_ear, self.recogniser_timing).routes()]
