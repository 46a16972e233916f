"""Family "pauses": callers who pause inside what they say. Is the agent audible before they have finished?"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from lab.listening.clips import Clip, ClipAudio
from lab.listening.sound import USUAL_DB, at_level
from lab.listening.timeline import CallerSide, speak
from lab.listening.virtual_call import CallOutcome, CallSetup, ListeningEngines, run_call
from lab.listening.word_boundaries import WordBoundary
from media.turn.backchannels import phrase_set, split_words

PAUSES_MS: Final = (500, 700, 900, 1_200)
# Words after which nothing has been said yet: articles, prepositions, conjunctions, auxiliaries.
OPEN_WORDS: Final = phrase_set(
    "a|an|the|and|or|but|because|if|when|that|to|of|for|from|with|at|in|on|by|my|your|his|her|our|their|its|i|we|they|"
    "is|are|was|were|am|will|would|can|could|should|has|have|had|very|so|as|than|i'm|i'd|i'll|we're|it's|there's"
)
# Those of them that can end no sentence. The others can: "Where are they?", "What is it for?", "I know they are."
NEVER_LAST: Final = phrase_set(
    "a|an|the|and|or|but|because|if|than|as|very|my|your|our|their|its|i'm|i'd|i'll|we're|it's|there's"
)
# An agent that begins this soon after the caller has gone on did so for the pause.
STARTING_MS: Final = 200.0
_WORD: Final = re.compile(r"\S+")


class PauseCase(msgspec.Struct, frozen=True):
    """One call.

    pause_ms: 0 without a pause. said: the words before the pause. place: what the caller stops after: an "open" word,
    the end of a "sentence" (by the recognizer's punctuation of the whole), or "inside" a sentence. was_cut: the agent
    began to sound within the pause or just after it; in a call without a made pause, anywhere before the end, because
    of a pause of the clip's own. early_ms: when the agent began before the true end, from the beginning of the pause.
    response_ms: from the true end to the first agent audio after it; None: none came.
    """

    clip: str
    speaker: str
    pause_ms: int
    at_ms: int
    place: str
    said: str
    was_cut: bool
    early_ms: list[float]
    response_ms: float | None

    @property
    def ends_nothing(self) -> bool:
        """Whether the caller stops after a word that can end no sentence."""
        return self.place == "open" and split_words(self.said)[-1] in NEVER_LAST


def run_pauses(
    clips: Sequence[Clip], audio: ClipAudio, setup: CallSetup, engines: ListeningEngines
) -> Iterator[PauseCase]:
    """Each clip whole, then with each pause at each of its boundaries. Raises SourceError."""
    for clip in clips:
        samples = at_level(audio.samples(clip), USUAL_DB)
        yield _case(clip, speak(samples), setup, engines)
        for boundary in clip.boundaries:
            for pause_ms in PAUSES_MS:
                if boundary.soft_ms <= pause_ms:
                    yield _case(
                        clip, speak(samples, [boundary], pause_ms), setup, engines, pause_ms=pause_ms, boundary=boundary
                    )


def _case(
    clip: Clip,
    caller: CallerSide,
    setup: CallSetup,
    engines: ListeningEngines,
    *,
    pause_ms: int = 0,
    boundary: WordBoundary | None = None,
) -> PauseCase:
    outcome = run_call(caller.frames, setup, engines)
    said = first_words(clip.text, boundary.before) if boundary else ""
    early = [span.start for span in outcome.spans if span.start < caller.end_ms]
    began, ended = caller.pauses[0] if caller.pauses else (0.0, caller.end_ms)
    return PauseCase(
        clip=clip.name,
        speaker=clip.speaker,
        pause_ms=pause_ms,
        at_ms=boundary.at_ms if boundary else 0,
        place=place_of(said) if boundary else "",
        said=said,
        was_cut=any(began <= start <= ended + STARTING_MS for start in early),
        early_ms=[round(start - began, 1) for start in early],
        response_ms=response_ms(outcome, caller.end_ms),
    )


def response_ms(outcome: CallOutcome, end_ms: float) -> float | None:
    """From the true end of speech to the first agent audio that began after it."""
    starts = [span.start - end_ms for span in outcome.spans if span.start >= end_ms and span.end > span.start]
    return round(starts[0], 1) if starts else None


def first_words(text: str, count: int) -> str:
    """The first `count` words (as `split_words` counts them) of a text, with their punctuation."""
    said = ""
    for match in _WORD.finditer(text):
        if len(split_words(said)) >= count:
            break
        said = text[: match.end()]
    return said


def place_of(said: str) -> str:
    """What the words end with: "open", "sentence" or "inside"."""
    if said.endswith((".", "!", "?")):
        return "sentence"
    return "open" if split_words(said)[-1] in OPEN_WORDS else "inside"
