"""Sentences that carriers speak, in all supported languages: refusals, transfers and codes; and the agent's apology.

`control/calls/records/refusals.py` (REFUSALS) declares which refusal each carrier speaks.
"""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from control.calls.records.refusals import REFUSALS, RefusalReason, RefusalWords, RefusedCall
from shared.events import TransferFailure

_REFUSALS: Final[dict[str, dict[RefusalWords, str]]] = {
    "en": {
        "not_in_service": "Sorry, this number is not in service at the moment. Goodbye.",
        "not_now": "Sorry, we cannot take calls at the moment. Please try again later. Goodbye.",
        "busy": "Sorry, all our lines are busy at the moment. Please call again in a few minutes. Goodbye.",
        "unusable": "Sorry, we cannot take your call at the moment. Please try again later. Goodbye.",
        "cut_off": "Sorry, this call cannot go on at the moment. If you still need us, please call again in a few "
        "minutes. Goodbye.",
    },
    "de": {
        "not_in_service": "Leider ist diese Nummer zurzeit nicht erreichbar. Auf Wiederhören.",
        "not_now": "Leider können wir zurzeit keine Anrufe annehmen. Bitte versuchen Sie es später noch einmal. "
        "Auf Wiederhören.",
        "busy": "Leider sind zurzeit alle Leitungen belegt. Bitte rufen Sie in einigen Minuten noch einmal an. "
        "Auf Wiederhören.",
        "unusable": "Leider können wir Ihren Anruf zurzeit nicht annehmen. Bitte versuchen Sie es später noch einmal. "
        "Auf Wiederhören.",
        "cut_off": "Leider kann dieses Gespräch zurzeit nicht weitergehen. Wenn Sie uns noch brauchen, rufen Sie bitte "
        "in einigen Minuten noch einmal an. Auf Wiederhören.",
    },
    "es": {
        "not_in_service": "Lo sentimos, este número no está disponible en este momento. Adiós.",
        "not_now": "Lo sentimos, no podemos atender llamadas en este momento. Inténtelo más tarde. Adiós.",
        "busy": "Lo sentimos, todas las líneas están ocupadas. Vuelva a llamar en unos minutos. Adiós.",
        "unusable": "Lo sentimos, no podemos atender su llamada en este momento. Inténtelo más tarde. Adiós.",
        "cut_off": "Lo sentimos, esta llamada no puede continuar en este momento. Si aún nos necesita, vuelva a llamar "
        "en unos minutos. Adiós.",
    },
    "fr": {
        "not_in_service": "Désolé, ce numéro n'est pas en service pour le moment. Au revoir.",
        "not_now": "Désolé, nous ne pouvons pas prendre d'appels pour le moment. Veuillez réessayer plus tard. "
        "Au revoir.",
        "busy": "Désolé, toutes nos lignes sont occupées. Veuillez rappeler dans quelques minutes. Au revoir.",
        "unusable": "Désolé, nous ne pouvons pas prendre votre appel pour le moment. Veuillez réessayer plus tard. "
        "Au revoir.",
        "cut_off": "Désolé, cet appel ne peut pas continuer pour le moment. Si vous avez encore besoin de nous, "
        "veuillez rappeler dans quelques minutes. Au revoir.",
    },
}  # fmt: skip
_APOLOGIES: Final = {
    "de": "Entschuldigung, wir wurden kurz unterbrochen.",
    "es": "Disculpe, se ha cortado un momento.",
    "fr": "Désolé, nous avons été coupés un instant.",
}
_TRANSFER_FAILED: Final = {
    "en": "Sorry, nobody could take your call. Please try again later. Goodbye.",
    "de": "Leider konnte niemand Ihren Anruf annehmen. Bitte versuchen Sie es später noch einmal. Auf Wiederhören.",
    "es": "Lo sentimos, nadie pudo atender su llamada. Por favor, inténtelo más tarde. Adiós.",
    "fr": "Désolé, personne n'a pu prendre votre appel. Merci de réessayer plus tard. Au revoir.",
}
# The agent's first words after a failed transfer, by the reason of the failure.
_TRANSFER_RETURNED: Final[Mapping[str, Mapping[TransferFailure, str]]] = {
    "en": {
        "busy": "I'm sorry, the line is busy. I'm still here for you. What can I do for you instead?",
        "no_answer": "I'm sorry, nobody answered. I'm still here for you. What can I do for you instead?",
        "refused": "I'm sorry, nobody can take your call right now. I'm still here for you. What can I do instead?",
        "failed": "I'm sorry, I couldn't put you through. I'm still here for you. What can I do for you instead?",
    },
    "de": {
        "busy": "Leider ist die Leitung besetzt. Ich bin weiter für Sie da. Was kann ich stattdessen für Sie tun?",
        "no_answer": "Leider hat niemand abgenommen. Ich bin weiter für Sie da. Was kann ich stattdessen für Sie tun?",
        "refused": "Leider kann gerade niemand Ihren Anruf annehmen. Ich bin weiter für Sie da. Was kann ich "
        "stattdessen für Sie tun?",
        "failed": "Leider konnte ich Sie nicht verbinden. Ich bin weiter für Sie da. Was kann ich stattdessen für Sie "
        "tun?",
    },
    "es": {
        "busy": "Lo siento, la línea está ocupada. Sigo aquí con usted. ¿En qué más puedo ayudarle?",
        "no_answer": "Lo siento, nadie ha contestado. Sigo aquí con usted. ¿En qué más puedo ayudarle?",
        "refused": "Lo siento, nadie puede atenderle ahora mismo. Sigo aquí con usted. ¿En qué más puedo ayudarle?",
        "failed": "Lo siento, no he podido pasar su llamada. Sigo aquí con usted. ¿En qué más puedo ayudarle?",
    },
    "fr": {
        "busy": "Désolé, la ligne est occupée. Je suis toujours là. Que puis-je faire d'autre pour vous ?",
        "no_answer": "Désolé, personne n'a répondu. Je suis toujours là. Que puis-je faire d'autre pour vous ?",
        "refused": "Désolé, personne ne peut prendre votre appel maintenant. Je suis toujours là. Que puis-je faire "
        "d'autre pour vous ?",
        "failed": "Désolé, je n'ai pas pu vous mettre en relation. Je suis toujours là. Que puis-je faire d'autre pour "
        "vous ?",
    },
}
_TRANSFER_ENDED: Final = {
    "en": "Sorry, this call has to end now. Please call again later. Goodbye.",
    "de": "Leider muss dieses Gespräch jetzt enden. Bitte rufen Sie später noch einmal an. Auf Wiederhören.",
    "es": "Lo sentimos, esta llamada tiene que terminar ahora. Por favor, vuelva a llamar más tarde. Adiós.",
    "fr": "Désolé, cet appel doit se terminer maintenant. Merci de rappeler plus tard. Au revoir.",
}
# The target of a warm transfer hears the brief, then the question.
_TARGET_BRIEF: Final = {
    "en": "A caller would like to talk to you. {brief}",
    "de": "Ein Anrufer möchte mit Ihnen sprechen. {brief}",
    "es": "Una persona quiere hablar con usted. {brief}",
    "fr": "Une personne souhaite vous parler. {brief}",
}
_TARGET_QUESTION: Final = {
    "en": "Press 1 or say yes to take the call. Press 2 or say no to decline.",
    "de": "Drücken Sie die 1, oder sagen Sie Ja, um den Anruf anzunehmen. Drücken Sie die 2, oder sagen Sie Nein, um "
    "ihn abzulehnen.",
    "es": "Pulse 1 o diga sí para aceptar la llamada. Pulse 2 o diga no para rechazarla.",
    "fr": "Appuyez sur 1 ou dites oui pour prendre l'appel. Appuyez sur 2 ou dites non pour refuser.",
}
# For languages in which spoken decisions are not recognized.
_TARGET_QUESTION_BY_KEY: Final = "Press 1 to take the call, or 2 to decline."
_CODES: Final = {
    "en": "This is the call that you asked for on our web pages. Your code is: {code}. Once more: {code}. If you did "
    "not ask for it, tell it to nobody. Goodbye.",
    "de": "Dies ist der Anruf, den Sie auf unseren Webseiten angefordert haben. Ihr Code lautet: {code}. Noch einmal: "
    "{code}. Wenn Sie ihn nicht angefordert haben, sagen Sie ihn niemandem. Auf Wiederhören.",
    "es": "Esta es la llamada que pidió en nuestra página web. Su código es: {code}. Otra vez: {code}. Si no lo ha "
    "pedido, no se lo diga a nadie. Adiós.",
    "fr": "Voici l'appel que vous avez demandé sur notre site. Votre code est : {code}. Encore une fois : {code}. Si "
    "vous ne l'avez pas demandé, ne le dites à personne. Au revoir.",
}
FALLBACK: Final = "en"


