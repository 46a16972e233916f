"""The ledger: what proves that something was heard, carriers in trouble, hold, resume and drop."""

import pytest

from media.call.playback import LOST_MARK_MS, MARK_EVERY_MS, Playback
from media.call.utterance import Utterance
from media.providers.ports import Spoken
from tests.media.call.bench import STEP_MS, Bench, sound
from tests.media.call.carrier import BYTES_PER_MS, Carrier, stretches

# --- marks ---


def test_without_delay_the_ledger_is_exact() -> None:
    bench = Bench(Carrier())
    bench.say(1_000)
    bench.wait(345)
    assert bench.heard == pytest.approx(345, abs=STEP_MS)


def test_marks_after_a_clear_prove_nothing() -> None:
    bench = Bench(Carrier([40], [40]))
    bench.say(3_000)
    bench.complete()
    bench.wait(500)
    bench.ledger.drop(bench.carrier.now)
    heard = bench.heard
    bench.wait(1_000)
    assert bench.carrier.clears == 1
    assert bench.heard == heard == pytest.approx(500, abs=2 * 40 + STEP_MS)


def test_marks_of_the_last_utterance_do_not_move_the_next_one() -> None:
    bench = Bench(Carrier([100], [100]))
    bench.say(2_000)
    bench.complete()
    bench.wait(300)
    bench.begin()
    bench.say(2_000)
    bench.wait(250)
    assert bench.heard <= 250
    played = len(bench.carrier.runs[-1].audio) / BYTES_PER_MS
    assert bench.heard <= played + 100 + STEP_MS


def test_an_unknown_mark_is_ignored() -> None:
    bench = Bench(Carrier())
    bench.say(1_000)
    bench.ledger.marked("somebody else's", 5_000)
    assert bench.ledger.heard_ms(100) == 100


def test_a_lost_mark_is_covered_by_the_next_one() -> None:
    sent: list[str] = []

    class Wire(Carrier):
        def mark(self, name: str) -> None:
            sent.append(name)

    ledger = Playback(Wire())
    ledger.begin(Utterance(1), 0)
    ledger.receive(Spoken(sound(600)), 0)
    ledger.marked(sent[2], 640)
    assert ledger.heard_ms(640) == 600
    ledger.marked(sent[0], 650)  # late, and of no more use
    assert ledger.heard_ms(660) == 600


def test_a_mark_at_least_every_so_often_and_at_the_end() -> None:
    lengths: list[int] = []

    class Wire(Carrier):
        def play(self, ulaw: bytes) -> None:
            lengths.append(len(ulaw))

        def mark(self, name: str) -> None:
            lengths.append(0)

    ledger = Playback(Wire())
    ledger.begin(Utterance(1), 0)
    for _ in range(10):
        ledger.receive(Spoken(sound(70)), 0)
    ledger.complete(0)
    since, total = 0, 0
    for length in lengths:
        since = since + length if length else 0
        total += length
        assert since <= MARK_EVERY_MS * BYTES_PER_MS
    assert lengths[-1] == 0
    assert total == 700 * BYTES_PER_MS


def test_audio_that_comes_when_the_carrier_ran_dry_counts_from_then_on() -> None:
    """Also while the last mark is still on its way back: the gap between two chunks is no listening time."""
    bench = Bench(Carrier([0], [150]))
    bench.say(200)
    bench.wait(300)
    bench.say(200)
    assert bench.heard == pytest.approx(200, abs=STEP_MS)
    bench.wait(100)
    assert 250 - STEP_MS <= bench.heard <= 300 + STEP_MS  # the mark that came meanwhile was 150 ms old


# --- a carrier in trouble ---


