"""Numbers and addresses as a voice says them and a recognizer hears them: nothing of them is left in the texts, nor in
the recording when it is recognized again."""

import io
import wave
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from control.calls.recordings.rules import find_stretches
from control.calls.recordings.wav import WavLayout, silence_stretches
from control.redaction.finder import KINDS, SpokenText, redact
from vocalized.caller.local_speech import RATE, Recognize, load_recognizer, load_voice
from vocalized.demo.readback import utterances, words_of

pytestmark = pytest.mark.speech

# Each with the words that must be left of it; the local recognizer takes some seconds of speech at once.
CARD: tuple[tuple[str, str, set[str]], ...] = (
    ("agent", "Your card number, please.", {"your", "card", "number", "please"}),
    ("caller", "It is six zero one one, zero zero zero nine.", {"it", "is"}),
    ("agent", "Yes, I am listening.", {"yes", "i", "am", "listening"}),
    ("caller", "Then nine zero one three, nine four two four.", {"then"}),
    ("agent", "And the security code?", {"and", "the", "security", "code"}),
    ("caller", "It is nine zero two.", {"it", "is"}),
    ("agent", "So six zero one one, zero zero zero nine.", set()),
    ("caller", "Yes.", {"yes"}),
    ("agent", "And nine zero one three, nine four two four, is that right?", {"and", "is", "that", "right"}),
)
OTHERS: tuple[tuple[str, str, set[str]], ...] = (
    ("agent", "Which table would you like?", {"which", "table", "would", "you", "like"}),
    ("caller", "You can write to john at gmail dot com.", {"you", "can", "write", "to"}),
    ("caller", "My social security number is five three six, nine zero, four three nine nine.", {"social", "security"}),
    ("caller", "A table for two at seven thirty, please.", {"table", "for", "two", "seven", "thirty", "please"}),
)
_NUMBERS = {"zero", "one", "two", "three", "four", "five", "six", "nine", "gmail", "com", "john"}
_PAUSE_MS = 900


@cache
def recognizer() -> Recognize:
    return load_recognizer()


@dataclass
class SpokenCall:
    """A call that voices speak. turns: with their times, as the recognizer heard them. sides: the channels."""

    turns: list[dict[str, object]] = field(default_factory=list)
    sides: list[NDArray[np.int16]] = field(default_factory=list)

    def add(self, speaker: str, pcm: bytes) -> None:
        start = sum(map(len, self.sides)) + _PAUSE_MS * RATE // 1_000
        samples = np.frombuffer(pcm, dtype="<i2")
        both = np.zeros((_PAUSE_MS * RATE // 1_000 + len(samples), 2), dtype="<i2")
        both[-len(samples) :, int(speaker == "agent")] = samples
        self.sides.append(both)
        times = {"start_ms": start * 1_000 // RATE, "end_ms": (start + len(samples)) * 1_000 // RATE}
        self.turns.append({"speaker": speaker, "text": recognizer()(pcm), **times})

    def recording(self) -> bytes:
        file = io.BytesIO()
        with wave.open(file, "wb") as wav:
            wav.setnchannels(2)
            wav.setsampwidth(2)
            wav.setframerate(RATE)
            wav.writeframes(np.concatenate(self.sides).tobytes())
        return file.getvalue()


def recognize_again(recording: bytes) -> set[str]:
    """The words of both sides."""
    with wave.open(io.BytesIO(recording)) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), dtype="<i2").reshape(-1, 2)
    pieces = [piece for side in samples.T for piece in utterances(np.ascontiguousarray(side))]
    return set(words_of(" ".join(recognizer()(piece.astype("<i2").tobytes()) for piece in pieces)))


@pytest.mark.parametrize("script", [CARD, OTHERS], ids=["card", "others"])
def test_nothing_is_left_in_texts_and_recording(script: tuple[tuple[str, str, set[str]], ...]) -> None:
    voice, call = load_voice(), SpokenCall()
    for speaker, text, _ in script:
        call.add(speaker, voice(text))
    heard = [SpokenText(str(turn["speaker"]), str(turn["text"])) for turn in call.turns]
    assert all(one.text for one in heard), "the recognizer hears each turn"
    kept = redact(heard, KINDS)
    for text, (_, _, words) in zip(kept, script, strict=True):
        left = set(words_of(text)) - {"redacted", "email", "national", "id"}
        assert words <= left or not words, text
        assert not _NUMBERS & left or "thirty" in left, text
    recording = call.recording()
    before = recognize_again(recording)
    assert len(_NUMBERS & before) >= 4, "they were in the recording"
    stretches = find_stretches([{**turn, "text": text} for turn, text in zip(call.turns, kept, strict=True)])
    assert stretches, "something must be silent"
    file = io.BytesIO(recording)
    form = recording[20:36]
    silence_stretches(file, WavLayout(form, 44, len(recording) - 44), stretches)
    silent = file.getvalue()
    assert len(silent) == len(recording)
    after = recognize_again(silent)
    assert not (_NUMBERS - {"two"}) & after
    assert after & before, "the other turns are heard still"
