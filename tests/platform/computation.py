"""What this machine computes in a second now: a bound in computations holds whether it is busy or slow."""

import json
import time
from typing import Final

# CPU seconds of the computation on the machine that the bounds in seconds are from.
_USUAL_S: Final = 0.01


def computation() -> float:
    """CPU seconds of a fixed computation of the kind that requests are: the best of five."""
    document = {f"name{number}": [number, str(number), {"a": None}] for number in range(2_500)}
    best = 1.0
    for _ in range(5):
        began = time.thread_time()
        json.loads(json.dumps(document, indent=1))
        best = min(best, time.thread_time() - began)
    return best


def slowed(seconds: float) -> float:
    """As many CPU seconds as this machine may need now for what another does in `seconds`; never fewer than these."""
    return seconds * max(1.0, computation() / _USUAL_S)
