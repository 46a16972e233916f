"""Simulated AssemblyAIs that know what is said to them."""

from typing import Any

from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import VendorState
from simulator.vendors.voice import speak, word_times
from vendors.assemblyai.simulator import SimulatedAssemblyAi, StreamTiming


def make_assemblyai(*texts: str, key: str = "key-a", **fields: Any) -> SimulatedAssemblyAi:
    """A vendor that knows these texts."""
    speech = KnownSpeech([KnownRecording(speak(text), _words(text)) for text in texts])
    return SimulatedAssemblyAi(VendorState(key=key), lambda: Ear(speech), StreamTiming(result_s=0.001), **fields)


def _words(text: str) -> tuple[KnownWord, ...]:
    return tuple(KnownWord(word.text, word.start_ms, word.end_ms) for word in word_times(text))
