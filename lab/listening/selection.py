"""Chooses the clips: whole turns of 2 to 12 s that the recognizer hears surely and that have a boundary between words.

The sets share no speaker. Which speaker is in which set is fixed here, and was before anything was measured.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator, Set
from typing import Final
from zlib import crc32

import msgspec

from lab.listening.clips import Clip, ClipAudio, SetName
from lab.listening.recognition_cache import RecognizerEngine
from lab.listening.sound import PER_MS
from lab.listening.sources import AMAZON_QUEEN, DRASCULA, POCKETSPHINX, PYANNOTE, STEEL_SKY
from lab.listening.speech_archive import PLAYER
from lab.listening.steel_sky import scene_of
from lab.listening.word_boundaries import find_boundaries, recognize
from media.turn.backchannels import phrase_set, split_words

# People of the game who are tuned on; all others are held out.
DEVELOPMENT: Final = frozenset(
    (PLAYER, "bob", "sparky", "tam", "jim", "chief", "klunk", "bud", "ape", "lola", "laris", "zombie")
)
SEED: Final = 16
# How many clips of a speaker at most, and of how many candidates. In the second game a scene stands for a speaker.
LIMITS: Final[dict[SetName, tuple[int, int]]] = {
    "development": (11, 36),
    "held_out": (6, 30),
    "second_held_out": (3, 9),
}
# Likewise of the player of the first game, who has a thousand lines, and in the third, whose recordings mostly fail.
PLAYER_LIMITS: Final = (36, 72)
DRASCULA_LIMITS: Final = (11, 16)
LEAST_MS, MOST_MS = 2_000, 12_000
LEAST_WORDS: Final = 5
LEAST_CONFIDENCE: Final = 0.7
MOST_BOUNDARIES: Final = 3

# Short turns: whole lines of so few words, at most so many of a speaker, of three times as many candidates.
PER_SPEAKER_TURNS: Final[dict[SetName, int]] = {"development": 8, "held_out": 4, "second_held_out": 2}
_TRIED_TURNS: Final = 3
TURN_WORDS: Final = range(2, 11)
LEAST_TURN_MS, MOST_TURN_MS = 600, 4_000

# Nods: recordings of one short sound that are nothing but these words.
NOD_WORDS: Final = phrase_set(
    "yeah|yes|okay|ok|right|all right|alright|good|great|sure|uh huh|mhm|i see|aha|that's right|oh yeah"
)
MOST_NOD_MS: Final = 900
_NOD_BYTES: Final = 5_000
# Shorter sounds are none on the telephone.
LEAST_NOISE_MS: Final = 100
_SCENE: Final = re.compile(r"C\w\w[A-Z_]")

# Of the third game a speaker's recordings begin alike; those that begin otherwise are songs and noises.
_DRASCULA: Final = re.compile(r"(|B|BJ|D|E|I|L|P|T|VB)\d+\.ALS")
_LIBRIVOX: Final = "librivox/sense_and_sensibility_01_austen_64kb-{}.wav"


def candidates(audio: ClipAudio) -> Iterator[Clip]:
    """Everything that may become a clip, each speaker's lines in a random order that does not change."""
    # Behind that the hall applauds.
    yield Clip("jfk", "development", "kennedy", "jfk", ("jfk.flac",), end_ms=10_400)
    for number in ("0870", "0880", "0890", "0920", "0930"):
        yield _held_out(f"librivox-{number}", "librivox reader", POCKETSPHINX.name, _LIBRIVOX.format(number))
    for start, end, speaker in (
        (10_570, 14_450, "90"),
        (14_750, 17_920, "91"),
        (18_650, 21_490, "90"),
        (21_780, 27_800, "91"),
    ):
        clip = _held_out(f"conversation-{start}", f"speaker {speaker}", PYANNOTE.name, "sample.wav")
        yield msgspec.structs.replace(clip, start_ms=start, end_ms=end)
    lines = audio.archive().lines()
    random.Random(SEED).shuffle(lines)
    for line in lines:
        name: SetName = "development" if line.speaker in DEVELOPMENT else "held_out"
        yield Clip(f"queen-{line.name}", name, line.speaker, AMAZON_QUEEN.name, line.parts)
    yield from _other_games(audio)


