"""The clock of a call: monotonic milliseconds since its first stream began.

The time before a resumed stream is calculated from the wall clocks of the nodes that ran the call, and of this node.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from shared.plan import ResumePoint

# Between two streams of a call there is at most a minute, or a transfer that failed, because a checkpoint is kept for
# this long (shared/bus/checkpoints.py). A longer or negative gap shows that a wall clock was set meanwhile, or that the
# machines' clocks differ. Such a gap would end the call as too long.
LONGEST_GAP_MS: Final = 600_000.0


def gap_ms(resume: ResumePoint, now_ms: float) -> float:
    """Return how long the call had no stream, or 0 if the wall clocks are unusable.

    Args:
        now_ms: The current Unix time in ms.
    """
    gap = now_ms - resume.lost_ms
    return gap if 0.0 <= gap <= LONGEST_GAP_MS else 0.0


def make_stream_clock(resume: ResumePoint | None) -> Callable[[], float]:
    """Return the clock of a stream that begins now.

    Args:
        resume: The point at which the stream continues a call, or None for a new call.
    """
    time_s = asyncio.get_running_loop().time
    before_ms = 0.0
    if resume is not None:
        before_ms = max(0.0, resume.lost_ms - resume.began_ms) + gap_ms(resume, time.time() * 1000)
    began_s = time_s() - before_ms / 1000
    return lambda: (time_s() - began_s) * 1000.0
