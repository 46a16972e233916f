"""What the figures are worth that recognizers give for the end of a turn: the one table of the vendors'.

`TurnSignal.finished` is a probability, and the floor (`media/turn/expected_cost.py`) knows no vendors: above 0.5 it
speaks for the end, below against it. No recording comes with a vendor's figures, so the tables follow
what the vendors document of their own thresholds; a measured one would have more points.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_CLOSING: Final = tuple(".?!\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH QUESTION MARK}\N{FULLWIDTH EXCLAMATION MARK}")
_OTHER_CLOSING: Final = ("\N{ARABIC QUESTION MARK}", "\N{DEVANAGARI DANDA}")
_QUOTES: Final = "\"')]\N{RIGHT SINGLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"


@dataclass(frozen=True, slots=True)
class FinalMark:
    """What the mark at the end of the words is worth where the vendor documents that it ends turns by it: probabilities
    (0-1) that the caller has finished after one that closes a sentence, and without one."""

    closed: float
    open: float

    def probability(self, text: str) -> float:
        """The probability after this text, as the vendor wrote it."""
        return self.closed if text.rstrip(_QUOTES + " ").endswith((*_CLOSING, *_OTHER_CLOSING)) else self.open


@dataclass(frozen=True, slots=True)
class TurnCalibration:
    """points: figures of the vendor's, rising from 0 to 1, and the probability (0-1) of each that the caller has
    finished; linear in between. mark: None where punctuation is not documented to end turns: most recognizers put a
    full stop before nearly every pause."""

    points: tuple[tuple[float, float], ...]
    mark: FinalMark | None = None

    def probability(self, figure: object) -> float | None:
        """The probability for a figure of the vendor's; None if that is no number from 0 to 1."""
        if isinstance(figure, bool) or not isinstance(figure, int | float) or not 0 <= figure <= 1:
            return None
        for (low, at_low), (high, at_high) in pairwise(self.points):
            if figure <= high:
                share = (figure - low) / (high - low)
                return at_low * (1 - share) + at_high * share  # exact at both ends, where thresholds are
        return self.points[-1][1]


# By the recognizer's model, or its first part.
CALIBRATIONS: Final[dict[str, TurnCalibration]] = {
    # `end_of_turn_confidence`: the vendor's own threshold is 0.7, as the curve's; developers.deepgram.com/docs/flux.
    "flux": TurnCalibration(((0.0, 0.0), (1.0, 1.0))),
    # Thresholds are likelihoods that the caller speaks, so lower is surer: 0.4 for an end that may be taken back, 0.2
    # for the end; docs.cartesia.ai, see docs/develop/vendors/cartesia.md.
    "ink-2": TurnCalibration(((0.0, 1.0), (1.0, 0.0))),
    # `end_of_turn_confidence`: the vendor's own threshold is 0.4, the curve's is 0.7:
    # docs/develop/vendors/assemblyai.md.
    "universal-streaming": TurnCalibration(((0.0, 0.0), (0.4, 0.7), (1.0, 1.0))),
    # The same field, for which these models have no threshold: it is 1 at each end, also where silence ended half a
    # sentence. They end a turn by the mark at its end (docs/develop/vendors/assemblyai.md): an end with one is worth
    # what Ink's is, and one without was made by silence.
    "universal-3": TurnCalibration(((0.0, 0.0), (1.0, 0.8)), FinalMark(closed=0.8, open=0.2)),
    # `<end>` has no figure. It follows words as well as sound, so that it is worth what Ink's end is; see
    # docs/develop/vendors/soniox.md.
    "soniox": TurnCalibration(((0.0, 0.0), (1.0, 0.8))),
    # xAI's Smart Turn, whose documented threshold is the curve's; docs/develop/vendors/xai.md.
    "grok": TurnCalibration(((0.0, 0.0), (1.0, 1.0))),
    # Google has no figure: a final text that nobody asked for counts 1, and is worth the curve's own threshold;
    # docs/develop/vendors/google-speech.md.
    "google": TurnCalibration(((0.0, 0.0), (1.0, 0.7))),
}
