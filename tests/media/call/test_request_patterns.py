"""What counts as asking for a person, and as refusing a recording. Both are acted on at once, so a mention is none."""

from itertools import product
from string import ascii_lowercase
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.call.phrases import has_phrases
from media.call.request_languages import PATTERNS, patterns_for
from media.call.request_patterns import split_sentences
from tests.platform.computation import slowed

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
    ("en", "I don't want to book, let me speak to a person"),
    ("en", "i dont care about that just put me through to a human"),
    ("en", "I told you let me talk to an agent"),
    ("en", "What do I need to do to speak with an agent?"),
    ("en", "I've been trying to talk to a human for an hour"),
    ("en", "speak to a representative"),
    ("en", "Is there any way to talk to a real person?"),
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
    ("en", "I was told to talk to a person named Anna"),
    ("en", "Do I need to speak to a representative to change that?"),
    ("en", "Please don't put me through to an operator"),
    ("en", "Can you act and think like a real person"),
    ("en", "He said you need a manager"),
    ("en", "I don't think I need to talk to a person"),
    ("en", "I never asked you to connect me to an agent, don't transfer me"),
    ("en", "I was able to talk to a person last time"),
    ("en", "My mother did not like to talk to a human"),
    ("en", "You put me through to an agent before"),
    ("de", "Ein Mitarbeiter hat mich angerufen"),
    ("de", "Ich habe mit einem Mitarbeiter gesprochen"),
    ("de", "Ich will nicht mit einem Menschen sprechen"),
    ("de", "Sind Sie ein Mensch?"),
    ("de", "Muss ich dafür mit einem Mitarbeiter sprechen?"),
    ("de", "Mir wurde gesagt, ich soll mit einem Mitarbeiter sprechen"),
    ("de", "Gestern konnte ich mit einer Person sprechen"),
    ("es", "Una persona me llamó ayer"),
    ("es", "No quiero hablar con una persona"),
    ("es", "Hablé con un agente"),
    ("es", "¿Tengo que hablar con una persona?"),
    ("es", "Me dijeron que tenía que hablar con una persona"),
    ("fr", "Une personne m'a appelé"),
    ("fr", "Je ne veux pas parler à une personne"),
    ("fr", "Il n'y a personne"),
    ("fr", "Personne"),
    ("fr", "Est-ce que je dois parler à un conseiller ?"),
    ("fr", "On m'a dit de parler à un conseiller"),
    ("it", "Vorrei parlare con una persona"),
]
REFUSAL = [
    ("en", "Please don't record this call"),
    ("en", "Stop recording"),
    ("en", "I do not want to be recorded"),
    ("en", "I'd rather not be recorded"),
    ("en", "I don't agree to the recording"),
    ("en", "No, please do not record me, I want to book a table"),
    ("en", "Can you stop recording?"),
    ("en", "Could you turn the recording off please?"),
    ("en", "We don't consent to being recorded"),
    ("en", "I don't want you to record this"),
    ("en", "I would prefer not to be recorded"),
    ("en", "I'm not okay with being recorded"),
    ("en", "hello i dont want to be recorded what are your opening hours"),
    ("de", "Bitte nicht aufzeichnen"),
    ("de", "Ich möchte nicht aufgenommen werden"),
    ("de", "Nehmen Sie das bitte nicht auf"),
    ("de", "Ich möchte nicht, dass Sie das Gespräch aufzeichnen."),
    ("de", "Ich bin mit der Aufzeichnung nicht einverstanden"),
    ("de", "Ich stimme der Aufnahme nicht zu."),
    ("de", "Können Sie die Aufnahme bitte ausschalten?"),
    ("de", "Keine Aufnahme bitte"),
    ("es", "No me grabe, por favor"),
    ("es", "No quiero que se grabe la llamada"),
    ("es", "No quiero ser grabada"),
    ("es", "Detenga la grabación, por favor"),
    ("es", "No autorizo la grabación"),
    ("fr", "Je ne veux pas être enregistré"),
    ("fr", "N'enregistrez pas cet appel"),
    ("fr", "Je refuse l'enregistrement"),
    ("fr", "Arrêtez d'enregistrer, s'il vous plaît"),
    ("fr", "Je ne souhaite pas que vous m'enregistriez"),
]
NO_REFUSAL = [
    ("en", "I don't have a record of that"),
    ("en", "Do you record my order?"),
    ("en", "I have no recording contract"),
    ("en", "I don't recall"),
    ("en", "No."),
    ("en", "No, I don't mind being recorded"),
    ("en", "Don't stop recording"),
    ("en", "Please do not stop the recording"),
    ("en", "How do I stop recording videos on my phone?"),
    ("en", "Why did you stop recording?"),
    ("en", "They don't record anything there"),
    ("en", "I don't want the recorded message again"),
    ("en", "He said don't record me"),
    ("en", "My husband told me, don't record the call"),
    ("en", "What if I don't want to be recorded?"),
    ("en", "It's not that I don't want to be recorded"),
    ("en", "I never said I don't want to be recorded"),
    ("en", "I don't want you to stop the recording"),
    ("en", "I do not record my own calls"),
    ("en", "I called without recording the number"),
    ("en", "Can you turn the recording up?"),
    ("en", "I don't want the recording sent to my old address"),
    ("de", "Können Sie mich nicht als Patient aufnehmen?"),
    ("de", "Ich möchte nicht als Patient aufgenommen werden"),
    ("de", "Ich habe keine Aufzeichnung davon"),
    ("de", "Nehmen Sie das nicht auf?"),
    ("de", "Warum nehmen Sie das nicht auf?"),
    ("de", "Sie müssen das nicht aufzeichnen"),
    ("de", "Ich habe nichts gegen die Aufnahme"),
    ("es", "No tengo la grabación"),
    ("es", "No deje de grabar"),
    ("es", "No me importa que se grabe"),
    ("es", "Si no quiero que me graben, ¿qué hago?"),
    ("fr", "Mon rendez-vous n'est pas enregistré"),
    ("fr", "Vous n'enregistrez pas ?"),
    ("fr", "N'arrêtez pas l'enregistrement"),
    ("fr", "Je ne veux pas enregistrer de réclamation"),
]
# What the agent has just asked, after which these words are an answer.
ANSWERS = [
    ("en", "Is it for a person or a company?", "A person."),
    ("en", "How many of you are there?", "One person"),
    ("en", "Who did you speak to?", "An agent."),
    ("de", "Wie viele sind Sie?", "Eine Person"),
    ("es", "¿Para cuántos?", "una persona"),
    ("fr", "Pour combien ?", "Une personne"),
]


