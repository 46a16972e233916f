# ruff: noqa: RUF001 (phonemes look like letters)
"""The voice model and its phoneme durations."""

import pytest

from media.providers.local.vits import HOP, Vits, with_output


def test_an_output_is_appended_to_the_model() -> None:
    # ModelProto.graph (7) . output (12) . name (1): each a tag, a length, and the content
    assert with_output(b"model", "/Ceil") == b"model" + b"\x3a\x09" + b"\x62\x07" + b"\x0a\x05/Ceil"


def test_the_tensors_name_must_be_short() -> None:
    with pytest.raises(ValueError, match="127 bytes"):
        with_output(b"", "x" * 130)


@pytest.mark.speech
def test_phonemes_end_one_after_the_other_within_the_sound() -> None:
    phonemes = [*"wˈʌn mˈoʊmənt plˈiːz."]
    sound = Vits().synthesize(phonemes)
    assert len(sound.edges) == len(phonemes) + 1
    assert all(first < last for first, last in zip(sound.edges, sound.edges[1:], strict=False))
    assert not any(edge % HOP for edge in sound.edges)
    # only the start and end marks are before and after them
    assert HOP <= sound.edges[0] <= 20 * HOP
    assert HOP <= len(sound.samples) - sound.edges[-1] <= 20 * HOP
