"""Playback at a carrier that plays at once, and returns its marks seconds late or never."""

import pytest

from media.call.playback import LOST_MARK_MS
from tests.media.call.playback_harness import STEP_MS, PlaybackHarness
from tests.media.call.simulated_carrier import SimulatedCarrier

LATE_MS = 3_000


def silent_carrier() -> SimulatedCarrier:
    """A carrier that returns no mark."""
    carrier = SimulatedCarrier()
    carrier.returns_no_marks = True
    return carrier


@pytest.mark.parametrize("carrier", [SimulatedCarrier([0], [LATE_MS]), silent_carrier()], ids=["late", "missing"])
def test_heard_position_follows_the_clock(carrier: SimulatedCarrier) -> None:
    harness = PlaybackHarness(carrier)
    harness.say(4_000)
    harness.wait(5_000)
    for now, heard in harness.samples:
        assert heard == pytest.approx(min(now, 4_000), abs=STEP_MS)


@pytest.mark.parametrize("carrier", [SimulatedCarrier([0], [LATE_MS]), silent_carrier()], ids=["late", "missing"])
def test_later_utterances_end_by_the_clock(carrier: SimulatedCarrier) -> None:
    harness = PlaybackHarness(carrier)
    for _ in range(2):
        harness.begin()
        began = carrier.now
        harness.say(2_000)
        harness.complete()
        harness.wait_until_finished()
    assert carrier.now - began == pytest.approx(2_000, abs=STEP_MS)
    assert harness.playback.heard_text(carrier.now) == harness.utterance.text.strip()


def test_late_mark_proves_the_end_of_what_may_not_be_interrupted() -> None:
    """Announcements count only if a mark proves that they were heard."""
    harness = PlaybackHarness(SimulatedCarrier([0], [LATE_MS]))
    harness.utterance.interruptible = False
    harness.say(2_000)
    harness.complete()
    harness.wait_until_finished()
    assert harness.playback.is_proven
    harness.begin()
    began = harness.carrier.now
    harness.utterance.interruptible = False
    harness.carrier.returns_no_marks = True
    harness.say(2_000)
    harness.complete()
    harness.wait_until_finished()
    assert not harness.playback.is_proven
    assert harness.carrier.now - began <= 2_000 + LATE_MS + LOST_MARK_MS + STEP_MS


def test_marks_count_again_once_they_come_in_time() -> None:
    """The position waits for the mark of a carrier that stalls, because its marks came in time before."""
    harness = PlaybackHarness(silent_carrier())
    harness.say(2_000)
    harness.complete()
    harness.wait_until_finished()
    harness.carrier.returns_no_marks = False
    harness.begin()
    harness.say(5_000)
    harness.wait(1_000)
    harness.carrier.stalled = True
    harness.wait(3_000)
    assert harness.heard <= 1_000 + 200 + 400
