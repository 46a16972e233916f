"""Filler sentences that the agent says while the caller waits, by language."""

from collections.abc import Mapping, Sequence
from typing import Final

_FILLERS: Final[Mapping[str, Sequence[str]]] = {
    "en": (
        "One moment, please.",
        "Thank you for waiting, I'm still on it.",
        "It takes a little longer, please hold on.",
    ),
    "de": (
        "Einen Moment, bitte.",
        "Danke für Ihre Geduld, ich bin noch dabei.",
        "Es dauert noch ein wenig, bitte bleiben Sie dran.",
    ),
    "es": (
        "Un momento, por favor.",
        "Gracias por esperar, sigo en ello.",
        "Tardará un poco más, no cuelgue, por favor.",
    ),
    "fr": (
        "Un instant, s'il vous plaît.",
        "Merci de patienter, je m'en occupe.",
        "Cela prend un peu plus de temps, ne quittez pas, s'il vous plaît.",
    ),
}

# Replaces the first filler if that filler was said last.
_OTHER_FIRST: Final[Mapping[str, str]] = {
    "en": "Just a second, please.",
    "de": "Eine Sekunde, bitte.",
    "es": "Un segundo, por favor.",
    "fr": "Une seconde, s'il vous plaît.",
}


def first_filler(language: str) -> str:
    """Return the first filler for tools without their own. Languages without fillers use English."""
    return (_fillers(language) or _FILLERS["en"])[0]


def more_fillers(language: str) -> Sequence[str]:
    """Return the fillers that follow the first one, in order. Returns an empty sequence for languages without
    fillers."""
    return _fillers(language)[1:]


def late_fillers(language: str) -> tuple[Sequence[str], Sequence[str]]:
    """Return the fillers for a late answer: alternating short first fillers, and the fillers that follow them.

    Languages without fillers use English.
    """
    language = language if _fillers(language) else "en"
    return (first_filler(language), _OTHER_FIRST[_base(language)]), more_fillers(language)


def _fillers(language: str) -> Sequence[str]:
    return _FILLERS.get(_base(language), ())


def _base(language: str) -> str:
    return language.partition("-")[0].lower()
