"""How much silence ends the caller's turn: one function of the evidence, with its weights.

The thresholds and times were found on recognised human speech: see docs/decisions/0117-turn-evidence.md.
"""

from dataclasses import dataclass
from typing import Final

from media.turn.dictation import Progress
from media.turn.endpoint import LEAST_MS, TurnRules
from media.turn.evidence import CallerPace, TurnEvidence
from media.turn.expected_reply import ExpectedReply
from media.turn.second_opinion import average


@dataclass(frozen=True, slots=True)
class Silences:
    """As multiples of the plan's silence. short: after words that end. undecided: where they leave it open. patient:
    after words that go on."""

    short: float
    undecided: float
    patient: float


@dataclass(frozen=True, slots=True)
class CurveWeights:
    """Thresholds of probability, and the silence they lead to.

    text_done: the words alone show that the turn is over. text_likely: they do together with sound_done. text_open:
    below it the caller goes on, whatever the sound. sound_open: below it the caller goes on unless the words show the
    end. vendor_done: a recogniser's own probability, with which likely words are enough. vendor_open: below it no words
    are.
    prepared: the silences if the answer is asked for before they end, so that the caller hears it at once. asked:
    those of a plan without that: model and voice take their time after them. sounds_done, sounds_open: multiples of the
    plan's silence where there is no model of the language, so that sound and recogniser decide without the words.
    """

    text_done: float = 0.88
    text_likely: float = 0.5
    text_open: float = 0.1
    sound_done: float = 0.85
    sound_open: float = 0.3
    vendor_done: float = 0.7
    vendor_open: float = 0.3
    prepared: Silences = Silences(760 / 600, 1_600 / 600, 1_760 / 600)
    asked: Silences = Silences(420 / 600, 1_150 / 600, 1_450 / 600)
    sounds_done: float = 0.85
    sounds_open: float = 1.5


DEFAULT_WEIGHTS: Final = CurveWeights()
# By the language's first part ("en" of "en-GB"); languages that are not in the table have the default.
WEIGHTS: Final[dict[str, CurveWeights]] = {"en": DEFAULT_WEIGHTS}

# A short silence is never shorter than this, unless the plan's is: the final text takes about as long.
SHORT_FLOOR_MS: Final = 250
# Nothing known of a turn makes the caller wait longer than this, unless the plan does.
MOST_MS: Final = 2_000
DICTATION_MS: Final = 1_400
# After a whole number; PREPARED_WHOLE_MS where the answer is ready then, so that a pause of 500 ms outlasts neither.
WHOLE_MS, PREPARED_WHOLE_MS = 500, 680
MESSAGE_MS: Final = 1_500
# How far the caller's pace may lengthen the silence, and how much longer than their pauses it should be. It shortens
# nothing: within a sentence people pause for 250 ms, and for 1,200 where they think.
PACE_MOST, PACE_MARGIN = 1.25, 1.25


def weights_for(rules: TurnRules) -> CurveWeights:
    """The weights of the rules' language."""
    return WEIGHTS.get(rules.language.partition("-")[0].lower(), DEFAULT_WEIGHTS)


def silence_for(evidence: TurnEvidence, rules: TurnRules) -> int:
    """The silence in ms, from the true end of speech, that ends a turn of which this is known; never under 200.

    A plan that is not adaptive always has its own silence.
    """
    base = max(LEAST_MS, rules.silence_ms)
    if not rules.adaptive:
        return base
    weights = weights_for(rules)
    silences = weights.prepared if rules.prepare_ms else weights.asked
    share = _share(evidence, weights, silences)
    wait = base * share
    if share in (silences.undecided, silences.patient):
        wait = _at_pace(wait, evidence.pace)
    if share > 1:
        wait = max(base, min(wait, MOST_MS))
    elif share < 1:
        wait = max(wait, min(base, SHORT_FLOOR_MS))
    return max(LEAST_MS, round(_for_dictation(wait, evidence, PREPARED_WHOLE_MS if rules.prepare_ms else WHOLE_MS)))


def _share(evidence: TurnEvidence, weights: CurveWeights, silences: Silences) -> float:
    """The multiple of the plan's silence by words, sound and vendor."""
    if evidence.text is None:
        return _share_without_text(evidence, weights)
    text = evidence.text
    if evidence.second is not None:
        text = average(text, evidence.second, weights.text_done)
    if text < weights.text_open:
        return silences.patient
    if _is_done(text, evidence, weights):
        return silences.short
    sounds_open = evidence.sound is not None and evidence.sound < weights.sound_open
    return silences.patient if sounds_open and text < weights.text_done else silences.undecided


def _is_done(text: float, evidence: TurnEvidence, weights: CurveWeights) -> bool:
    """Whether the words show the end alone, or with the sound or the recogniser, which never do without the words."""
    if evidence.vendor is not None and evidence.vendor < weights.vendor_open:
        return False
    vendor_done = evidence.vendor is not None and evidence.vendor >= weights.vendor_done
    sounds_done = evidence.sound is not None and evidence.sound >= weights.sound_done
    return text >= weights.text_done or ((sounds_done or vendor_done) and text >= weights.text_likely)


def _share_without_text(evidence: TurnEvidence, weights: CurveWeights) -> float:
    sound, vendor = evidence.sound, evidence.vendor
    if (sound is not None and sound < weights.sound_open) or (vendor is not None and vendor < weights.vendor_open):
        return weights.sounds_open
    sounds_done = sound is not None and sound >= weights.sound_done
    vendor_done = vendor is not None and vendor >= weights.vendor_done
    return weights.sounds_done if sounds_done or vendor_done else 1.0


def _at_pace(wait: float, pace: CallerPace | None) -> float:
    if pace is None:
        return wait
    return min(max(pace.long_ms * PACE_MARGIN, wait), wait * PACE_MOST)


def _for_dictation(wait: float, evidence: TurnEvidence, whole_ms: int) -> float:
    """Dictation has pauses between its groups, and none after its last symbol; a message has pauses throughout. A whole
    number that could be longer, or that was not understood, decides nothing."""
    dictation = evidence.dictation
    if dictation is not None and dictation.progress is Progress.PARTIAL:
        return max(wait, DICTATION_MS)
    if dictation is not None and dictation.progress is Progress.WHOLE and dictation.is_clear:
        return wait if dictation.may_continue else min(wait, whole_ms)
    return max(wait, MESSAGE_MS) if evidence.asked is ExpectedReply.MESSAGE else wait
