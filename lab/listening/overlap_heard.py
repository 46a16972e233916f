"""How long the caller hears the agent while speaking: a figure of its own, beside whether the agent cut the caller."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from lab.listening.sound import PER_MS, block_levels
from media.audio import mulaw

# Agent audio so far under the agent's loudest sound no longer counts as heard.
UNHEARD_DB: Final = 20.0
_BLOCK_MS: Final = 10


def overlap_heard_ms(
    agent: bytes,
    caller: Sequence[tuple[float, float]],
    *,
    loudest_db: float | None = None,
    unheard_db: float = UNHEARD_DB,
) -> float:
    """Return how many ms of audible agent audio the carrier played while the caller spoke.

    Args:
        agent: What the carrier played since the call began (`CallOutcome.agent`), mu-law at 8 kHz, with silence where
            the agent was silent.
        caller: Start and end of each stretch of caller speech, in ms since the call began. Stretches do not overlap.
        loudest_db: Level of the agent's loudest sound in dB of full scale. By default that of `agent`.
        unheard_db: Audio that is so many dB softer than the loudest sound does not count, so an agent that is lowered
            by as much is not heard.

    Returns:
        The overlap in ms, in steps of 10 ms.
    """
    samples = np.frombuffer(mulaw.decode(agent), dtype="<i2").astype(np.float32) / np.float32(32_768)
    if len(samples) < _BLOCK_MS * PER_MS:
        return 0.0
    levels = block_levels(samples)
    loudest = float(levels.max()) if loudest_db is None else loudest_db
    heard = np.flatnonzero(levels > loudest - unheard_db) * float(_BLOCK_MS)
    return float(_BLOCK_MS * sum(np.count_nonzero((heard >= start) & (heard < end)) for start, end in caller))
