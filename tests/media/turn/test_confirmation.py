"""What an answer to "Is that right?" says."""

import pytest

from media.turn.confirmation import CallerConfirmation, read_confirmation


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        *(
            (text, CallerConfirmation.YES)
            for text in ("Yes.", "yeah that's right", "S\u00ed, claro.", "Ja, genau", "oui")
        ),
        *(
            (text, CallerConfirmation.NO)
            for text in ("No.", "that's not right", "yes, no, wrong", "Nein!", "non", "isn't")
        ),
        *((text, CallerConfirmation.UNCLEAR) for text in ("", "what?", "hm", "yes, but the last one is a five")),
        ("can I speak to somebody please", CallerConfirmation.OTHER),
    ],
)
def test_answers(text: str, answer: CallerConfirmation) -> None:
    assert read_confirmation(text) is answer