def test_a_stalled_carrier_is_not_believed_for_long() -> None:
    bench = Bench(Carrier([20], [20]))
    bench.say(5_000)
    bench.wait(1_000)
    bench.carrier.stalled = True
    bench.wait(3_000)
    assert bench.heard <= 1_000 + 200 + 400  # the mark that is due, and how long it is waited for
    bench.carrier.stalled = False
    bench.complete()
    bench.wait_until_finished()
    assert bench.carrier.now >= 8_000
    assert bench.heard == 5_000


def test_a_carrier_that_returns_no_marks_does_not_hang_the_call() -> None:
    bench = Bench(Carrier())
    bench.carrier.deaf = True
    bench.say(3_000)
    bench.complete()
    bench.wait(3_000)
    assert not bench.ledger.finished(bench.carrier.now)
    bench.wait_until_finished()
    assert bench.carrier.now == pytest.approx(3_000 + LOST_MARK_MS, abs=STEP_MS)
    assert bench.heard == 3_000


def test_is_silent_only_when_the_last_mark_is_back() -> None:
    bench = Bench(Carrier([100], [100]))
    bench.say(400)
    bench.complete()
    bench.wait(590)
    assert not bench.ledger.silent(bench.carrier.now)
    bench.wait(20)
    assert bench.ledger.silent(bench.carrier.now)
    assert bench.ledger.finished(bench.carrier.now)


# --- hold, resume, drop ---


def test_time_in_a_hold_is_not_heard() -> None:
    bench = Bench(Carrier())
    bench.say(2_000)
    bench.wait(500)
    bench.hold()
    bench.wait(1_000)
    assert bench.heard == pytest.approx(500, abs=STEP_MS)
    assert len(bench.take()) == pytest.approx(500 * BYTES_PER_MS, abs=STEP_MS * BYTES_PER_MS)
    assert bench.ledger.silent(bench.carrier.now)
    assert not bench.ledger.finished(bench.carrier.now)


def test_resumes_at_the_start_of_the_cut_word() -> None:
    bench = Bench(Carrier())
    bench.say(2_000)
    bench.complete()
    bench.wait(1_000)  # in the middle of w3
    bench.hold()
    bench.wait(100)
    bench.resume()
    bench.wait_until_finished()
    first, second = stretches(bench.carrier, bench.audio)
    assert first.end / BYTES_PER_MS == pytest.approx(1_000, abs=STEP_MS)
    assert second.start == 900 * BYTES_PER_MS
    assert second.end == len(bench.audio)
    assert bench.take() == bench.audio[: first.end] + bench.audio[second.start :]


def test_heard_never_goes_back_when_the_cut_word_is_said_again() -> None:
    bench = Bench(Carrier())
    bench.say(2_000)
    bench.wait(1_000)
    bench.hold()
    bench.resume()
    bench.wait(50)
    assert bench.heard == pytest.approx(1_000, abs=STEP_MS)
    assert bench.ledger.left_ms(bench.carrier.now) == pytest.approx(2_000 - 950, abs=STEP_MS)


def test_audio_that_comes_in_a_hold_waits() -> None:
    bench = Bench(Carrier())
    bench.hold()
    bench.say(300)
    bench.complete()
    bench.wait(500)
    assert not bench.carrier.runs[-1].pieces
    assert bench.carrier.clears == 0  # nothing was there to be cleared
    bench.resume()
    bench.wait_until_finished()
    assert bench.carrier.runs[-1].audio == bench.audio


def test_holding_twice_and_resuming_twice_changes_nothing() -> None:
    bench = Bench(Carrier())
    bench.say(1_000)
    bench.complete()
    bench.wait(450)
    bench.hold()
    bench.hold()
    bench.resume()
    bench.resume()
    bench.wait_until_finished()
    assert bench.carrier.clears == 1
    assert [len(found.positions) for found in stretches(bench.carrier, bench.audio)] == [450, 700]


