"""Simulated Sonioxes that know what is said to them."""

from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import VendorState
from simulator.vendors.voice import speak, word_times
from vendors.soniox.simulator import SimulatedSoniox, TokenTiming


def make_soniox(*texts: str, key: str = "key-a") -> SimulatedSoniox:
    """A vendor that knows these texts."""
    speech = KnownSpeech([KnownRecording(speak(text), _words(text)) for text in texts])
    return SimulatedSoniox(VendorState(key=key), lambda: Ear(speech), TokenTiming(result_s=0.001))


def _words(text: str) -> tuple[KnownWord, ...]:
    return tuple(KnownWord(word.text, word.start_ms, word.end_ms) for word in word_times(text))
