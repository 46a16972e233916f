"""Family "hesitations": callers who say "um" in a pause. Is the agent audible before they go on?"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from lab.listening.clips import Clip, ClipAudio
from lab.listening.dictations import spoken
from lab.listening.pauses import STARTING_MS, first_words, place_of, response_ms
from lab.listening.sound import PER_MS, USUAL_DB, at_level, room_noise, to_frames
from lab.listening.timeline import LEAD_MS, TAIL_MS
from lab.listening.virtual_call import CallSetup, ListeningEngines, run_call

# By the local voice; recognizers write most of them as nothing.
SOUNDS: Final = ("ummm", "uhhh", "um, uh", "hmmm")
# Silence before the sound, longer than what ends a turn whose words end, and after it, longer than that as well.
BEFORE_MS, AFTER_MS = 900, 1_000


class HesitationCase(msgspec.Struct, frozen=True):
    """One call. sound: what the caller says in the pause. place: as in `PauseCase`. was_cut: the agent began to sound
    within the pause or just after it. response_ms: from the true end to the first agent audio; None: none came."""

    clip: str
    speaker: str
    sound: str
    place: str
    was_cut: bool
    response_ms: float | None


def run_hesitations(
    clips: Sequence[Clip], audio: ClipAudio, setup: CallSetup, engines: ListeningEngines
) -> Iterator[HesitationCase]:
    """Each clip that has a boundary, with a pause at its first one. Raises SourceError, SpeechModelError."""
    for number, clip in enumerate(each for each in clips if each.boundaries):
        yield _case(clip, SOUNDS[number % len(SOUNDS)], audio, setup, engines)


def _case(clip: Clip, sound: str, audio: ClipAudio, setup: CallSetup, engines: ListeningEngines) -> HesitationCase:
    boundary, samples, hesitation = clip.boundaries[0], at_level(audio.samples(clip), USUAL_DB), spoken(sound)
    before, after = np.split(samples, [boundary.at_ms * PER_MS])
    pause = [room_noise(samples, BEFORE_MS, 1), hesitation, room_noise(samples, AFTER_MS, 2)]
    lead, tail = room_noise(samples, LEAD_MS, 0), room_noise(samples, TAIL_MS, 3)
    outcome = run_call(to_frames(np.concatenate([lead, before, *pause, after, tail])), setup, engines)
    began = LEAD_MS + boundary.at_ms
    goes_on = began + sum(map(len, pause)) / PER_MS
    return HesitationCase(
        clip=clip.name,
        speaker=clip.speaker,
        sound=sound,
        place=place_of(first_words(clip.text, boundary.before)),
        was_cut=any(began <= span.start <= goes_on + STARTING_MS for span in outcome.spans),
        response_ms=response_ms(outcome, goes_on + len(after) / PER_MS),
    )