def _other_games(audio: ClipAudio) -> Iterator[Clip]:
    recordings = sorted(path.name for path in audio.drascula().iterdir())
    random.Random(SEED).shuffle(recordings)
    for file in recordings:
        if match := _DRASCULA.fullmatch(file):
            speaker = f"drascula {match[1] or 'player'}"
            yield Clip(f"drascula-{file.removesuffix('.ALS')}", "development", speaker, DRASCULA.name, (file,))
    names = audio.steel_sky().names()
    random.Random(SEED).shuffle(names)
    for name in names:
        yield Clip(f"sky-{name}", "second_held_out", scene_of(name), STEEL_SKY.name, (name,))


def _held_out(name: str, speaker: str, source: str, file: str) -> Clip:
    return Clip(name, "held_out", speaker, source, (file,))


def select(audio: ClipAudio, engine: RecognizerEngine) -> Iterator[Clip]:
    """The clips that fit, at most so many of a speaker, with text and boundaries. Raises SourceError."""
    chosen, tried = Counter[str](), Counter[str]()
    for clip in candidates(audio):
        most, most_tried = _limits(clip)
        if chosen[clip.speaker] >= most or tried[clip.speaker] >= most_tried:
            continue
        samples = audio.samples(clip)
        if not LEAST_MS * PER_MS <= len(samples) <= MOST_MS * PER_MS:
            continue
        tried[clip.speaker] += 1
        heard = recognize(samples, engine)
        if heard.confidence < LEAST_CONFIDENCE or len(heard.text.split()) < LEAST_WORDS:
            continue
        boundaries = find_boundaries(samples, heard.text, engine, MOST_BOUNDARIES)
        if boundaries:
            chosen[clip.speaker] += 1
            yield msgspec.structs.replace(clip, text=heard.text, boundaries=tuple(boundaries))


def _limits(clip: Clip) -> tuple[int, int]:
    if clip.speaker == PLAYER:
        return PLAYER_LIMITS
    return DRASCULA_LIMITS if clip.source == DRASCULA.name else LIMITS[clip.set]


def select_turns(audio: ClipAudio, engine: RecognizerEngine, taken: Set[str]) -> Iterator[Clip]:
    """Short whole turns with their text. taken: names of the clips that are in use already. Raises SourceError."""
    chosen, tried = Counter[str](), Counter[str]()
    for clip in candidates(audio):
        if clip.name in taken or len(clip.files) > 1 or clip.end_ms:
            continue
        most = PER_SPEAKER_TURNS[clip.set]
        if chosen[clip.speaker] >= most or tried[clip.speaker] >= most * _TRIED_TURNS:
            continue
        samples = audio.samples(clip)
        if not LEAST_TURN_MS * PER_MS <= len(samples) <= MOST_TURN_MS * PER_MS:
            continue
        tried[clip.speaker] += 1
        heard = recognize(samples, engine)
        if heard.confidence >= LEAST_CONFIDENCE and len(split_words(heard.text)) in TURN_WORDS:
            chosen[clip.speaker] += 1
            yield msgspec.structs.replace(clip, text=heard.text)


def select_nods(audio: ClipAudio, engine: RecognizerEngine) -> Iterator[Clip]:
    """Short recordings that are only a nod. Nobody tells who speaks in a scene of the game: the scene stands for the
    speaker, and every second one is held out. Raises SourceError."""
    for name in audio.archive().names(_NOD_BYTES):
        clip = Clip(f"nod-{name}", "development", _scene(name), AMAZON_QUEEN.name, (name,))
        samples = audio.samples(clip)
        if not 0 < len(samples) <= MOST_NOD_MS * PER_MS:
            continue
        heard = recognize(samples, engine)
        if not heard.text.rstrip().endswith("?") and " ".join(split_words(heard.text)) in NOD_WORDS:
            is_held_out = crc32(clip.speaker.encode()) % 2 == 1
            yield msgspec.structs.replace(clip, text=heard.text, set="held_out" if is_held_out else "development")


def select_noises(audio: ClipAudio, engine: RecognizerEngine) -> Iterator[Clip]:
    """Sound effects in which the recognizer hears no words, or not surely: on average every second one
    is held out. Raises SourceError."""
    for name in audio.archive().noises():
        is_held_out = crc32(name.encode()) % 2 == 1
        clip = Clip(f"noise-{name}", "held_out" if is_held_out else "development", "", AMAZON_QUEEN.name, (name,))
        samples = audio.samples(clip)
        if len(samples) < LEAST_NOISE_MS * PER_MS:
            continue
        heard = recognize(samples, engine)
        if not heard.text or heard.confidence < LEAST_CONFIDENCE:
            yield clip


def _scene(name: str) -> str:
    match = _SCENE.match(name)
    return f"scene {match[0]}" if match else f"scene {name[:2]}"