def make_refusal(
    reason: RefusalReason, language: str, call_id: UUID | None = None, text: str | None = None
) -> RefusedCall:
    """Returns the refusal with its announcement in this language, or in English if there is no translation.

    Args:
        language: BCP 47.
        text: The agent's own text, in its language.
    """
    if text is not None:
        return RefusedCall(reason, text, language, call_id)
    spoken = _supported(language)
    return RefusedCall(
        reason, _announcement(spoken, reason), language if spoken == language.partition("-")[0] else FALLBACK, call_id
    )


def make_code_announcement(code: str, language: str) -> RefusedCall:
    """Returns the announcement of a verification call: the digits one by one, twice."""
    spoken = _supported(language)
    text = _CODES[spoken].format(code=", ".join(code))
    return RefusedCall("code_call", text, language if spoken == language.partition("-")[0] else FALLBACK)


def make_busy_refusal(language: str, call_id: UUID | None = None) -> RefusedCall:
    """Returns the refusal for a call that no media node can take."""
    return make_refusal("all_busy", language, call_id)


def apology_text(language: str, english: str) -> str:
    """Returns the agent's first words after a lost media stream.

    Args:
        english: The setting, also used for languages without a translation.
    """
    return _APOLOGIES.get(language.partition("-")[0].lower(), english)


