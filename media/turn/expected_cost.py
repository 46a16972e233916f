"""Decides how long the caller must be silent before the agent answers: the silence with the least expected cost.

After a noticed pause, the caller's turn has either ended or continues. If it has ended, each millisecond until the
response costs one. If it continues, an answer that sounds too early cuts the caller off, which costs as much as
`price_ms` of waiting. People differ in how long they pause, so the pauses inside turns have a Lomax distribution
(exponential, with a mean that differs between callers). The expected cost of an answer that sounds `t` ms after the end
of speech is

    P(end) * t + P(pause) * price_ms * (1 + (t - NOTICED_MS) / scale_ms) ** -shape

and the cost is least where the growth of the first term equals the decrease of the second:

    t = NOTICED_MS + scale_ms * ((price_ms * shape / scale_ms / odds of the end) ** (1 / (shape + 1)) - 1)

but never before `earliest_ms`. The log-odds are the sum of a prior for the kind of call and of each piece of evidence.
The figures are in docs/decisions/0011.
"""

import math
from dataclasses import dataclass
from typing import Final

from media.turn.dictation import Progress
from media.turn.end_reason import EndReason
from media.turn.endpoint import LEAST_MS, TurnRules
from media.turn.evidence import TurnEvidence
from media.turn.expected_reply import ExpectedReply

# How long a pause has lasted when the final text of the caller's words is requested.
NOTICED_MS: Final = 200
# The maximum silence before an answer, whatever the evidence is.
MOST_MS: Final = 2_000
# How long the model and the voice take if the answer is not prepared during the silence.
ANSWER_MS: Final = 280
# The default of the plan's `silence_ms`. Another value is the silence without evidence, and scales all other silences.
DEFAULT_SILENCE_MS: Final = 600

# The silence after incomplete dictated symbols, and the maximum after a complete number.
DICTATION_MS: Final = 1_400
WHOLE_MS: Final = 680


@dataclass(frozen=True, slots=True)
class PausePrior:
    """How callers pause in one kind of call.

    Attributes:
        end_log_odds: Log-odds that a noticed pause is the end of the turn.
        scale_ms: Scale of the Lomax distribution of the other pauses, counted from the moment they are noticed.
        shape: Its shape.
    """

    end_log_odds: float
    scale_ms: float = 250.0
    shape: float = 1.0


@dataclass(frozen=True, slots=True)
class EvidenceWeights:
    """The weights of the judges' log-odds in the posterior log-odds.

    Attributes:
        most: The maximum by which a judge other than the model of the words moves the posterior.
    """

    text: float
    second: float
    sound: float
    vendor: float
    most: float


@dataclass(frozen=True, slots=True)
class EndSilence:
    """The silence that ends a turn, in ms from the true end of speech, and the evidence that decided its length."""

    ms: int
    reason: EndReason


# Priors by the expected kind of reply, fitted on noticed pauses and ends in the natural calls of the development set.
PRIORS: Final[dict[ExpectedReply, PausePrior]] = {
    ExpectedReply.REPLY: PausePrior(end_log_odds=0.0),
    # People who leave a message pause between their sentences.
    ExpectedReply.MESSAGE: PausePrior(end_log_odds=-1.5),
}
WEIGHTS: Final = EvidenceWeights(text=0.6, second=0.25, sound=0.4, vendor=0.5, most=1.5)
# The neutral probability of the second judge. Half of the pauses that it judges are not ends.
SECOND_NEUTRAL: Final = 0.35
# Evidence that moves the posterior by less than this has no effect on the reason.
_NOTHING: Final = 0.1
_LEAST: Final = 1e-4


def end_silence(evidence: TurnEvidence, rules: TurnRules) -> EndSilence:
    """Return the silence that ends a turn with this evidence, at least 200 ms.

    A plan that is not adaptive always uses its own silence.
    """
    if not rules.adaptive:
        return EndSilence(max(LEAST_MS, rules.silence_ms), EndReason.TIMER)
    words, sound = words_log_odds(evidence), sound_log_odds(evidence)
    silence_ms = _least_cost_ms(words + sound - evidence.hesitation, evidence.asked, rules)
    dictation = evidence.dictation
    if dictation is not None and dictation.progress is Progress.PARTIAL and silence_ms < DICTATION_MS:
        return EndSilence(DICTATION_MS, EndReason.DICTATION)
    is_whole = dictation is not None and dictation.progress is Progress.WHOLE and dictation.is_clear
    if dictation is not None and is_whole and not dictation.may_continue and silence_ms > _whole_ms(rules):
        return EndSilence(_whole_ms(rules), EndReason.DICTATION)
    return EndSilence(max(LEAST_MS, round(silence_ms)), _reason(words, sound))


def words_log_odds(evidence: TurnEvidence) -> float:
    """Return how much the words, judged by one or two models, add to the log-odds of the end."""
    if evidence.text is None:
        return 0.0
    first = WEIGHTS.text * log_odds(evidence.text)
    second = 0.0
    if evidence.second is not None:
        second = WEIGHTS.second * (log_odds(evidence.second) - log_odds(SECOND_NEUTRAL))
    return first + _limited(second)


def sound_log_odds(evidence: TurnEvidence) -> float:
    """Return how much smart-turn and the recognizer's own signal add to the log-odds of the end."""
    sound = 0.0 if evidence.sound is None else WEIGHTS.sound * log_odds(evidence.sound)
    vendor = 0.0 if evidence.vendor is None else WEIGHTS.vendor * log_odds(evidence.vendor)
    return _limited(sound) + _limited(vendor)


def log_odds(probability: float) -> float:
    """Return ln(p / (1 - p)), which is finite for 0 and 1, too."""
    inside = min(1 - _LEAST, max(_LEAST, probability))
    return math.log(inside / (1 - inside))


def _least_cost_ms(evidence_log_odds: float, asked: ExpectedReply, rules: TurnRules) -> float:
    prior = PRIORS.get(asked, PRIORS[ExpectedReply.REPLY])
    posterior = prior.end_log_odds + evidence_log_odds
    answer_at = min(max(_answer_at(posterior, prior, rules.price_ms), rules.earliest_ms), MOST_MS)
    if rules.silence_ms != DEFAULT_SILENCE_MS:
        usual = PRIORS[ExpectedReply.REPLY]
        neutral = max(_answer_at(usual.end_log_odds, usual, rules.price_ms), rules.earliest_ms)
        scaled = rules.silence_ms * answer_at / neutral
        return min(scaled, max(MOST_MS, rules.silence_ms))
    return answer_at if rules.prepare_ms else answer_at - ANSWER_MS


def _answer_at(posterior: float, prior: PausePrior, price_ms: int) -> float:
    """Return the time of the least expected cost, in ms from the end of speech."""
    relative_price = price_ms * prior.shape / prior.scale_ms * math.exp(-posterior)
    return NOTICED_MS + prior.scale_ms * (math.pow(relative_price, 1 / (prior.shape + 1)) - 1)


def _whole_ms(rules: TurnRules) -> int:
    return WHOLE_MS if rules.prepare_ms else WHOLE_MS - ANSWER_MS


def _reason(words: float, sound: float) -> EndReason:
    """Return the evidence that lengthened the silence most, or TIMER if no evidence did."""
    if words + sound > -_NOTHING:
        return EndReason.TIMER
    return EndReason.WORDS if words <= sound else EndReason.SOUND


def _limited(found: float) -> float:
    return max(-WEIGHTS.most, min(WEIGHTS.most, found))
