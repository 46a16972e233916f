"""The replay buffer: caller audio that no final text covers yet."""

from hypothesis import given
from hypothesis import strategies as st

from media.audio.mulaw import RATE
from media.providers.chain.replay_buffer import BLOCK, PIECE, ReplayBuffer


def replayed(buffer: ReplayBuffer) -> tuple[bytes, bytes | None]:
    """The audio before and after the detected start of speech (after: None if none was detected)."""
    pieces = list(buffer.replay())
    if None not in pieces:
        return b"".join(filter(None, pieces)), None
    at = pieces.index(None)
    return b"".join(filter(None, pieces[:at])), b"".join(filter(None, pieces[at:]))


def second(value: int) -> bytes:
    return bytes([value]) * RATE


def test_speech_and_the_audio_before_it_are_buffered() -> None:
    buffer = ReplayBuffer()
    buffer.push(b"before")
    buffer.mark_speech_start()
    buffer.push(b"speech")
    assert replayed(buffer) == (b"before", b"speech")


def test_discard_removes_only_audio_before_the_position() -> None:
    buffer = ReplayBuffer()
    buffer.mark_speech_start()
    buffer.push(b"first")
    position = buffer.end
    buffer.push(b"second")
    buffer.discard_until(position)
    assert replayed(buffer) == (b"second", None)
    buffer.mark_speech_start()
    buffer.push(b"third")
    assert replayed(buffer) == (b"second", b"third")
    buffer.discard_until(0)
    assert replayed(buffer) == (b"second", b"third")


def test_a_speech_start_after_the_discarded_audio_stays() -> None:
    buffer = ReplayBuffer()
    buffer.push(b"first")
    position = buffer.end
    buffer.mark_speech_start()
    buffer.push(b"second")
    buffer.discard_until(position)
    assert replayed(buffer) == (b"", b"second")


def test_audio_without_speech_has_a_lower_limit() -> None:
    buffer = ReplayBuffer(max_s=4, max_quiet_s=2)
    for value in range(10):
        buffer.push(second(value))
    buffered, _ = replayed(buffer)
    assert buffered.endswith(second(8) + second(9))
    assert len(buffered) <= 3 * RATE
    buffer.mark_speech_start()
    for value in range(10, 20):
        buffer.push(second(value))
    before, speech = replayed(buffer)
    assert before == b""
    assert speech is not None
    assert speech.endswith(second(16) + second(17) + second(18) + second(19))
    assert len(speech) <= 5 * RATE


def test_replay_comes_in_pieces_of_100_ms() -> None:
    buffer = ReplayBuffer()
    buffer.push(second(1) * 2)
    assert max(len(piece or b"") for piece in buffer.replay()) == PIECE


def count_up(size: int, start: int) -> bytes:
    """Audio of which every part can be told from the parts around it."""
    return b"".join((start + at).to_bytes(4) for at in range(-(-size // 4)))[:size]


AUDIO = st.builds(count_up, st.one_of(st.integers(0, 400), st.integers(0, 2 * BLOCK + 400)), st.integers(0, 1 << 31))


@given(st.lists(st.one_of(AUDIO, st.just("started"), st.integers(0, 5 * BLOCK)), max_size=30))
def test_buffer_is_always_a_contiguous_end_of_the_audio(steps: list[bytes | str | int]) -> None:
    buffer = ReplayBuffer(max_s=2.2, max_quiet_s=1.1)
    pushed, discarded, speech_at = b"", 0, None
    for step in steps:
        if isinstance(step, bytes):
            buffer.push(step)
            pushed += step
        elif isinstance(step, int):
            position = min(step, buffer.end)
            buffer.discard_until(position)
            discarded = max(discarded, position)
            speech_at = None if speech_at is not None and speech_at < position else speech_at
        else:
            buffer.mark_speech_start()
            speech_at = len(pushed) if speech_at is None else speech_at
    before, speech = replayed(buffer)
    buffered = before + (speech or b"")
    assert buffer.end == len(pushed)
    assert buffered == pushed[buffer.beginning :]
    assert (speech is None) == (speech_at is None)
    assert speech_at is None or len(before) == max(0, speech_at - buffer.beginning)
    assert len(buffered) >= min(len(pushed) - discarded, int(1.1 * RATE))
    assert len(buffered) <= min(len(pushed) - discarded, int(2.2 * RATE) + BLOCK)
