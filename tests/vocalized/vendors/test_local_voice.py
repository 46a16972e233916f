"""How the local voice divides a text for simulated vendors."""

import pytest

from vocalized.vendors.local_voice import split_pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Yes.", ["Yes."]),
        ("Hello, how can I help you?", ["Hello, how can I help you?"]),
        (
            "We are open Monday to Thursday from 8 in the morning to 6 in the evening, and on Friday from 8 to 2.",
            [
                "We are open Monday to Thursday ",
                "from 8 in the morning to 6 in the evening, ",
                "and on Friday from 8 to 2.",
            ],
        ),
        ("a" * 80, ["a" * 80]),
        ("", []),
    ],
)
def test_a_long_beginning_is_cut_for_early_audio(text: str, pieces: list[str]) -> None:
    assert list(split_pieces(text)) == pieces
