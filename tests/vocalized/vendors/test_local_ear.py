"""The ear that hears by a recognizer: pieces of speech, each recognized once, at its end."""

import numpy as np
import pytest

from simulator.carrier.mulaw import FRAME, SILENCE, encode
from vocalized.vendors.local_ear import END_MS, LEAD_MS, LONGEST_MS, LocalEar

NOISE = np.random.default_rng(3).normal(0, 4_000, 8_000 * 20).clip(-32_000, 32_000).astype(np.int16)


def loud(ms: int) -> bytes:
    return encode(NOISE[: ms * 8])


def quiet(ms: int) -> bytes:
    return SILENCE * (ms * 8)


class Listener:
    """An ear, the lengths in ms of what its recognizer got, and what it heard."""

    def __init__(self, text: str = "hello there") -> None:
        self.lengths: list[float] = []
        self.text = text
        self.ear = LocalEar(self.recognize)

    def recognize(self, pcm: bytes) -> str:
        self.lengths.append(len(pcm) / 16)
        return self.text

    def hear(self, audio: bytes, piece: int = FRAME) -> list[tuple[str, float, float]]:
        pieces = [audio[at : at + piece] for at in range(0, len(audio), piece)]
        return [(word.text, word.start_ms, word.end_ms) for one in pieces for word in self.ear.feed(one)]


@pytest.mark.parametrize("piece", [FRAME, 5 * FRAME, 100 * FRAME])
def test_words_come_at_the_end_of_speech_with_times_in_all_audio(piece: int) -> None:
    listener = Listener()
    found = listener.hear(quiet(1_000) + loud(600) + quiet(400), piece)
    assert [text for text, _, _ in found] == ["hello", "there"]
    assert found[0][1] == 1_000 - LEAD_MS and found[-1][2] == 1_600
    assert listener.lengths == [LEAD_MS + 600 + END_MS]
    assert listener.ear.heard_ms == 2_000


def test_each_piece_of_speech_is_recognized_once() -> None:
    listener = Listener("one")
    found = listener.hear(loud(400) + quiet(100) + loud(400) + quiet(500) + loud(300) + quiet(500))
    assert [text for text, _, _ in found] == ["one", "one"]
    assert listener.hear(quiet(2_000)) == []


def test_silence_and_clicks_are_no_speech() -> None:
    listener = Listener()
    assert listener.hear(quiet(1_000) + loud(40) + quiet(1_000)) == []
    assert listener.lengths == []


def test_endless_speech_is_recognized_piece_by_piece() -> None:
    listener = Listener("word")
    assert len(listener.hear(loud(int(LONGEST_MS) + 1_000) + quiet(500))) == 2
    assert listener.lengths[0] == LONGEST_MS
