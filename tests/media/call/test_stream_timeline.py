"""Timestamps of a stream: gaps, jumps, copies, and clients whose timestamps mean nothing."""

from media.call.stream_timeline import DUPLICATE, LONGEST_GAP_MS, PAUSE_MS, StreamTimeline

FRAME_MS = 20


def frame(number: int) -> bytes:
    return bytes([number % 256]) * 160


def running(frames: int = 50) -> StreamTimeline:
    """A stream that has run for so many frames, each received when it was spoken."""
    timeline = StreamTimeline(8, 0.0)
    for number in range(frames):
        assert timeline.take(frame(number), number * FRAME_MS, (number + 1) * FRAME_MS) == 0
    return timeline


def test_gap_is_filled_as_far_as_time_has_passed() -> None:
    assert running().take(frame(1), 1_060, 1_080) == 3
    assert running().take(frame(1), 1_060, 1_040) == 1, "the clock shows one frame's time"
    assert running().take(frame(1), 3_600_000, 1_020) == 0, "a jump of the timestamps"
    assert running().take(frame(1), 61_000, 61_020) == LONGEST_GAP_MS // FRAME_MS


def test_lost_frames_are_filled_one_by_one_though_timestamps_are_not_whole_frames() -> None:
    timeline, filled = running(1), 0
    for number in range(1, 100):
        if number % 10:
            filled += timeline.take(frame(number), number * FRAME_MS + number % 7, (number + 1) * FRAME_MS + 7)
    assert filled == 9


def test_timestamps_that_begin_anew_go_on() -> None:
    timeline = running(1_000)
    assert [timeline.take(frame(n), n * FRAME_MS, 20_020.0 + n * FRAME_MS) for n in range(3)] == [0, 0, 0]
    assert timeline.take(frame(7), 5 * FRAME_MS, 20_140.0) == 2


def test_copies_are_recognized_and_useless_timestamps_are_not_taken_for_them() -> None:
    timeline = running()
    assert timeline.take(frame(49), 980, 1_001.0) == DUPLICATE
    assert timeline.take(frame(3), 60, 1_002.0) == DUPLICATE
    assert [timeline.take(frame(n), 0, 1_020.0 + n * FRAME_MS) for n in range(10, 13)] == [0, 0, 0]


def test_silence_is_given_once_and_only_after_a_pause() -> None:
    timeline = running()
    assert timeline.fill(1_000 + PAUSE_MS - 1) == 0
    assert timeline.fill(1_250.0) == 12 and timeline.fill(1_250.0) == 0
    assert timeline.fill(1_265.0) == 1
    assert timeline.take(frame(1), 1_260, 1_280.0) == 0, "nothing is missing beside that silence"


def test_audio_that_was_late_is_taken_after_the_silence() -> None:
    timeline = running()
    assert timeline.fill(1_400.0) == 20
    late = [timeline.take(frame(50 + n), 1_000 + n * FRAME_MS, 1_401.0) for n in range(20)]
    assert late == [0] * 20
    assert timeline.take(frame(70), 1_400, 1_420.0) == 0
    assert timeline.take(frame(72), 1_440, 1_460.0) == 1


def test_timestamps_that_stand_still_in_a_pause_are_followed_from_there() -> None:
    """As a browser's, which count the samples."""
    timeline = running()
    assert timeline.fill(3_000.0) == 100
    for number in range(50, 150):
        assert timeline.take(frame(number), number * FRAME_MS, 3_000.0 + (number - 49) * FRAME_MS) == 0
    assert timeline.take(frame(1), 152 * FRAME_MS, 3_000.0 + 103 * FRAME_MS) == 2