def transfer_failed_text(language: str) -> str:
    """Returns the sentence that the target of the transfer did not answer.

    Args:
        language: BCP 47; English if unknown.
    """
    return _TRANSFER_FAILED.get(language[:2].lower(), _TRANSFER_FAILED[FALLBACK])


def transfer_returned_text(language: str, failure: TransferFailure) -> str:
    """Returns the agent's first words to a caller whose transfer failed.

    Args:
        language: BCP 47; English if unknown.
    """
    return _TRANSFER_RETURNED.get(language[:2].lower(), _TRANSFER_RETURNED[FALLBACK])[failure]


def target_brief_text(language: str, brief: str) -> str:
    """Returns the first words to the target of a warm transfer.

    Args:
        language: BCP 47; English if unknown.
    """
    sentence = brief if not brief or brief[-1] in ".!?" else f"{brief}."
    return " ".join(_TARGET_BRIEF.get(language[:2].lower(), _TARGET_BRIEF[FALLBACK]).format(brief=sentence).split())


def target_question_text(language: str) -> str:
    """Returns the question to the target, who answers by key or by word.

    In languages without spoken decisions, the question is in English and asks for a key.
    """
    return _TARGET_QUESTION.get(language[:2].lower(), _TARGET_QUESTION_BY_KEY)


def transfer_ended_text(language: str) -> str:
    """Returns the sentence that tells a transferred caller that the call has to end.

    Args:
        language: BCP 47; English if unknown.
    """
    return _TRANSFER_ENDED.get(language[:2].lower(), _TRANSFER_ENDED[FALLBACK])


def _supported(language: str) -> str:
    base = language.partition("-")[0].lower()
    return base if base in _REFUSALS else FALLBACK


def _announcement(language: str, reason: RefusalReason) -> str:
    """Returns what the caller hears; empty for no announcement."""
    words = REFUSALS[reason].words
    return "" if words is None else _REFUSALS[language][words]
