"""Which probability of the words should count as their end: what a threshold answers soon, and where it cuts.

The operating curve (`media/turn/operating_curve.py`) has one threshold that matters, and it belongs to one model of the
words. This table needs no audio: it asks the model about the recognised clips of a set, whole and up to each place
where a pause is made.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from media.turn.endpoint import TurnRules
from media.turn.evidence import CompletenessJudge, EvidenceCollector
from media.turn.expected_reply import ExpectedReply
from vocalized.listening.clips import Clip
from vocalized.listening.pauses import first_words

THRESHOLDS: Final = (0.5, 0.6, 0.7, 0.8, 0.85, 0.86, 0.87, 0.88, 0.89, 0.9, 0.92, 0.95)
# A recogniser that hears a pause ends the sentence there; the clip's text has the comma of the whole.
_MARKS: Final = " ,;:-."


def threshold_table(clips: Sequence[Clip], judge: CompletenessJudge) -> Iterator[str]:
    """The lines of a table: for each threshold the share of whole turns that reach it, and of the places inside."""
    evidence = EvidenceCollector(TurnRules(), judge)
    ends = [_probability(evidence, clip.text) for clip in clips]
    inside = [
        _probability(evidence, first_words(clip.text, boundary.before).rstrip(_MARKS))
        for clip in clips
        for boundary in clip.boundaries
    ]
    yield "| threshold | turns answered soon | pauses cut if longer than the short silence |"
    yield "| --- | --- | --- |"
    for threshold in THRESHOLDS:
        yield f"| {threshold:.2f} | {_share(ends, threshold):.1%} | {_share(inside, threshold):.1%} |"


def _probability(evidence: EvidenceCollector, text: str) -> float:
    return evidence.collect(text, ExpectedReply.REPLY).text or 0.0


def _share(probabilities: Sequence[float], threshold: float) -> float:
    return sum(one >= threshold for one in probabilities) / len(probabilities) if probabilities else 0.0
