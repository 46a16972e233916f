"""Playback that goes on more quietly for a moment."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio.framer import FRAME
from media.audio.mulaw import decode, lower, lower_early
from media.audio.pcm import audioop
from media.call.playback import LEAST_LOWERED_MS, LOWERED_EARLY_MS, LOWERED_MS
from tests.media.call.playback_harness import STEP_MS, PlaybackHarness
from tests.media.call.simulated_carrier import BYTES_PER_MS, SimulatedCarrier, played_stretches

LOWERED = round(LOWERED_MS) * BYTES_PER_MS


def spoken(ms: int = 3_000, carrier: SimulatedCarrier | None = None) -> PlaybackHarness:
    harness = PlaybackHarness(carrier or SimulatedCarrier())
    harness.say(ms)
    harness.complete()
    return harness


def lower_now(harness: PlaybackHarness) -> None:
    harness.playback.lower(harness.carrier.now)


def test_lower_takes_12_db() -> None:
    loud = bytes(range(256))
    assert len(lower(loud)) == 256 and lower(b"\xff") == b"\xff"
    assert audioop.rms(decode(loud), 2) / audioop.rms(decode(lower(loud)), 2) == pytest.approx(4, rel=0.02)


def test_it_goes_on_from_what_was_heard_lower_for_a_second() -> None:
    harness = spoken()
    harness.wait(1_000)
    lower_now(harness)
    harness.wait_until_finished()
    first, second = (run.audio for run in harness.carrier.runs)
    at, audio = len(first), harness.audio
    assert first == audio[:at] and at == pytest.approx(1_000 * BYTES_PER_MS, abs=STEP_MS * BYTES_PER_MS)
    assert second == lower(audio[at : at + LOWERED]) + audio[at + LOWERED :]
    assert harness.carrier.clears == 1 and harness.heard == 3_000
    assert harness.all_heard_audio() == first + second, "recordings have what the caller heard"


def test_audio_that_comes_later_is_lower_too() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(400)
    harness.wait(300)
    lower_now(harness)
    harness.say(1_600)
    harness.complete()
    harness.wait_until_finished()
    at = len(harness.carrier.runs[0].audio)
    assert b"".join(run.audio for run in harness.carrier.runs[1:]) == (
        lower(harness.audio[at : at + LOWERED]) + harness.audio[at + LOWERED :]
    )


@pytest.mark.parametrize(("later_ms", "clears"), [(0, 1), (260, 1), (360, 2), (1_500, 2)])
def test_lowered_again_for_the_same_sound_it_is_not_sent_again(later_ms: int, clears: int) -> None:
    assert 260 < LOWERED_MS - LEAST_LOWERED_MS < 360
    harness = spoken()
    harness.wait(1_000)
    lower_now(harness)
    harness.wait(later_ms)
    lower_now(harness)
    harness.wait_until_finished()
    heard = b"".join(run.audio for run in harness.carrier.runs)
    assert harness.carrier.clears == clears and len(heard) == len(harness.audio)
    again = len(b"".join(run.audio for run in harness.carrier.runs[:-1]))
    assert heard[again:] == lower(harness.audio[again : again + LOWERED]) + harness.audio[again + LOWERED :]


def test_a_hold_after_it_silences_and_the_cut_word_is_said_as_before() -> None:
    harness = spoken()
    harness.wait(1_000)
    lower_now(harness)
    harness.wait(300)
    harness.hold()
    assert harness.heard == pytest.approx(1_300, abs=2 * STEP_MS)
    harness.wait(500)
    harness.carrier.runs = harness.carrier.runs[-1:]
    harness.resume()
    harness.wait_until_finished()
    (rest,) = played_stretches(harness.carrier, harness.audio)
    assert rest.start == 1_200 * BYTES_PER_MS and rest.end == len(harness.audio)


def lower_early_now(harness: PlaybackHarness, at_ms: int) -> None:
    harness.wait(at_ms)
    harness.playback.lower(harness.carrier.now, is_early=True)


def test_lower_early_takes_20_db() -> None:
    loud = bytes(range(256))
    assert audioop.rms(decode(loud), 2) / audioop.rms(decode(lower_early(loud)), 2) == pytest.approx(10, rel=0.02)


def test_lowered_early_it_is_as_loud_as_before_once_it_is_known_that_nobody_speaks() -> None:
    harness = spoken()
    lower_early_now(harness, 300)
    harness.wait_until_finished()
    first, second = (run.audio for run in harness.carrier.runs)
    at, length, audio = len(first), round(LOWERED_EARLY_MS) * BYTES_PER_MS, harness.audio
    assert first + second == audio[:at] + lower_early(audio[at : at + length]) + audio[at + length :]
    assert harness.carrier.clears == 1 and harness.all_heard_audio() == first + second


@pytest.mark.parametrize(("hold_after_ms", "resumes_at_ms"), [(150, 300), (220, 300), (320, 600)])
def test_a_hold_counts_what_was_lowered_early_for_it_as_unheard(hold_after_ms: int, resumes_at_ms: int) -> None:
    """Words last 300 ms. The second one is lowered; the hold cuts the third one."""
    harness = spoken()
    lower_early_now(harness, 500)
    harness.wait(hold_after_ms)
    harness.hold()
    harness.wait(500)
    harness.carrier.runs = harness.carrier.runs[-1:]
    harness.resume()
    harness.wait_until_finished()
    (rest,) = played_stretches(harness.carrier, harness.audio)
    assert rest.start == resumes_at_ms * BYTES_PER_MS and rest.end == len(harness.audio)


def test_nothing_is_lowered_while_nothing_sounds() -> None:
    harness = spoken()
    harness.hold()
    lower_now(harness)
    assert harness.playback.held and not harness.carrier.runs[-1].pieces
    harness.playback.drop(harness.carrier.now)
    clears = harness.carrier.clears
    lower_now(harness)
    assert harness.carrier.clears == clears and not harness.carrier.runs[-1].pieces


@settings(max_examples=25)
@given(st.integers(0, 120), st.integers(0, 120), st.integers(0, 900), st.integers(60, 1_500))
def test_delays_repeat_no_more_than_the_way_there_and_back_and_leave_out_no_more_than_the_way_there(
    out: int, back: int, at_ms: int, ms: int
) -> None:
    harness = spoken(ms, SimulatedCarrier([out], [back]))
    harness.wait(min(at_ms, ms + out))
    lower_now(harness)
    harness.wait_until_finished()
    played = sum(len(run.audio) for run in harness.carrier.runs) - len(harness.audio)
    assert -(out + STEP_MS) * BYTES_PER_MS - FRAME <= played <= (out + back + STEP_MS) * BYTES_PER_MS + 2 * FRAME
    assert harness.heard == ms
