"""The local recognizer and voice in this process, whose answers take virtual time; and the caller's sound."""

import asyncio
import io
import wave
from collections.abc import Mapping
from typing import Final, Protocol

from control.agent_tests.rules import CaseScript
from media.audio import mulaw
from media.providers.local.speech import PHONE_RATE, Recognition, SynthesizedSpeech
from media.providers.ports import ProviderBusy

# About what the engines take on one core: to recognize, a start and a share of the sound; to speak a clause.
RECOGNIZE_S: Final = 0.05
RECOGNIZE_SHARE: Final = 0.02
SPEAK_S: Final = 0.08
# Clauses of agents whose sound is kept: versions of an agent say mostly the same.
MOST_CLAUSES: Final = 2_000


class RecognizerModel(Protocol):
    """The part of the local recognizer that is used."""

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        """Transcribes one utterance."""


class VoiceModel(Protocol):
    """The part of the local voice that is used."""

    def synthesize(self, text: str) -> SynthesizedSpeech:
        """Speaks a clause."""


class InProcessSpeech:
    """The local engine without a process of its own: no socket is needed, and virtual time does not wait for it."""

    def __init__(self, recognizer: RecognizerModel, voice: VoiceModel) -> None:
        self._recognizer, self._voice = recognizer, voice
        self._spoken: dict[str, SynthesizedSpeech] = {}

    async def connect(self) -> None:
        """Does nothing, because the models are loaded."""

    async def transcribe(self, pcm: bytes, sample_rate: int, *, is_partial: bool = False) -> Recognition:
        """Raises ProviderBusy for a text while the caller speaks."""
        if is_partial:
            raise ProviderBusy("local", "no texts while the caller speaks")
        await asyncio.sleep(RECOGNIZE_S + RECOGNIZE_SHARE * len(pcm) / 2 / sample_rate)
        return self._recognizer.transcribe(pcm, sample_rate)

    async def synthesize(self, text: str) -> SynthesizedSpeech:
        """Speaks a clause; the same clause sounds the same."""
        await asyncio.sleep(SPEAK_S)
        return self.speak(text)

    def speak(self, text: str) -> SynthesizedSpeech:
        """Returns the sound of a clause."""
        if text not in self._spoken:
            if len(self._spoken) >= MOST_CLAUSES:
                self._spoken.clear()
            self._spoken[text] = self._voice.synthesize(text)
        return self._spoken[text]


def make_sounds(script: CaseScript, recording: bytes | None, speech: InProcessSpeech) -> Mapping[int, bytes]:
    """Returns the caller's mu-law audio of each turn: cut from the recording where the script says so, else spoken by
    the local voice.

    Args:
        recording: A stereo WAV file with the caller on the left; None if there is none any more.
    """
    left = _read_left(recording) if recording else b""
    return {
        place: _cut(left, turn.start_ms, turn.end_ms) or mulaw.encode(speech.speak(turn.text).pcm)
        for place, turn in enumerate(script.turns)
    }


def _cut(left: bytes, start_ms: int | None, end_ms: int | None) -> bytes:
    """Returns a part of 16-bit audio as mu-law; empty if the audio does not have all of it."""
    if start_ms is None or end_ms is None:
        return b""
    bytes_per_ms = PHONE_RATE * 2 // 1_000
    part = left[start_ms * bytes_per_ms : end_ms * bytes_per_ms]
    return mulaw.encode(part) if len(part) == (end_ms - start_ms) * bytes_per_ms else b""


def _read_left(recording: bytes) -> bytes:
    """Returns the left channel; empty for a file in another format than media's recordings."""
    with wave.open(io.BytesIO(recording)) as file:
        if (file.getframerate(), file.getsampwidth(), file.getnchannels()) != (PHONE_RATE, 2, 2):
            return b""
        frames = file.readframes(file.getnframes())
    samples = memoryview(frames).cast("h")
    return bytes(samples[::2].tobytes())
