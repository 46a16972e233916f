"""The clips: which part of which recording, who speaks, what is said, where words end, and which set it is in."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.listening.sound import PER_MS, Samples, resample, room_noise, trim
from lab.listening.sources import AMAZON_QUEEN, DRASCULA, POCKETSPHINX, PYANNOTE, STEEL_SKY, fetch
from lab.listening.speech_archive import SpeechArchive
from lab.listening.steel_sky import SteelSkySpeech, from_bytes
from lab.listening.word_boundaries import WordBoundary

LIST: Final = Path(__file__).parent / "data" / "clips.json"
NODS: Final = LIST.with_name("nods.json")
# Short whole turns, without boundaries.
TURNS: Final = LIST.with_name("turns.json")
# Sound effects.
NOISES: Final = LIST.with_name("noises.json")
JFK: Final = Path(__file__).parents[2] / "config" / "samples" / "jfk.flac"
# Recordings of one turn are joined with this much of their own noise in between.
JOINT_MS: Final = 120

SetName = Literal["development", "held_out", "second_held_out"]


class Clip(msgspec.Struct, frozen=True):
    """One utterance.

    source: the package's name, or "jfk" for the recording in the tree. files: of the source, joined in this order.
    start_ms, end_ms: the part of the file; 0 as the end: all of it. text: what the local recognizer hears in all of it.
    boundaries: places between two words.
    """

    name: str
    set: SetName
    speaker: str
    source: str
    files: tuple[str, ...]
    text: str = ""
    start_ms: int = 0
    end_ms: int = 0
    boundaries: tuple[WordBoundary, ...] = ()


class ClipAudio:
    """Reads clips from the fetched packages in a folder; fetches what is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archive: SpeechArchive | None = None
        self._steel_sky: SteelSkySpeech | None = None

    def archive(self) -> SpeechArchive:
        """The game's spoken lines. Raises SourceError."""
        if self._archive is None:
            self._archive = SpeechArchive(fetch(AMAZON_QUEEN, self._folder))
        return self._archive

    def steel_sky(self) -> SteelSkySpeech:
        """The other game's spoken lines. Raises SourceError."""
        if self._steel_sky is None:
            self._steel_sky = SteelSkySpeech(fetch(STEEL_SKY, self._folder))
        return self._steel_sky

    def drascula(self) -> Path:
        """The folder of the third game's recordings. Raises SourceError."""
        return fetch(DRASCULA, self._folder)

    def samples(self, clip: Clip) -> Samples:
        """The clip's audio, trimmed so that it ends with its last sound. Raises SourceError."""
        parts = [trim(self._read(clip, file)) for file in clip.files]
        joined = [parts[0]]
        for index, part in enumerate(parts[1:]):
            joined += [room_noise(parts[0], JOINT_MS, index), part]
        return trim(np.concatenate(joined))

    def _read(self, clip: Clip, file: str) -> Samples:
        if clip.source == AMAZON_QUEEN.name:
            return self.archive().samples(file)
        if clip.source == STEEL_SKY.name:
            return self.steel_sky().samples(file)
        path = {
            "jfk": lambda: JFK,
            POCKETSPHINX.name: lambda: fetch(POCKETSPHINX, self._folder) / file,
            DRASCULA.name: lambda: self.drascula() / file,
            PYANNOTE.name: lambda: fetch(PYANNOTE, self._folder),
        }[clip.source]()
        samples = _read_file(path)
        return samples[clip.start_ms * PER_MS : clip.end_ms * PER_MS if clip.end_ms else None]


def _read_file(path: Path) -> Samples:
    if path.suffix == ".raw":  # pocketsphinx's: 16-bit little-endian, 16 kHz
        raw = np.frombuffer(path.read_bytes(), "<i2").astype(np.float32) / np.float32(32_768)
        return resample(raw, 16_000)
    if path.suffix == ".ALS":  # drascula's
        return from_bytes(path.read_bytes())
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return resample(np.ascontiguousarray(samples[:, 0]), rate)


def read_clips(set_name: SetName | None = None, path: Path = LIST) -> list[Clip]:
    """The clips of a set, or all."""
    clips = msgspec.json.decode(path.read_bytes(), type=list[Clip])
    return [clip for clip in clips if set_name in (None, clip.set)]


def write_clips(clips: Iterable[Clip], path: Path = LIST) -> None:
    """Writes the list, one clip a line."""
    path.parent.mkdir(exist_ok=True)
    lines = ",\n".join(msgspec.json.encode(clip).decode() for clip in clips)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