def test_a_drop_is_for_good() -> None:
    bench = Bench(Carrier())
    bench.say(1_000)
    bench.wait(300)
    bench.ledger.drop(bench.carrier.now)
    bench.say(1_000)  # the voice had not noticed yet
    bench.complete()
    bench.wait(500)
    assert bench.ledger.finished(bench.carrier.now)
    assert len(bench.carrier.runs) == 2
    assert not bench.carrier.runs[-1].pieces
    assert bench.heard == pytest.approx(300, abs=STEP_MS)


def test_a_drop_in_a_hold_clears_once() -> None:
    bench = Bench(Carrier())
    bench.say(1_000)
    bench.wait(300)
    bench.hold()
    bench.wait(200)
    bench.ledger.drop(bench.carrier.now)
    assert bench.carrier.clears == 1
    assert bench.heard == pytest.approx(300, abs=STEP_MS)


def test_the_carrier_is_cleared_although_all_should_have_been_played() -> None:
    """A tail without a mark may still be in the carrier's buffer: only a mark proves that it is not."""
    bench = Bench(Carrier([150], [0]))
    bench.say(100)
    bench.wait(120)
    bench.hold()
    assert bench.carrier.clears == 1


def test_nothing_is_cleared_when_marks_prove_that_all_was_played() -> None:
    bench = Bench(Carrier())
    bench.say(100)
    bench.complete()
    bench.wait_until_finished()
    bench.ledger.drop(bench.carrier.now)
    assert bench.carrier.clears == 0


def test_the_next_utterance_drops_what_is_left() -> None:
    bench = Bench(Carrier())
    bench.say(1_000)
    bench.wait(300)
    bench.begin()
    assert bench.carrier.clears == 1
    assert bench.heard == 0
    assert len(bench.take()) == pytest.approx(300 * BYTES_PER_MS, abs=STEP_MS * BYTES_PER_MS)


def test_the_end_of_a_finished_utterance_is_kept_when_the_next_begins() -> None:
    bench = Bench(Carrier())
    bench.say(500)
    bench.complete()
    while not bench.ledger.finished(bench.carrier.now):
        for name in bench.carrier.step():
            bench.ledger.marked(name, bench.carrier.now)
    whole = bench.audio
    bench.begin()
    assert bench.carrier.clears == 0
    assert bench.take() == whole


def test_the_end_is_kept_although_its_mark_was_lost() -> None:
    bench = Bench(Carrier())
    bench.carrier.deaf = True
    bench.say(500)
    bench.complete()
    while not bench.ledger.finished(bench.carrier.now):
        bench.carrier.step()
    whole = bench.audio
    bench.begin()
    assert bench.take() == whole


def test_what_is_left_never_grows_again() -> None:
    """Also when a mark tells that the carrier is behind what was reckoned."""
    bench = Bench(Carrier([0], [150]))
    bench.say(1_000)
    bench.wait(340)
    assert bench.ledger.left_ms(bench.carrier.now) == 660
    bench.wait(10)  # the mark at 200 ms comes, 150 ms late
    assert bench.ledger.left_ms(bench.carrier.now) == 660


def test_an_utterance_without_audio_is_finished_and_unheard() -> None:
    bench = Bench(Carrier())
    bench.utterance.plan("...")
    assert not bench.ledger.finished(0)
    bench.complete()
    assert bench.ledger.finished(0)
    assert bench.ledger.heard_text(0) == ""


def test_before_the_first_utterance_all_is_quiet() -> None:
    ledger = Playback(Carrier(), keep_heard=True)
    ledger.hold(10)
    ledger.resume(20)
    assert ledger.finished(30)
    assert ledger.silent(30)
    assert (ledger.heard_ms(30), ledger.heard_text(30), ledger.left_ms(30)) == (0, "", 0)
    assert ledger.take_heard(30) == []


def test_nothing_is_kept_unless_asked_for() -> None:
    ledger = Playback(Carrier())
    ledger.begin(Utterance(1), 0)
    ledger.receive(Spoken(sound(100)), 0)
    assert ledger.heard_ms(100) == 100
    assert ledger.take_heard(100) == []