def wants_person(language: str, text: str, asked: str = "") -> bool:
    patterns = patterns_for(language)
    if patterns is None:
        return False
    is_answer = patterns.is_answerable(asked)
    return any(
        patterns.asks_for_person(split_sentence, is_answer=is_answer) for split_sentence in split_sentences(text)
    )


def refuses(language: str, text: str) -> bool:
    patterns = patterns_for(language)
    return patterns is not None and any(
        patterns.find_refusal(split_sentence) is not None for split_sentence in split_sentences(text)
    )


def test_every_language_with_phrases_has_patterns() -> None:
    codes = ["".join(pair) for pair in product(ascii_lowercase, repeat=2)]
    assert {code for code in codes if has_phrases(code)} == PATTERNS.keys()


@pytest.mark.parametrize(("language", "text"), PERSON)
def test_asks_for_a_person(language: str, text: str) -> None:
    assert wants_person(language, text)


@pytest.mark.parametrize(("language", "text"), NO_PERSON)
def test_does_not_ask_for_a_person(language: str, text: str) -> None:
    assert not wants_person(language, text)


@pytest.mark.parametrize(("language", "asked", "text"), ANSWERS)
def test_answer_to_the_agents_question_asks_for_nobody(language: str, asked: str, text: str) -> None:
    assert not wants_person(language, text, asked)


def test_request_counts_also_as_an_answer() -> None:
    assert wants_person("en", "Let me speak to a human", "For how many people?")


@pytest.mark.parametrize(("language", "text"), REFUSAL)
def test_refuses(language: str, text: str) -> None:
    assert refuses(language, text)


@pytest.mark.parametrize(("language", "text"), NO_REFUSAL)
def test_does_not_refuse(language: str, text: str) -> None:
    assert not refuses(language, text)


@pytest.mark.parametrize("separator", [" ", ", "])
def test_long_turn_is_read_in_time(separator: str) -> None:
    """On the event loop: the time grows with the length, not with its square, which took 5 s here."""
    sentence = "i do not want you to let me talk to that person or record the recording of this call "
    text = (sentence * 110).replace(" ", separator)
    began = process_time()
    wants_person("en", text)
    refuses("en", text)
    assert process_time() - began < slowed(1)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([text for language, text in REFUSAL if language == "en" and "," not in text]),
    st.sampled_from(["", "um, ", "No, ", "Well, please, ", "hello "]),
    st.sampled_from(["", " thanks.", " Thank you!", ". I want a table."]),
)
def test_courtesy_and_other_sentences_change_no_refusal(text: str, before: str, after: str) -> None:
    assert refuses("en", f"{before}{text}{after}")
    assert not refuses("en", f"The sign said {text}")
