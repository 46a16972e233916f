"""Calibrates the vendors' own numbers for the end of a turn. This is the only such table.

`TurnSignal.finished` is a probability, and the floor (`media/turn/expected_cost.py`) does not depend on vendors: above
0.5 the signal is evidence for the end, below against it. There are no recordings with vendors' numbers, so the tables
follow the thresholds that the vendors document. A measured table would have more points.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_CLOSING: Final = tuple(".?!\N{IDEOGRAPHIC FULL STOP}\N{FULLWIDTH QUESTION MARK}\N{FULLWIDTH EXCLAMATION MARK}")
_OTHER_CLOSING: Final = ("\N{ARABIC QUESTION MARK}", "\N{DEVANAGARI DANDA}")
_QUOTES: Final = "\"')]\N{RIGHT SINGLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"


@dataclass(frozen=True, slots=True)
class FinalMark:
    """The value of the punctuation mark at the end of the words, if the vendor documents that such marks end turns.

    Attributes:
        closed: The probability (0-1) that the caller has finished after a mark that closes a sentence.
        open: The probability without such a mark.
    """

    closed: float
    open: float

    def probability(self, text: str) -> float:
        """Return the probability after this text, as the vendor wrote it."""
        return self.closed if text.rstrip(_QUOTES + " ").endswith((*_CLOSING, *_OTHER_CLOSING)) else self.open


@dataclass(frozen=True, slots=True)
class TurnCalibration:
    """Maps a vendor's number to a probability.

    Attributes:
        points: Pairs of a vendor's number, rising from 0 to 1, and the probability (0-1) that the caller has finished.
            Linear between points.
        mark: None if the vendor does not document that punctuation ends turns: most recognizers put a full stop before
            nearly every pause.
    """

    points: tuple[tuple[float, float], ...]
    mark: FinalMark | None = None

    def probability(self, figure: object) -> float | None:
        """Return the probability for a vendor's number, or None if it is not a number from 0 to 1."""
        if isinstance(figure, bool) or not isinstance(figure, int | float) or not 0 <= figure <= 1:
            return None
        for (low, at_low), (high, at_high) in pairwise(self.points):
            if figure <= high:
                share = (figure - low) / (high - low)
                return at_low * (1 - share) + at_high * share  # exact at both ends, where thresholds are
        return self.points[-1][1]


# By the recognizer's model, or the beginning of its name.
CALIBRATIONS: Final[dict[str, TurnCalibration]] = {
    # `end_of_turn_confidence`: the vendor's own threshold is 0.7, like the curve's; developers.deepgram.com/docs/flux.
    "flux": TurnCalibration(((0.0, 0.0), (1.0, 1.0))),
    # Thresholds are likelihoods that the caller speaks, so lower means more certain: 0.4 for an end that may be
    # withdrawn, 0.2 for the end; docs.cartesia.ai, see docs/develop/vendors/cartesia.md.
    "ink-2": TurnCalibration(((0.0, 1.0), (1.0, 0.0))),
    # `end_of_turn_confidence`: the vendor's own threshold is 0.4, the curve's is 0.7:
    # docs/develop/vendors/assemblyai.md.
    "universal-streaming": TurnCalibration(((0.0, 0.0), (0.4, 0.7), (1.0, 1.0))),
    # The same field, for which these models have no threshold: it is 1 at each end, even if silence ended half a
    # sentence. They end a turn by the mark at its end (docs/develop/vendors/assemblyai.md). An end with a mark has the
    # same value as Ink's; an end without a mark was caused by silence.
    "universal-3": TurnCalibration(((0.0, 0.0), (1.0, 0.8)), FinalMark(closed=0.8, open=0.2)),
    # `<end>` has no number. It follows words as well as sound, so it has the same value as Ink's end; see
    # docs/develop/vendors/soniox.md.
    "soniox": TurnCalibration(((0.0, 0.0), (1.0, 0.8))),
    # xAI's Smart Turn, whose documented threshold equals the curve's; docs/develop/vendors/xai.md.
    "grok": TurnCalibration(((0.0, 0.0), (1.0, 1.0))),
    # Google has no number: a final text that was not requested counts as 1 and has the value of the curve's own
    # threshold; docs/develop/vendors/google-speech.md.
    "google": TurnCalibration(((0.0, 0.0), (1.0, 0.7))),
}
