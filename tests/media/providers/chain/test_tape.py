"""The caller's audio that nobody transcribed yet."""

from hypothesis import given
from hypothesis import strategies as st

from media.providers.chain.tape import BYTES_PER_S, PIECE, Tape


def replayed(tape: Tape) -> tuple[bytes, bytes | None]:
    """The audio before the caller began and after it (None: not known to have begun)."""
    pieces = list(tape.replay())
    if None not in pieces:
        return b"".join(filter(None, pieces)), None
    at = pieces.index(None)
    return b"".join(filter(None, pieces[:at])), b"".join(filter(None, pieces[at:]))


def second(value: int) -> bytes:
    return bytes([value]) * BYTES_PER_S


def test_speech_is_kept_with_what_came_before_it() -> None:
    tape = Tape()
    tape.push(b"before")
    tape.started()
    tape.push(b"speech")
    assert replayed(tape) == (b"before", b"speech")


def test_what_is_settled_is_gone_and_what_came_later_stays() -> None:
    tape = Tape()
    tape.started()
    tape.push(b"first")
    position = tape.end
    tape.push(b"second")
    tape.settle(position)
    assert replayed(tape) == (b"second", None)
    tape.started()
    tape.push(b"third")
    assert replayed(tape) == (b"second", b"third")
    tape.settle(0)
    assert replayed(tape) == (b"second", b"third")


def test_a_beginning_after_the_settled_audio_is_remembered() -> None:
    tape = Tape()
    tape.push(b"first")
    position = tape.end
    tape.started()
    tape.push(b"second")
    tape.settle(position)
    assert replayed(tape) == (b"", b"second")


def test_silence_is_bounded_more_tightly_than_speech() -> None:
    tape = Tape(most_s=4, most_quiet_s=2)
    for value in range(10):
        tape.push(second(value))
    kept, _ = replayed(tape)
    assert kept.endswith(second(8) + second(9))
    assert len(kept) <= 3 * BYTES_PER_S
    tape.started()
    for value in range(10, 20):
        tape.push(second(value))
    before, speech = replayed(tape)
    assert before == b""
    assert speech is not None
    assert speech.endswith(second(16) + second(17) + second(18) + second(19))
    assert len(speech) <= 5 * BYTES_PER_S


def test_pieces_are_small() -> None:
    tape = Tape()
    tape.push(second(1) * 2)
    assert max(len(piece or b"") for piece in tape.replay()) == PIECE


@given(st.lists(st.one_of(st.binary(max_size=400), st.just("started"), st.integers(0, 4000)), max_size=60))
def test_it_is_always_an_unbroken_end_of_what_was_pushed(steps: list[bytes | str | int]) -> None:
    tape = Tape(most_s=0.2, most_quiet_s=0.1)
    pushed, settled = b"", 0
    for step in steps:
        if isinstance(step, bytes):
            tape.push(step)
            pushed += step
        elif isinstance(step, int):
            tape.settle(min(step, tape.end))
            settled = max(settled, min(step, tape.end))
        else:
            tape.started()
    before, speech = replayed(tape)
    kept = before + (speech or b"")
    assert pushed.endswith(kept)
    assert len(kept) <= len(pushed) - settled
    assert len(kept) >= min(len(pushed) - settled, int(0.1 * BYTES_PER_S))
