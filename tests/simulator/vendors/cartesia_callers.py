"""What callers say to the recognizers of a simulated Cartesia."""

import asyncio
from collections.abc import Callable

from simulator.carrier.mulaw import FRAME, SILENCE
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import VendorState
from simulator.vendors.voice import speak, word_times
from vendors.cartesia.simulator import CartesiaRecognizers, RecognizerTiming

QUICK_RECOGNIZERS = RecognizerTiming(final_s=0.01, result_s=0.001)


def make_recognizers(
    *texts: str, key: str = "key-a", timing: RecognizerTiming = QUICK_RECOGNIZERS
) -> CartesiaRecognizers:
    """Recognisers that know these texts."""
    speech = KnownSpeech([KnownRecording(speak(text), _words(text)) for text in texts])
    return CartesiaRecognizers(VendorState(key=key), lambda: Ear(speech), timing)


def _words(text: str) -> tuple[KnownWord, ...]:
    return tuple(KnownWord(word.text, word.start_ms, word.end_ms) for word in word_times(text))


def caller_frames(text: str, silence_ms: int = 300) -> list[bytes]:
    """The text in the simulated voice and silence after it, in frames of 20 ms."""
    audio = speak(text) + SILENCE * (silence_ms * 8)
    return [audio[at : at + FRAME] for at in range(0, len(audio), FRAME)]


async def wait_for(is_done: Callable[[], bool], limit_s: float = 30.0) -> None:
    """Waits for what a server does."""
    async with asyncio.timeout(limit_s):
        while not is_done():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
