"""The fixed sentences of the agent in each language, or in English if a language has none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Phrases:
    """The fixed sentences of one language.

    Attributes:
        nudge: Nobody spoke for long.
        not_understood: The caller spoke without words that were understood.
        say_again: The model's answer was empty.
        apology: A reply failed.
        cannot_hear: No recognizer works, and the call ends.
        connecting: Precedes a transfer because providers failed.
        closing: Precedes the end of the call because providers failed.
        putting_through: Precedes a transfer that the caller requested.
        not_recorded: The caller refused the recording.
        opted_out: The person on the phone asked not to be called again.
        goodbye: The agent's last words if it has none of its own in this language.
        must_end: Precedes the goodbye of a call that ends because of its workspace's spending limit.
        use_keypad: Digits were not understood twice.
        confirm_digits: Reads digits back.
        yes_or_no: Explains how to answer `confirm_digits`.
    """

    nudge: str
    not_understood: str
    say_again: str
    apology: str
    cannot_hear: str
    connecting: str
    closing: str
    putting_through: str
    not_recorded: str
    opted_out: str
    goodbye: str
    must_end: str
    use_keypad: str
    confirm_digits: str
    yes_or_no: str


_PHRASES: Final[Mapping[str, Phrases]] = {
    "en": Phrases(
        nudge="Are you still there?",
        not_understood="Sorry, I didn't catch that.",
        say_again="I'm sorry, could you say that again?",
        apology="I'm sorry, I'm having some trouble. Could you say that again?",
        cannot_hear="I'm sorry, I cannot hear you at the moment. Please call again later.",
        connecting="I'm sorry, I'm having some trouble. I'll put you through to a colleague.",
        closing="I'm sorry, I cannot help you at the moment. Please call again later. Goodbye.",
        putting_through="I'll put you through to a colleague.",
        not_recorded="All right, this call is not recorded.",
        opted_out="All right. I've noted that you don't want to be called again.",
        goodbye="Goodbye.",
        must_end="I'm sorry, I have to end our call now. Please call again later.",
        use_keypad="You can also type it on your phone's keypad.",
        confirm_digits="I have {digits}. Is that right?",
        yes_or_no="Please say yes or no, or press 1 for yes or 2 for no.",
    ),
    "de": Phrases(
        nudge="Sind Sie noch da?",
        not_understood="Entschuldigung, das habe ich nicht verstanden.",
        say_again="Entschuldigung, könnten Sie das bitte wiederholen?",
        apology="Entschuldigung, es gibt gerade ein Problem. Könnten Sie das bitte wiederholen?",
        cannot_hear="Leider kann ich Sie gerade nicht hören. Bitte rufen Sie später noch einmal an.",
        connecting="Entschuldigung, es gibt gerade ein Problem. Ich verbinde Sie mit einem Kollegen.",
        closing="Leider kann ich Ihnen gerade nicht helfen. Bitte rufen Sie später noch einmal an. Auf Wiederhören.",
        putting_through="Ich verbinde Sie mit einem Kollegen.",
        not_recorded="In Ordnung, dieses Gespräch wird nicht aufgezeichnet.",
        opted_out="In Ordnung. Ich habe vermerkt, dass Sie nicht mehr angerufen werden möchten.",
        goodbye="Auf Wiederhören.",
        must_end="Leider muss ich unser Gespräch jetzt beenden. Bitte rufen Sie später noch einmal an.",
        use_keypad="Sie können die Ziffern auch auf den Tasten Ihres Telefons eingeben.",
        confirm_digits="Ich habe {digits}. Ist das richtig?",
        yes_or_no="Bitte sagen Sie ja oder nein, oder drücken Sie 1 für ja oder 2 für nein.",
    ),
    "es": Phrases(
        nudge="¿Sigue usted ahí?",
        not_understood="Perdone, no le he entendido.",
        say_again="Perdone, ¿podría repetirlo?",
        apology="Perdone, tengo un problema en este momento. ¿Podría repetirlo?",
        cannot_hear="Lo siento, en este momento no puedo oírle. Por favor, vuelva a llamar más tarde.",
        connecting="Perdone, tengo un problema en este momento. Le paso con un compañero.",
        closing="Lo siento, en este momento no puedo ayudarle. Por favor, vuelva a llamar más tarde. Adiós.",
        putting_through="Le paso con un compañero.",
        not_recorded="De acuerdo, esta llamada no se graba.",
        opted_out="De acuerdo. He anotado que no desea recibir más llamadas.",
        goodbye="Adiós.",
        must_end="Lo siento, tengo que terminar la llamada ahora. Por favor, vuelva a llamar más tarde.",
        use_keypad="También puede marcar las cifras en el teclado de su teléfono.",
        confirm_digits="Tengo {digits}. ¿Es correcto?",
        yes_or_no="Por favor, diga sí o no, o pulse 1 para sí o 2 para no.",
    ),
    "fr": Phrases(
        nudge="Vous êtes toujours là ?",
        not_understood="Pardon, je n'ai pas compris.",
        say_again="Pardon, pourriez-vous répéter ?",
        apology="Pardon, j'ai un problème en ce moment. Pourriez-vous répéter ?",
        cannot_hear="Désolé, je ne vous entends pas en ce moment. Merci de rappeler plus tard.",
        connecting="Pardon, j'ai un problème en ce moment. Je vous passe un collègue.",
        closing="Désolé, je ne peux pas vous aider en ce moment. Merci de rappeler plus tard. Au revoir.",
        putting_through="Je vous passe un collègue.",
        not_recorded="D'accord, cet appel n'est pas enregistré.",
        opted_out="D'accord. J'ai noté que vous ne souhaitez plus être appelé.",
        goodbye="Au revoir.",
        must_end="Désolé, je dois mettre fin à notre appel maintenant. Merci de rappeler plus tard.",
        use_keypad="Vous pouvez aussi taper les chiffres sur le clavier de votre téléphone.",
        confirm_digits="J'ai noté {digits}. C'est bien ça ?",
        yes_or_no="Dites oui ou non, ou tapez 1 pour oui ou 2 pour non.",
    ),
}


def has_phrases(language: str) -> bool:
    """Return whether there are sentences in this language."""
    return language.partition("-")[0].lower() in _PHRASES


def phrase_language(language: str) -> str:
    """Return the language of the texts that `phrases_in` returns."""
    return language if has_phrases(language) else "en"


def phrases_in(language: str) -> Phrases:
    """Return the sentences in this language, or in English."""
    return _PHRASES.get(language.partition("-")[0].lower(), _PHRASES["en"])
