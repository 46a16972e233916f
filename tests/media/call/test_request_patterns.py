"""What counts as asking for a person, and as refusing a recording."""

import pytest

from media.call.phrases import _PHRASES
from media.call.request_patterns import _PATTERNS, patterns_for, split_sentences, without_courtesy

PERSON = [
    ("en", "A person, please."),
    ("en", "person please"),
    ("en", "Human!"),
    ("en", "operator"),
    ("en", "Representative, please."),
    ("en", "Can I speak to a human being?"),
    ("en", "I'd like to talk with a real person about my bill"),
    ("en", "Hello, could you put me through to an operator please"),
    ("en", "Put me through."),
    ("en", "I want a human."),
    ("en", "Just give me a person"),
    ("en-GB", "I was wondering if I could speak to your manager"),
    ("en", "No, I need to talk to someone else"),
    ("de", "Ich möchte mit einem Menschen sprechen."),
    ("de", "Einen Mitarbeiter bitte"),
    ("de", "Kann ich bitte mit einem echten Mitarbeiter reden?"),
    ("de", "Verbinden Sie mich bitte"),
    ("de-AT", "Können Sie mich mit einer Kollegin verbinden?"),
    ("de", "Einen Menschen, bitte!"),
    ("es", "Quiero hablar con una persona."),
    ("es", "¿Me puede comunicar? Páseme con un agente, por favor"),
    ("es", "Una persona, por favor"),
    ("es-MX", "operadora"),
    ("fr", "Je voudrais parler à une vraie personne"),
    ("fr", "Passez-moi un conseiller, s'il vous plaît."),
    ("fr", "Un humain, s'il vous plaît"),
    ("fr-CA", "Parler à l'opérateur"),
]
NO_PERSON = [
    ("en", "A person called me yesterday."),
    ("en", "a person from your office called me"),
    ("en", "I spoke to an agent last week"),
    ("en", "I don't want to talk to a person"),
    ("en", "I'd rather not speak to a human"),
    ("en", "Are you a person?"),
    ("en", "Am I talking to a real person?"),
    ("en", "Is this a human?"),
    ("en", "I need to talk to my manager first"),
    ("en", "My insurance agent told me to call"),
    ("en", "I'm calling about a missing person"),
    ("en", "They put me through to an operator and nobody answered"),
    ("en", "How many people can one person bring?"),
    ("en", "I want to talk to human resources"),
    ("de", "Ein Mitarbeiter hat mich angerufen"),
    ("de", "Ich habe mit einem Mitarbeiter gesprochen"),
    ("de", "Ich will nicht mit einem Menschen sprechen"),
    ("de", "Sind Sie ein Mensch?"),
    ("es", "Una persona me llamó ayer"),
    ("es", "No quiero hablar con una persona"),
    ("es", "Hablé con un agente"),
    ("fr", "Une personne m'a appelé"),
    ("fr", "Je ne veux pas parler à une personne"),
    ("fr", "Il n'y a personne"),
    ("fr", "Personne"),
    ("it", "Vorrei parlare con una persona"),
]
REFUSAL = [
    ("en", "Please don't record this call"),
    ("en", "Stop recording"),
    ("en", "I do not want to be recorded"),
    ("en", "I'd rather not be recorded"),
    ("en", "I don't agree to the recording"),
    ("de", "Bitte nicht aufzeichnen"),
    ("de", "Ich möchte nicht aufgenommen werden"),
    ("de", "Nehmen Sie das bitte nicht auf"),
    ("es", "No me grabe, por favor"),
    ("es", "No quiero que se grabe la llamada"),
    ("fr", "Je ne veux pas être enregistré"),
    ("fr", "N'enregistrez pas cet appel"),
]
NO_REFUSAL = [
    ("en", "I don't have a record of that"),
    ("en", "Do you record my order?"),
    ("en", "I have no recording contract"),
    ("en", "I don't recall"),
    ("de", "Können Sie mich nicht als Patient aufnehmen?"),
    ("es", "No tengo la grabación"),
    ("fr", "Mon rendez-vous n'est pas enregistré"),
    ("en", "No."),
]


def wants_person(language: str, text: str) -> bool:
    patterns = patterns_for(language)
    if patterns is None:
        return False
    asked = [without_courtesy(one, patterns) for one in split_sentences(text)]
    return any(patterns.person.search(one) and not patterns.not_person.search(one) for one in asked)


def refuses(language: str, text: str) -> bool:
    patterns = patterns_for(language)
    return patterns is not None and any(patterns.refusal.search(one) for one in split_sentences(text))


def test_every_language_with_phrases_has_patterns() -> None:
    assert _PATTERNS.keys() == _PHRASES.keys()


@pytest.mark.parametrize(("language", "text"), PERSON)
def test_asks_for_a_person(language: str, text: str) -> None:
    assert wants_person(language, text)


@pytest.mark.parametrize(("language", "text"), NO_PERSON)
def test_does_not_ask_for_a_person(language: str, text: str) -> None:
    assert not wants_person(language, text)


@pytest.mark.parametrize(("language", "text"), REFUSAL)
def test_refuses(language: str, text: str) -> None:
    assert refuses(language, text)


@pytest.mark.parametrize(("language", "text"), NO_REFUSAL)
def test_does_not_refuse(language: str, text: str) -> None:
    assert not refuses(language, text)
