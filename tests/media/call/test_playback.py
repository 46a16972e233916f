"""Playback: marks, stalled carriers, hold, resume and drop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.framer import FRAME
from media.call.playback import LOST_MARK_MS, MARK_EVERY_MS, Playback
from media.call.utterance import Utterance
from media.providers.ports import SpeechChunk
from tests.media.call.playback_harness import STEP_MS, PlaybackHarness, sound
from tests.media.call.simulated_carrier import BYTES_PER_MS, SimulatedCarrier, played_stretches

# --- marks ---


def test_heard_ms_is_exact_without_delays() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(1_000)
    harness.wait(345)
    assert harness.heard == pytest.approx(345, abs=STEP_MS)


def test_marks_returned_after_a_clear_are_ignored() -> None:
    harness = PlaybackHarness(SimulatedCarrier([40], [40]))
    harness.say(3_000)
    harness.complete()
    harness.wait(500)
    harness.playback.drop(harness.carrier.now)
    heard = harness.heard
    harness.wait(1_000)
    assert harness.carrier.clears == 1
    assert harness.heard == heard == pytest.approx(500, abs=2 * 40 + STEP_MS)


def test_marks_of_the_previous_utterance_are_ignored() -> None:
    harness = PlaybackHarness(SimulatedCarrier([100], [100]))
    harness.say(2_000)
    harness.complete()
    harness.wait(300)
    harness.begin()
    harness.say(2_000)
    harness.wait(250)
    assert harness.heard <= 250
    played = len(harness.carrier.runs[-1].audio) / BYTES_PER_MS
    assert harness.heard <= played + 100 + STEP_MS


def test_an_unknown_mark_is_ignored() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(1_000)
    harness.playback.on_mark("unknown", 5_000)
    assert harness.playback.heard_ms(100) == 100


def test_next_mark_replaces_a_lost_one() -> None:
    sent: list[str] = []

    class RecordingCarrier(SimulatedCarrier):
        def mark(self, name: str) -> None:
            sent.append(name)

    playback = Playback(RecordingCarrier())
    playback.begin(Utterance(1), 0)
    playback.receive(SpeechChunk(sound(600)), 0)
    playback.on_mark(sent[2], 640)
    assert playback.heard_ms(640) == 600
    playback.on_mark(sent[0], 650)  # late: ignored
    assert playback.heard_ms(660) == 600


def test_marks_are_sent_every_200_ms_and_at_the_end() -> None:
    lengths: list[int] = []

    class RecordingCarrier(SimulatedCarrier):
        def play(self, ulaw: bytes) -> None:
            lengths.append(len(ulaw))

        def mark(self, name: str) -> None:
            lengths.append(0)

    playback = Playback(RecordingCarrier())
    playback.begin(Utterance(1), 0)
    for _ in range(10):
        playback.receive(SpeechChunk(sound(70)), 0)
    playback.complete(0)
    since, total = 0, 0
    for length in lengths:
        since = since + length if length else 0
        total += length
        assert since <= MARK_EVERY_MS * BYTES_PER_MS
    assert lengths[-1] == 0
    assert total == 700 * BYTES_PER_MS


class PieceRecorder(SimulatedCarrier):
    """Stores the pieces that it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def play(self, ulaw: bytes) -> None:
        self.pieces.append(ulaw)
        super().play(ulaw)


@given(st.lists(st.integers(1, 90), min_size=1, max_size=20), st.integers(0, 900), st.booleans())
def test_pieces_are_whole_frames_and_lose_nothing(chunks_ms: list[int], hold_at_ms: int, is_held: bool) -> None:
    """Voices send pieces of any length (64 ms are common); shorter ones than 20 ms vanish at Telnyx."""
    carrier = PieceRecorder()
    harness = PlaybackHarness(carrier)
    for ms in chunks_ms:
        harness.say(ms)
    if is_held:
        harness.wait(hold_at_ms)
        harness.hold()
        carrier.pieces.clear()
        harness.resume()
    harness.complete()
    assert all(piece and len(piece) % FRAME == 0 for piece in carrier.pieces)
    spoken, sent = sound(sum(chunks_ms)), b"".join(carrier.pieces)
    padding = len(sent) - len(sent.rstrip(b"\xff"))
    assert padding < 2 * FRAME
    assert is_held or sent[: len(spoken)] == spoken
    assert any(spoken.endswith(sent[: len(sent) - cut]) for cut in range(FRAME))


