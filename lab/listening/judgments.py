"""What the completeness model says at the places where callers can pause, and at the true ends of what they say.

The texts are those that the model is asked about in whole calls: what the recognizer heard up to the pause.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from lab.listening.clips import Clip, ClipAudio
from lab.listening.figures import percentile, share
from lab.listening.pauses import PAUSES_MS, first_words, place_of
from lab.listening.sound import USUAL_DB, at_level
from lab.listening.timeline import speak
from lab.listening.virtual_call import CallSetup, ListeningEngines, run_call
from lab.listening.word_boundaries import WordBoundary
from media.turn.endpoint import TurnRules
from media.turn.evidence import CompletenessJudge, TurnEvidence
from media.turn.expected_cost import end_silence, words_log_odds
from media.turn.expected_reply import ExpectedReply
from media.turn.second_opinion import is_uncertain

END: Final = "end"
# Long enough for the text of every pause; the agent may answer meanwhile.
_PAUSE_MS: Final = PAUSES_MS[-1]
# Shares of the true ends that are to be judged done.
_ENDS_DONE: Final = (0.4, 0.5, 0.6)
# A turn that ends after this silence is answered soon.
SOON_MS: Final = 750


class Judgment(msgspec.Struct, frozen=True):
    """Of one pause or end. place: "end", or as of a `PauseCase`. heard: the recognized words. probability: that they
    are the end; 0 where the model was not asked, because of a word that cannot end a sentence or because nothing was
    recognized."""

    clip: str
    place: str
    heard: str
    probability: float


@dataclass(slots=True)
class RecordingJudge:
    """A judge that remembers what it was asked. answers: time of the call in ms, text, probability."""

    judge: CompletenessJudge
    answers: list[tuple[float, str, float]] = field(default_factory=list)

    def supports(self, language: str) -> bool:
        return self.judge.supports(language)

    def probabilities(
        self, texts: Sequence[str], *, language: str = "en", asked: ExpectedReply = ExpectedReply.REPLY
    ) -> list[float]:
        """As the judge's."""
        found = self.judge.probabilities(texts, language=language, asked=asked)
        now_ms = asyncio.get_running_loop().time() * 1_000
        self.answers += [(now_ms, text, chance) for text, chance in zip(texts, found, strict=True)]
        return found


def judge_pauses(
    clips: Sequence[Clip], audio: ClipAudio, setup: CallSetup, engines: ListeningEngines, judge: CompletenessJudge
) -> Iterator[Judgment]:
    """The end of each clip, and each of its boundaries. Raises SourceError."""
    for clip in clips:
        samples = at_level(audio.samples(clip), USUAL_DB)
        for boundary in (None, *clip.boundaries):
            recording = RecordingJudge(judge)
            caller = speak(samples, [boundary], _PAUSE_MS) if boundary else speak(samples)
            run_call(caller.frames, setup, replace(engines, completeness=recording))
            began, until = caller.pauses[0] if boundary else (caller.end_ms, float("inf"))
            asked = [(text, chance) for at, text, chance in recording.answers if began <= at <= until]
            heard, chance = asked[-1] if asked else ("", 0.0)
            yield Judgment(clip.name, _place(clip, boundary), heard, chance)


def with_opinion(judgment: Judgment, ask: Callable[[str], float]) -> Judgment:
    """The judgment of both judges, where calls would ask the second one. ask: its probability for a text."""
    if not is_uncertain(judgment.probability):
        return judgment
    both = words_log_odds(TurnEvidence(text=judgment.probability, second=ask(judgment.heard)))
    return msgspec.structs.replace(judgment, probability=1 / (1 + math.exp(-both)))


def _place(clip: Clip, boundary: WordBoundary | None) -> str:
    return place_of(first_words(clip.text, boundary.before)) if boundary else END


def judgment_table(judgments: Sequence[Judgment]) -> Iterator[str]:
    """For some thresholds, and by the operating curve: the share of the true ends that are done, and of the pauses, by
    place."""
    ends = [each.probability for each in judgments if each.place == END]
    pauses = [each for each in judgments if each.place != END]
    places = {"all": pauses}
    places |= {name: [each for each in pauses if each.place == name] for name in ("inside", "open", "sentence")}
    yield (
        "| ends judged done | threshold | " + " | ".join(f"{name}: {len(each)}" for name, each in places.items()) + " |"
    )
    yield "| --- " * (2 + len(places)) + "|"
    for done in _ENDS_DONE:
        least = percentile(ends, 100 * (1 - done))
        shares = (f"{share([each.probability >= least for each in found]):.1%}" for found in places.values())
        yield f"| {done:.0%} of {len(ends)} | {least:.3f} | " + " | ".join(shares) + " |"
    soon = share([is_judged_done(each) for each in judgments if each.place == END])
    shares = (f"{share([is_judged_done(each) for each in found]):.1%}" for found in places.values())
    yield f"| {soon:.0%} of {len(ends)} | soon | " + " | ".join(shares) + " |"


def is_judged_done(judgment: Judgment) -> bool:
    """Return whether the turn ends soon after these words, without other evidence."""
    return end_silence(TurnEvidence(text=judgment.probability), TurnRules()).ms <= SOON_MS
