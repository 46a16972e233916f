"""What the local recognizer says of a sound, kept in a file by the sound's hash: each is recognized once."""

import hashlib
import json
from pathlib import Path
from typing import Protocol

from media.providers.local.short_sounds import is_short
from media.providers.local.speech import Recognition


class RecognizerEngine(Protocol):
    """The part of the local recognizer that is used."""

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        """Transcribes one utterance."""


class RecognitionCache:
    """A file of lines `[hash, text, confidence, hearings]`. One process writes it at a time; a line that is
    broken, or of an older version, is passed over.

    name: of the recognizer, so that another one's texts are not taken. short_name: the same for short sounds, which it
    recognizes in another way. made: how many were not in the file."""

    def __init__(self, path: Path, engine: RecognizerEngine, name: str, short_name: str = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._engine, self._name = path, engine, name
        self._short_name = short_name or name
        self._known: dict[str, Recognition] = {}
        self.made = 0
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                key, text, confidence, hearings = json.loads(line)
            except ValueError:  # the process ended while it wrote
                continue
            self._known[key] = Recognition(text, confidence, hearings)

    def transcribe(self, pcm: bytes, sample_rate: int) -> Recognition:
        """As the recognizer's; raises what it raises."""
        name = self._short_name if is_short(pcm, sample_rate) else self._name
        key = hashlib.sha256(f"{name} {sample_rate} ".encode() + pcm).hexdigest()[:32]
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._engine.transcribe(pcm, sample_rate)
            self.made += 1
            with self._path.open("a", encoding="utf-8") as file:
                line = [key, found.text, round(found.confidence, 4), found.hearings]
                file.write(json.dumps(line) + "\n")
        return found