def test_rest_of_a_chunk_waits_for_the_next_one() -> None:
    carrier = PieceRecorder()
    harness = PlaybackHarness(carrier)
    harness.say(64)
    assert [len(piece) for piece in carrier.pieces] == [3 * FRAME]
    harness.say(64)
    harness.complete()
    assert b"".join(carrier.pieces) == sound(128) + b"\xff" * 12 * BYTES_PER_MS


def test_audio_after_an_underrun_counts_from_its_arrival() -> None:
    """The gap between two chunks is not heard, also while the last mark is still on its way back."""
    harness = PlaybackHarness(SimulatedCarrier([0], [150]))
    harness.say(200)
    harness.wait(300)
    harness.say(200)
    assert harness.heard == pytest.approx(200, abs=STEP_MS)
    harness.wait(100)
    assert 250 - STEP_MS <= harness.heard <= 300 + STEP_MS  # the mark that was returned meanwhile was 150 ms late


# --- carriers that stall or return no marks ---


def test_extrapolation_stops_when_the_carrier_stalls() -> None:
    harness = PlaybackHarness(SimulatedCarrier([20], [20]))
    harness.say(5_000)
    harness.wait(1_000)
    harness.carrier.stalled = True
    harness.wait(3_000)
    assert harness.heard <= 1_000 + 200 + 400  # up to the mark that is due, plus OVERDUE_MS
    harness.carrier.stalled = False
    harness.complete()
    harness.wait_until_finished()
    assert harness.carrier.now >= 8_000
    assert harness.heard == 5_000


def test_utterance_finishes_without_marks_after_a_time_limit() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.carrier.returns_no_marks = True
    harness.say(3_000)
    harness.complete()
    harness.wait(3_000)
    assert not harness.playback.finished(harness.carrier.now)
    harness.wait_until_finished()
    assert harness.carrier.now == pytest.approx(3_000 + LOST_MARK_MS, abs=STEP_MS)
    assert harness.heard == 3_000


def test_silent_only_after_the_last_mark() -> None:
    harness = PlaybackHarness(SimulatedCarrier([100], [100]))
    harness.say(400)
    harness.complete()
    harness.wait(590)
    assert not harness.playback.silent(harness.carrier.now)
    harness.wait(20)
    assert harness.playback.silent(harness.carrier.now)
    assert harness.playback.finished(harness.carrier.now)


# --- hold, resume, drop ---


def test_nothing_is_heard_during_a_hold() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(2_000)
    harness.wait(500)
    harness.hold()
    harness.wait(1_000)
    assert harness.heard == pytest.approx(500, abs=STEP_MS)
    assert len(harness.all_heard_audio()) == pytest.approx(500 * BYTES_PER_MS, abs=STEP_MS * BYTES_PER_MS)
    assert harness.playback.silent(harness.carrier.now)
    assert not harness.playback.finished(harness.carrier.now)


def test_resume_starts_at_the_beginning_of_the_cut_word() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(2_000)
    harness.complete()
    harness.wait(1_000)  # in the middle of w3
    harness.hold()
    harness.wait(100)
    harness.resume()
    harness.wait_until_finished()
    first, second = played_stretches(harness.carrier, harness.audio)
    assert first.end / BYTES_PER_MS == pytest.approx(1_000, abs=STEP_MS)
    assert second.start == 900 * BYTES_PER_MS
    assert second.end == len(harness.audio)
    assert harness.all_heard_audio() == harness.audio[: first.end] + harness.audio[second.start :]


def test_heard_ms_does_not_decrease_when_the_cut_word_is_repeated() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(2_000)
    harness.wait(1_000)
    harness.hold()
    harness.resume()
    harness.wait(50)
    assert harness.heard == pytest.approx(1_000, abs=STEP_MS)
    assert harness.playback.left_ms(harness.carrier.now) == pytest.approx(2_000 - 950, abs=STEP_MS)


def test_audio_received_during_a_hold_is_sent_on_resume() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.hold()
    harness.say(300)
    harness.complete()
    harness.wait(500)
    assert not harness.carrier.runs[-1].pieces
    assert harness.carrier.clears == 0  # no audio had been sent
    harness.resume()
    harness.wait_until_finished()
    assert harness.carrier.runs[-1].audio == harness.audio


def test_hold_and_resume_are_idempotent() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(1_000)
    harness.complete()
    harness.wait(450)
    harness.hold()
    harness.hold()
    harness.resume()
    harness.resume()
    harness.wait_until_finished()
    assert harness.carrier.clears == 1
    assert [len(stretch.positions) for stretch in played_stretches(harness.carrier, harness.audio)] == [450, 700]


