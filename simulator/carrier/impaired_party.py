"""A party on a line that loses some of its frames."""

import random
from dataclasses import dataclass, replace

from simulator.carrier.media_stream import Party, PartyOutput
from simulator.carrier.mulaw import SILENT_FRAME


@dataclass(frozen=True, slots=True)
class Impairment:
    """How a line loses frames.

    Attributes:
        loss: Share of the frames that are lost, 0.0 to 1.0.
        discontinuous: Whether nothing is sent while the party is silent, as by phones that are muted or suppress
            silence (RFC 3551, 4.1: discontinuous transmission).
    """

    loss: float = 0.0
    discontinuous: bool = False


class ImpairedParty:
    """Wraps a party and loses some of its frames. The same seed loses the same frames.

    Attributes:
        lost: Number of frames lost so far.
    """

    def __init__(self, party: Party, impairment: Impairment, seed: int = 0) -> None:
        self.lost = 0
        self._party, self._impairment = party, impairment
        self._random = random.Random(seed)

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """Return the party's next 20 ms. Keys and the end of the call are never lost."""
        output = self._party.tick(at_ms, heard)
        suppressed = self._impairment.discontinuous and output.frame == SILENT_FRAME
        if not suppressed and self._random.random() >= self._impairment.loss:
            return output
        self.lost += 1
        return replace(output, lost=True)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Pass the event to the party."""
        self._party.arrived(payload, at_ms, begins_ms)

    def cleared(self, at_ms: float) -> None:
        """Pass the event to the party."""
        self._party.cleared(at_ms)
