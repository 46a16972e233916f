"""When a caller with a time limit hangs up."""

from lab.stage.timed_caller import TimedCaller
from simulator.carrier.caller import Caller
from simulator.carrier.mulaw import FRAME_MS, SILENT_FRAME
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import AfterAgent

WORDS = PreparedTurn("words", AfterAgent(quiet_ms=500, patience_ms=1_000), (b"\x80" * 160,) * 5, range(5))
LIMIT_MS = 2_000


def hung_up_at(caller: TimedCaller) -> int:
    """Milliseconds of the call; the agent says nothing, so that each turn begins after the caller's patience."""
    return next(ms for ms in range(0, 60_000, FRAME_MS) if caller.tick(ms, SILENT_FRAME).hang_up)


def test_a_caller_waits_for_the_answer_and_hangs_up_instead_of_speaking_again() -> None:
    caller = TimedCaller(Caller([WORDS] * 9), LIMIT_MS)
    assert hung_up_at(caller) == 2_080, "when the second turn is due: 1 s, 0.08 s of words, 1 s"
    assert (caller.done, len(caller.reports)) == (True, 1)


def test_a_caller_who_does_not_wait_hangs_up_at_the_limit() -> None:
    caller = TimedCaller(Caller([WORDS] * 9), LIMIT_MS, waits=False)
    assert hung_up_at(caller) == LIMIT_MS
    assert caller.done
