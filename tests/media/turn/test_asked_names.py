"""Questions for names and addresses."""

import pytest

from media.turn.asked_names import asks_for_names


@pytest.mark.parametrize(
    "text",
    [
        "Sure. What is your address?",
        "Which street do you live on?",
        "What name is it under? Take your time.",
        "May I have your surname, please?",
        "Wie ist Ihre Adresse?",
        "Wie heißen Sie?",
        "¿Cuál es su dirección?",
        "¿Cómo se llama usted?",
        "Quel est votre nom ?",
    ],
)
def test_questions_for_names_and_addresses(text: str) -> None:
    assert asks_for_names(text)


@pytest.mark.parametrize("text", ["", "What would you like to book?", "Your name is on the list.", "Nennen wir es so?"])
def test_other_words(text: str) -> None:
    assert not asks_for_names(text)
