"""What counts as asking not to be called again. It is acted on at once, and for good: so a smaller wish is none."""

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.call.request_languages import patterns_for
from media.call.request_patterns import split_sentences
from tests.platform.computation import slowed

OPT_OUT = [
    ("en", "Stop calling me."),
    ("en", "please stop calling me I'm not interested"),
    ("en", "Would you please stop calling this number?"),
    ("en", "I told you to stop calling me"),
    ("en", "I've asked you guys three times to take me off your list"),
    ("en", "Please take me off your list."),
    ("en", "take me off your calling list and don't call again"),
    ("en", "Can you remove my phone number from your list please"),
    ("en", "Could you take our number off the call list?"),
    ("en", "Remove my number."),
    ("en", "remove this number from your database"),
    ("en", "Put me on your do-not-call list."),
    ("en", "I want to be put on the do not call list"),
    ("en", "Don't call me again."),
    ("en", "No, do not call me anymore."),
    ("en", "don't ever call me again you people"),
    ("en", "Never call this number again!"),
    ("en", "Do not call this number."),
    ("en", "Can you not call me again, please?"),
    ("en", "I don't want you to call me again"),
    ("en", "I don't want to be called anymore."),
    ("en", "we do not wish to receive any more calls from you"),
    ("en", "I do not want any more of these calls anymore"),
    ("en-GB", "Stop ringing me."),
    ("en", "No sir, stop calling me, sir"),
    ("en", "Lose my number."),
    ("en", "I'd like to opt out of these calls"),
    ("en", "No thanks, I'm busy, stop calling us."),
    ("de", "Rufen Sie mich nicht mehr an."),
    ("de", "Bitte rufen Sie hier nie wieder an!"),
    ("de", "Rufen Sie nicht mehr unter dieser Nummer an"),
    ("de", "Ruf mich nie wieder an"),
    ("de", "Hören Sie auf, mich anzurufen."),
    ("de", "Streichen Sie mich bitte von Ihrer Liste."),
    ("de", "Können Sie meine Nummer aus Ihrer Liste löschen?"),
    ("de", "Löschen Sie meine Nummer!"),
    ("de", "Ich möchte nicht mehr angerufen werden."),
    ("de", "Ich will keine Anrufe mehr von Ihnen"),
    ("de-CH", "Ich möchte nicht, dass Sie mich noch einmal anrufen."),
    ("es", "No me llame más."),
    ("es", "No me vuelvan a llamar, por favor"),
    ("es", "Deje de llamarme"),
    ("es", "¿Puede dejar de llamar a este número?"),
    ("es", "Quíteme de su lista"),
    ("es-MX", "Borren mi número de su lista de llamadas"),
    ("es", "No quiero recibir más llamadas."),
    ("es", "No quiero que me llamen más"),
    ("fr", "Ne m'appelez plus."),
    ("fr", "Ne me rappelez plus jamais, s'il vous plaît"),
    ("fr", "Arrêtez de m'appeler !"),
    ("fr", "Pouvez-vous arrêter de m'appeler ?"),
    ("fr", "Retirez-moi de votre liste."),
    ("fr", "Pourriez-vous supprimer mon numéro de vos fichiers ?"),
    ("fr-CA", "Je ne veux plus être appelée."),
    ("fr", "Je ne souhaite plus recevoir d'appels"),
]
NO_OPT_OUT = [
    # Names, times, places, and other smaller wishes.
    ("en", "Don't call me Bob."),
    ("en", "Stop calling me Charlie, my name is Chip"),
    ("en", "stop calling me sir"),
    ("en", "Don't call me before nine."),
    ("en", "Please don't call me again before nine"),
    ("en", "Don't call me at work."),
    ("en", "Don't call me again today, call me tomorrow"),
    ("en", "Don't call me, I'll call you."),
    ("en", "Please call me again."),
    ("en", "Call me back on this number"),
    ("en", "Don't call my husband again"),
    ("en", "I don't want any calls after nine"),
    # Reports, questions, and what others do.
    ("en", "My ex won't stop calling me."),
    ("en", "How do I get people to stop calling me?"),
    ("en", "He said stop calling me."),
    ("en", "I told him to stop calling me"),
    ("en", "I asked my bank to take me off their list"),
    ("en", "They keep calling me again and again"),
    ("en", "Why do you keep calling me?"),
    ("en", "Somebody told me, don't call this number again"),
    ("en", "Did you take me off your list?"),
    ("en", "If I say stop calling me what happens"),
    # Turned round, and other lists.
    ("en", "Don't stop calling me."),
    ("en", "Please don't take me off your list"),
    ("en", "I don't want you to take me off your list"),
    ("en", "Take me off the waiting list"),
    ("en", "Can you take eggs off the list?"),
    ("en", "Remove my number from the account and add my wife's"),
    ("en", "Put me on your list."),
    ("en", "Stop the recording."),
    ("de", "Rufen Sie mich nicht vor neun an."),
    ("de", "Rufen Sie mich wieder an"),
    ("de", "Rufen Sie mich nicht mehr vor neun Uhr an"),
    ("de", "Er sagt, rufen Sie mich nicht mehr an"),
    ("de", "Streichen Sie mich von der Warteliste"),
    ("de", "Ich werde nicht mehr angerufen"),
    ("de", "Warum rufen Sie nicht mehr an?"),
    ("es", "No me llame Paco."),
    ("es", "No me llame antes de las nueve"),
    ("es", "Llámeme otra vez"),
    ("es", "Quíteme de la lista de espera"),
    ("es", "Si no me llaman más, no pasa nada"),
    ("fr", "Ne m'appelez pas Bob."),
    ("fr", "Ne m'appelez plus avant neuf heures"),
    ("fr", "Rappelez-moi plus tard"),
    ("fr", "Retirez-moi de la liste d'attente"),
    ("fr", "Il m'a dit, ne m'appelez plus"),
]


def opts_out(language: str, text: str) -> bool:
    patterns = patterns_for(language)
    assert patterns is not None
    return any(map(patterns.opts_out, split_sentences(text)))


@pytest.mark.parametrize(("language", "text"), OPT_OUT)
def test_asks_not_to_be_called_again(language: str, text: str) -> None:
    assert opts_out(language, text)


@pytest.mark.parametrize(("language", "text"), NO_OPT_OUT)
def test_does_not_ask_for_that(language: str, text: str) -> None:
    assert not opts_out(language, text)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([text for language, text in OPT_OUT if language == "en" and "," not in text]),
    st.sampled_from(["", "um, ", "No, ", "Well, please, ", "hello "]),
    st.sampled_from(["", " thanks.", " Thank you!", ". I have said so before."]),
)
def test_courtesy_and_other_sentences_change_nothing(text: str, before: str, after: str) -> None:
    assert opts_out("en", f"{before}{text}{after}")
    assert not opts_out("en", f"The sign said {text}")


@pytest.mark.parametrize("separator", [" ", ", "])
@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
def test_long_turn_is_read_in_time(language: str, separator: str) -> None:
    """On the event loop: 2,000 words."""
    words = "no stop calling me about it i do not want you to nicht mehr an no quiero que ne plus "
    text = (words * 110).replace(" ", separator)
    began = process_time()
    opts_out(language, text)
    assert process_time() - began < slowed(1)
