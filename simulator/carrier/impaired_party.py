"""A party on a line that does not bring all of its frames to the carrier."""

import random
from dataclasses import dataclass, replace

from simulator.carrier.media_stream import Party, PartyOutput
from simulator.carrier.mulaw import SILENT_FRAME


@dataclass(frozen=True, slots=True)
class Impairment:
    """loss: the share of frames that are lost, 0.0 to 1.0. discontinuous: nothing is sent while the party is silent, as
    phones do that are muted or suppress silence (RFC 3551, 4.1: discontinuous transmission)."""

    loss: float = 0.0
    discontinuous: bool = False


class ImpairedParty:
    """Another party, some of whose frames are lost; the same ones for the same seed. lost: how many so far."""

    def __init__(self, party: Party, impairment: Impairment, seed: int = 0) -> None:
        self.lost = 0
        self._party, self._impairment = party, impairment
        self._random = random.Random(seed)

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """The party's next 20 ms; keys and the end of the call are never lost."""
        output = self._party.tick(at_ms, heard)
        suppressed = self._impairment.discontinuous and output.frame == SILENT_FRAME
        if not suppressed and self._random.random() >= self._impairment.loss:
            return output
        self.lost += 1
        return replace(output, lost=True)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Passed on to the party."""
        self._party.arrived(payload, at_ms, begins_ms)

    def cleared(self, at_ms: float) -> None:
        """Passed on to the party."""
        self._party.cleared(at_ms)
