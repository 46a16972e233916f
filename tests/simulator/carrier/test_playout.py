"""The playout buffer: the played audio, and the echo of marks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.carrier.mulaw import SILENCE
from simulator.carrier.playout import PlayoutBuffer

operations = st.lists(
    st.one_of(
        st.tuples(st.just("play"), st.integers(1, 700)),
        st.tuples(st.just("mark"), st.just(0)),
        st.tuples(st.just("clear"), st.just(0)),
        st.tuples(st.just("advance"), st.just(160)),
    ),
    max_size=60,
)


def test_mark_on_an_empty_buffer_is_echoed_at_once() -> None:
    playout = PlayoutBuffer()
    assert playout.mark("a") == ("a",)
    playout.advance(160)
    assert playout.mark("b") == ("b",)


def test_mark_is_echoed_when_the_audio_before_it_was_played() -> None:
    playout = PlayoutBuffer()
    playout.play(b"\x01" * 320)
    assert playout.mark("end") == ()
    assert [playout.advance(160).marks for _ in range(4)] == [(), (), ("end",), ()]


def test_mark_waits_for_the_end_of_the_playing_audio() -> None:
    playout = PlayoutBuffer()
    playout.play(b"\x01" * 160)
    playout.advance(160)
    assert playout.mark("late") == ()
    assert playout.advance(160).marks == ("late",)


def test_clear_returns_pending_marks_in_order_and_stops_the_audio() -> None:
    playout = PlayoutBuffer()
    playout.play(b"\x01" * 800)
    playout.mark("a")
    playout.play(b"\x02" * 800)
    playout.mark("b")
    playout.advance(160)
    assert playout.clear() == ("a", "b")
    assert playout.queued == 0
    assert playout.advance(160).audio == SILENCE * 160
    assert playout.mark("c") == ("c",)


def test_audio_after_a_clear_begins_with_the_next_frame() -> None:
    playout = PlayoutBuffer()
    playout.play(b"\x01" * 800)
    playout.advance(160)
    playout.clear()
    assert playout.play(b"\x02" * 160) == 160
    assert playout.mark("new") == ()
    assert playout.advance(160).audio == b"\x02" * 160
    assert playout.advance(160).marks == ("new",)


def test_play_returns_when_the_audio_begins() -> None:
    playout = PlayoutBuffer()
    playout.advance(160)
    assert playout.play(b"\x01" * 400) == 160
    assert playout.play(b"\x02" * 10) == 560


@settings(deadline=None)
@given(operations)
def test_every_mark_is_echoed_once_in_order_after_its_audio(steps: list[tuple[str, int]]) -> None:
    playout = PlayoutBuffer()
    sent: list[str] = []
    back: list[str] = []
    due: dict[str, int] = {}  # mark -> played samples after which it may be echoed
    for number, (what, size) in enumerate(steps):
        now = playout.clock
        match what:
            case "play":
                playout.play(bytes([number % 127]) * size)
            case "mark":
                name = str(number)
                sent.append(name)
                due[name] = now + playout.queued
                returned = playout.mark(name)
            case "clear":
                returned = playout.clear()
                due = dict.fromkeys(due, 0)
                assert not playout.queued
            case "advance":
                returned = playout.advance(size).marks
        if what != "play":
            assert all(due[name] <= now for name in returned), "a mark was echoed before its audio was played"
            back += returned
    back += playout.clear()
    assert back == sent


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=500).map(lambda raw: raw.replace(b"\xff", b"\x00")), max_size=20))
def test_caller_hears_the_queued_audio_then_silence(pieces: list[bytes]) -> None:
    playout = PlayoutBuffer()
    for piece in pieces:
        playout.play(piece)
    heard = b"".join(playout.advance(160).audio for _ in range(70))
    assert heard == b"".join(pieces).ljust(70 * 160, SILENCE)
    assert playout.clock == len(heard)


@settings(deadline=None)
@given(st.integers(1, 2_000))
def test_a_mark_is_at_most_one_frame_late(samples: int) -> None:
    playout = PlayoutBuffer()
    playout.play(b"\x01" * samples)
    playout.mark("end")
    frames = 0
    while not playout.advance(160).marks:
        frames += 1
    assert samples <= frames * 160 < samples + 160