def test_dropped_utterance_is_never_resumed() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(1_000)
    harness.wait(300)
    harness.playback.drop(harness.carrier.now)
    harness.say(1_000)  # the voice still delivers audio
    harness.complete()
    harness.wait(500)
    assert harness.playback.finished(harness.carrier.now)
    assert len(harness.carrier.runs) == 2
    assert not harness.carrier.runs[-1].pieces
    assert harness.heard == pytest.approx(300, abs=STEP_MS)


def test_drop_during_a_hold_does_not_clear_again() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(1_000)
    harness.wait(300)
    harness.hold()
    harness.wait(200)
    harness.playback.drop(harness.carrier.now)
    assert harness.carrier.clears == 1
    assert harness.heard == pytest.approx(300, abs=STEP_MS)


def test_hold_clears_the_carrier_when_no_mark_proves_the_end() -> None:
    """Audio without a mark after it may still be in the carrier's buffer."""
    harness = PlaybackHarness(SimulatedCarrier([150], [0]))
    harness.say(100)
    harness.wait(120)
    harness.hold()
    assert harness.carrier.clears == 1


def test_drop_does_not_clear_when_marks_prove_the_end() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(100)
    harness.complete()
    harness.wait_until_finished()
    harness.playback.drop(harness.carrier.now)
    assert harness.carrier.clears == 0


def test_next_utterance_drops_the_rest_of_the_current_one() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(1_000)
    harness.wait(300)
    harness.begin()
    assert harness.carrier.clears == 1
    assert harness.heard == 0
    assert len(harness.all_heard_audio()) == pytest.approx(300 * BYTES_PER_MS, abs=STEP_MS * BYTES_PER_MS)


def test_end_of_an_utterance_is_reported_as_heard_when_the_next_begins() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.say(500)
    harness.complete()
    while not harness.playback.finished(harness.carrier.now):
        for name in harness.carrier.step():
            harness.playback.on_mark(name, harness.carrier.now)
    whole = harness.audio
    harness.begin()
    assert harness.carrier.clears == 0
    assert harness.all_heard_audio() == whole


def test_end_of_an_utterance_is_reported_as_heard_without_its_mark() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.carrier.returns_no_marks = True
    harness.say(500)
    harness.complete()
    while not harness.playback.finished(harness.carrier.now):
        harness.carrier.step()
    whole = harness.audio
    harness.begin()
    assert harness.all_heard_audio() == whole


def test_left_ms_never_increases() -> None:
    """Also when a mark shows that the carrier is behind the extrapolated position."""
    harness = PlaybackHarness(SimulatedCarrier([0], [150]))
    harness.say(1_000)
    harness.wait(340)
    assert harness.playback.left_ms(harness.carrier.now) == 660
    harness.wait(10)  # the mark at 200 ms returns, 150 ms late
    assert harness.playback.left_ms(harness.carrier.now) == 660


def test_utterance_without_audio_finishes_unheard() -> None:
    harness = PlaybackHarness(SimulatedCarrier())
    harness.utterance.plan("...")
    assert not harness.playback.finished(0)
    harness.complete()
    assert harness.playback.finished(0)
    assert harness.playback.heard_text(0) == ""


def test_playback_is_silent_before_the_first_utterance() -> None:
    playback, heard_audio = Playback(SimulatedCarrier()), list[bytes]()
    playback.heard_readers = (lambda audio, at_ms: heard_audio.append(audio),)
    playback.hold(10)
    playback.resume(20)
    assert playback.finished(30)
    assert playback.silent(30)
    assert (playback.heard_ms(30), playback.heard_text(30), playback.left_ms(30)) == (0, "", 0)
    assert heard_audio == []


def test_reader_gets_only_audio_heard_while_it_is_set() -> None:
    playback, heard_audio = Playback(SimulatedCarrier()), list[tuple[bytes, float]]()
    playback.begin(Utterance(1), 0)
    playback.receive(SpeechChunk(sound(100)), 0)
    assert playback.heard_ms(40) == 40
    playback.heard_readers = (lambda audio, at_ms: heard_audio.append((audio, at_ms)),)
    assert playback.heard_ms(70) == 70
    playback.heard_readers = ()
    assert playback.heard_ms(100) == 100
    assert heard_audio == [(sound(70)[320:], 40)]
