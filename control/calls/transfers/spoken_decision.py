"""Recognizes what the target of a warm transfer answers to the question whether they take the call. Pure functions.

Only an utterance that consists entirely of a decision counts, so that a mailbox's greeting does not. A missed decision
costs a second question, and a key works, too. A wrong decision would connect the caller to an empty line.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final, Literal

Decision = Literal["accepted", "declined"]
# The words as the carriers' recognizers write them, without accents, apostrophes and capitals. Digits are for people
# who say the key.
_ACCEPTED: Final[Mapping[str, Sequence[str]]] = {
    "en": (
        "yes", "yeah", "yep", "sure", "ok", "okay", "of course", "go ahead", "accept", "1", "one",
        "put (?:them|him|her|it|the caller) through", "connect (?:us|me|them|him|her)",
        "i(?: will|ll) take (?:it|the call|them|him|her)",
    ),
    "de": (
        "ja", "jawohl", "gern", "gerne", "klar", "ok", "okay", "in ordnung", "annehmen", "1", "eins", "ja klar",
        "(?:stellen|stell) (?:sie )?(?:ihn |sie |den anruf )?durch", "verbinden(?: sie)?(?: uns)?",
        "ich (?:nehme|nehm) (?:ihn |sie |das gesprach |den anruf )?an",
    ),
    "es": (
        "si", "claro", "vale", "de acuerdo", "ok", "okay", "por supuesto", "acepto", "1", "uno", "adelante",
        "paselo", "pasela", "pasemelo", "pasemela", "pase la llamada", "pongale", "conectenos",
    ),
    "fr": (
        "oui", "d accord", "ok", "okay", "bien sur", "j accepte", "1", "un", "allez y", "volontiers",
        "passez (?:le|la|les) moi", "passez moi l appel", "je (?:le|la|les) prends", "je prends l appel",
    ),
}  # fmt: skip
_DECLINED: Final[Mapping[str, Sequence[str]]] = {
    "en": (
        "no", "nope", "not now", "not today", "decline", "2", "two", "i cant", "i can not", "i cannot", "im busy",
        "i am busy", "not right now", "i cant right now",
    ),
    "de": (
        "nein", "ne", "nee", "jetzt nicht", "nicht jetzt", "gerade nicht", "ablehnen", "2", "zwei", "zwo",
        "ich kann (?:jetzt |gerade )?nicht", "(?:das )?passt (?:jetzt |gerade )?nicht",
    ),
    "es": ("no", "ahora no", "rechazo", "2", "dos", "no puedo", "no puedo ahora", "ahora no puedo"),
    "fr": (
        "non", "pas maintenant", "je refuse", "2", "deux", "je ne peux pas", "je peux pas",
        "je ne peux pas maintenant",
    ),
}  # fmt: skip
_POLITE: Final[Mapping[str, Sequence[str]]] = {
    "en": ("please", "thanks", "thank you", "sorry", "well", "uh", "um"),
    "de": ("bitte", "danke", "vielen dank", "leider", "also", "ah", "ahm"),
    "es": ("por favor", "gracias", "lo siento", "pues"),
    "fr": ("s il vous plait", "merci", "desole", "desolee", "euh"),
}
# Phrases that the recognizer should expect.
_HINTS: Final[Mapping[str, Sequence[str]]] = {
    "en": ("yes", "no", "put them through", "not now"),
    "de": ("ja", "nein", "stellen Sie durch", "jetzt nicht"),
    "es": ("sí", "no", "pase la llamada", "ahora no"),
    "fr": ("oui", "non", "passez-moi l'appel", "pas maintenant"),
}
_LONGEST: Final = 100


def takes_words(language: str) -> bool:
    """Returns whether spoken decisions are recognized in this language (BCP 47). In other languages only keys count."""
    return _base(language) in _HINTS


def hints_for(language: str) -> Sequence[str]:
    """Returns phrases that a recognizer should expect, in a language of `takes_words`."""
    return _HINTS.get(_base(language), ())


def read_decision(words: str, language: str) -> Decision | None:
    """Returns the decision in an utterance; None if there is no decision, or both.

    Args:
        words: One utterance, as a recognizer wrote it.
    """
    if len(words) > _LONGEST:
        return None
    plain, base = _plain(words), _base(language)
    if _consists_of(plain, _ACCEPTED.get(base, ()), _POLITE.get(base, ())):
        return "accepted"
    return "declined" if _consists_of(plain, _DECLINED.get(base, ()), _POLITE.get(base, ())) else None


def _consists_of(plain: str, phrases: Sequence[str], polite: Sequence[str]) -> bool:
    """Returns whether the text contains at least one of the phrases, and otherwise only polite words."""
    if not phrases:
        return False
    wanted, other = "|".join(phrases), "|".join(polite)
    return re.fullmatch(rf"(?:(?:{other}) )*(?:(?:{wanted}) )(?:(?:{wanted}|{other}) )*", f"{plain} ") is not None


def _plain(text: str) -> str:
    """Returns the text in lowercase without accents, with single spaces. "I'll" becomes "ill", and "l'appel" two
    words.
    """
    bare = "".join(
        character for character in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(character)
    )
    joined = re.sub(r"\b(i|im|cant|can)['\u2019](ll|m|t)\b", r"\1\2", bare)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", joined).split())


def _base(language: str) -> str:
    return language[:2].lower()
