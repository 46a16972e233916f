"""What a caller is told who is not put through to an agent."""

from typing import Final
from uuid import UUID

from control.calls.model import Refused, Why

_WORDS: Final[dict[str, dict[Why, str]]] = {
    "en": {
        "unknown_number": "Sorry, this number is not in service at the moment. Goodbye.",
        "suspended": "Sorry, we cannot take calls at the moment. Please try again later. Goodbye.",
        "over_limit": "Sorry, all our lines are busy at the moment. Please call again in a few minutes. Goodbye.",
        "all_busy": "Sorry, all our lines are busy at the moment. Please call again in a few minutes. Goodbye.",
        "unusable": "Sorry, we cannot take your call at the moment. Please try again later. Goodbye.",
        "cut_off": "Sorry, this call cannot go on at the moment. If you still need us, please call again in a few "
        "minutes. Goodbye.",
    },
    "de": {
        "unknown_number": "Leider ist diese Nummer zurzeit nicht erreichbar. Auf Wiederhören.",
        "suspended": "Leider können wir zurzeit keine Anrufe annehmen. Bitte versuchen Sie es später noch einmal. "
        "Auf Wiederhören.",
        "over_limit": "Leider sind zurzeit alle Leitungen belegt. Bitte rufen Sie in einigen Minuten noch einmal an. "
        "Auf Wiederhören.",
        "all_busy": "Leider sind zurzeit alle Leitungen belegt. Bitte rufen Sie in einigen Minuten noch einmal an. "
        "Auf Wiederhören.",
        "unusable": "Leider können wir Ihren Anruf zurzeit nicht annehmen. Bitte versuchen Sie es später noch einmal. "
        "Auf Wiederhören.",
        "cut_off": "Leider kann dieses Gespräch zurzeit nicht weitergehen. Wenn Sie uns noch brauchen, rufen Sie bitte "
        "in einigen Minuten noch einmal an. Auf Wiederhören.",
    },
    "es": {
        "unknown_number": "Lo sentimos, este número no está disponible en este momento. Adiós.",
        "suspended": "Lo sentimos, no podemos atender llamadas en este momento. Inténtelo más tarde. Adiós.",
        "over_limit": "Lo sentimos, todas las líneas están ocupadas. Vuelva a llamar en unos minutos. Adiós.",
        "all_busy": "Lo sentimos, todas las líneas están ocupadas. Vuelva a llamar en unos minutos. Adiós.",
        "unusable": "Lo sentimos, no podemos atender su llamada en este momento. Inténtelo más tarde. Adiós.",
        "cut_off": "Lo sentimos, esta llamada no puede continuar en este momento. Si aún nos necesita, vuelva a llamar "
        "en unos minutos. Adiós.",
    },
    "fr": {
        "unknown_number": "Désolé, ce numéro n'est pas en service pour le moment. Au revoir.",
        "suspended": "Désolé, nous ne pouvons pas prendre d'appels pour le moment. Veuillez réessayer plus tard. "
        "Au revoir.",
        "over_limit": "Désolé, toutes nos lignes sont occupées. Veuillez rappeler dans quelques minutes. Au revoir.",
        "all_busy": "Désolé, toutes nos lignes sont occupées. Veuillez rappeler dans quelques minutes. Au revoir.",
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
FALLBACK: Final = "en"


def refused(why: Why, language: str, call_id: UUID | None = None) -> Refused:
    """In the caller's language where we have it, else in English. language: BCP 47."""
    spoken = _known(language)
    return Refused(why, _WORDS[spoken][why], language if spoken == language.partition("-")[0] else FALLBACK, call_id)


def busy(language: str, call_id: UUID | None = None) -> Refused:
    """No media node has room."""
    return refused("all_busy", language, call_id)


def apology(language: str, english: str) -> str:
    """An agent's first words after a loss. english: as the setting has it, also for languages that we lack."""
    return _APOLOGIES.get(language.partition("-")[0].lower(), english)


def _known(language: str) -> str:
    base = language.partition("-")[0].lower()
    return base if base in _WORDS else FALLBACK
