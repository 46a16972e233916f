"""Simulated Azures that know what is said to them."""

from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import VendorState
from simulator.vendors.voice import speak, word_times
from vendors.azure_speech.simulator import ListenTiming, SimulatedAzure, SynthesisTiming, VendorLimits

QUICK = ListenTiming(result_s=0.001)
FAST = SynthesisTiming(first_audio_ms=5, chunk_ms=200, speed=200)


def make_azure(
    *texts: str, key: str = "key-a", timing: ListenTiming = QUICK, limits: VendorLimits | None = None
) -> SimulatedAzure:
    """A vendor that knows these texts."""
    speech = KnownSpeech([KnownRecording(speak(text), _words(text)) for text in texts])
    return SimulatedAzure(VendorState(key=key), lambda: Ear(speech), timing, FAST, limits=limits or VendorLimits())


def _words(text: str) -> tuple[KnownWord, ...]:
    return tuple(KnownWord(word.text, word.start_ms, word.end_ms) for word in word_times(text))
