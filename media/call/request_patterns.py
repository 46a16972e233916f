"""How callers ask for a person, and say that they do not want to be recorded, in the languages of `phrases`. Pure.

Texts are matched sentence by sentence: lower-case, without accents and punctuation, `n't` as `nt`. A pattern must not
match a report ("a person called me", "I spoke to an agent"), a refusal ("I don't want to talk to a person") or a
question about the agent ("are you a person?"): the model answers those.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_CONTRACTED: Final = re.compile(r"(?<=\w)n['\u2019]t\b")
_NO_WORD: Final = re.compile(r"[^\w\s]|_")
_SENTENCE_END: Final = re.compile(r"[.!?;:¿¡…\n]+")


@dataclass(frozen=True, slots=True)
class RequestPatterns:
    """person: asks to talk to a person. not_person: cancels that. refusal: does not want to be recorded. amount: words
    of the agent's after which "a person" is a number. courtesy: words that change nothing."""

    person: re.Pattern[str]
    not_person: re.Pattern[str]
    refusal: re.Pattern[str]
    amount: re.Pattern[str]
    courtesy: re.Pattern[str]


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(patterns) + r")\b")


_EN_REAL: Final = r"(?:(?:real|actual|live|human) (?:person|human being|human|agent|operator|someone|somebody|voice))"
_EN_PERSON: Final = (
    rf"(?:{_EN_REAL}|person|human being|human(?! resources)|representative|rep|operator|agent|manager|supervisor"
    r"|receptionist|colleague|member of staff|staff member|employee|(?:someone|somebody) (?:real|human|else))"
)
_EN_WHICH: Final = r"(?:a|an|the|some|any|another|your|one of your)"
_DE_PERSON: Final = (
    r"(?:menschen|person|mitarbeiter(?:in|n)?|kollegen|kollegin|kundenberater(?:in)?|berater(?:in)?"
    r"|sachbearbeiter(?:in)?|angestellten|vorgesetzten?|jemand(?:em|en)? (?:echte[mn]|richtige[mn]|anderem?))"
)
_DE_WHICH: Final = r"(?:einem|einer|einen|eine|nem|ner|nen|ne|dem|der|den|ihrem|ihrer|ihren)"
_DE_KIND: Final = r"(?:(?:echt|richtig|menschlich|lebend|lebendig|ander)e[nrms]?)"
_ES_PERSON: Final = (
    r"(?:persona|humano|humana|ser humano|operadora?|agente|representante|asesora?|emplead[oa]|companer[oa]"
    r"|recepcionista|encargad[oa]|supervisora?|alguien (?:real|humano|de verdad))"
)
_ES_WHICH: Final = r"(?:una?|algun|alguna|el|la|otra|otro|su)"
_FR_PERSON: Final = (
    r"(?:personne|humain|etre humain|operateur|operatrice|conseiller|conseillere|agent|collegue|employee?|responsable"
    r"|receptionniste|standardiste|interlocuteur|quelqu un (?:de reel|d humain|d autre))"
)
_FR_WHICH: Final = r"(?:une?|l|le|la|votre|un de vos|un autre|une autre)"

_PATTERNS: Final[Mapping[str, RequestPatterns]] = {
    "en": RequestPatterns(
        person=re.compile(
            rf"\b(?:speak|talk|chat) (?:to|with) (?:{_EN_WHICH} )?(?!my |our |his |her |their )(?:\w+ )?{_EN_PERSON}\b"
            r"|\b(?:connect|transfer|forward|put|get|pass) (?:me|us)(?: \w+)? (?:to|with)"
            rf" (?:{_EN_WHICH} )?{_EN_PERSON}\b"
            rf"|^(?:\w+ ){{0,5}}?(?:get|give|want|need|like|prefer|(?:can|could) (?:i|we) have) (?:me )?"
            rf"{_EN_WHICH} {_EN_PERSON}$"
            rf"|^(?:an?|the|any)? ?(?:{_EN_REAL}|person|human being|human|representative|rep|operator|agent)$"
            r"|^(?:(?:can|could|would|will) you )?(?:put (?:me|us) through|transfer (?:me|us)|connect (?:me|us))$"
        ),
        not_person=_any_of(
            r"(?:dont|do not|doesnt|didnt|not|never|without|rather than|instead of|no need|do i have to|used to)"
            r" (?:\w+ ){0,3}?(?:speak|talk|chat|want|need|connect|transfer|like)",
            r"(?:when|after|if|because|who) (?:i|we) (?:talk|speak)",
            r"(?:they|he|she|somebody|someone) (?:just )?(?:put|pass) (?:me|us)",
        ),
        refusal=_any_of(
            r"(?:do not|dont) (?:please )?record(?! (?:of|for|from))",
            r"stop (?:the |this )?recording",
            r"(?:do not|dont|not) (?:want|like|wish|agree|consent|allow)(?: \w+){0,4} (?:recorded|recording|to record)",
            r"(?:not|rather not|not to) be(?:ing)? recorded",
            r"without (?:the |a |any |being )?(?:recorded|recording)",
            r"(?:turn|switch) (?:off )?the recording(?: off)?|^no recording",
        ),
        amount=_any_of("how many", "how large", "party of", "number of"),
        courtesy=_any_of("please|thanks|thank you|uh|um|er|oh|well|sorry|just|hi|hello"),
    ),
    "de": RequestPatterns(
        person=re.compile(
            rf"\bmit (?:{_DE_WHICH} )?(?:{_DE_KIND} )?{_DE_PERSON}"
            r" (?:\w+ )?(?:sprechen|reden|verbinden|verbunden|telefonieren)"
            rf"|\bverbinden sie (?:mich|uns)(?: bitte)?(?: mit (?:{_DE_WHICH} )?(?:{_DE_KIND} )?{_DE_PERSON})?$"
            r"|\bstellen sie (?:mich|uns)(?: bitte)? durch|\b(?:mich|uns)(?: bitte)? (?:durchstellen|verbinden)$"
            r"|^(?:\w+ ){0,4}?(?:mochte|will|brauche|hatte gern|geben sie mir)"
            rf" {_DE_WHICH} (?:{_DE_KIND} )?{_DE_PERSON}$"
            rf"|^(?:{_DE_WHICH} )?(?:{_DE_KIND} )?(?:menschen|person)$|^mit einem (?:{_DE_KIND} )?menschen$"
            rf"|^{_DE_WHICH} (?:{_DE_KIND} )?(?:mitarbeiter(?:in)?|berater(?:in)?)$"
        ),
        not_person=_any_of(
            r"(?:nicht|nie|kein\w*|ohne|statt|anstatt) (?:\w+ ){0,4}?(?:mit|menschen|person|mitarbeiter\w*|verbinden)",
        ),
        refusal=_any_of(
            r"nicht (?:\w+ ){0,2}?(?:aufzeichnen|mitschneiden)|bitte nicht aufnehmen"
            r"|(?:gesprach|anruf|telefonat|das) (?:\w+ )?nicht (?:\w+ ){0,2}?aufnehmen",
            r"(?:mochte|will) (?:\w+ ){0,3}?nicht (?:\w+ ){0,4}?(?:aufgenommen|aufgezeichnet|mitgeschnitten)",
            r"(?:nehmen|zeichnen|schneiden) sie (?:\w+ ){0,3}?nicht (?:auf|mit)",
            r"(?:keine|ohne) (?:aufnahme|aufzeichnung|mitschnitt)|keinen mitschnitt",
            r"(?:aufnahme|aufzeichnung) (?:\w+ )?(?:stoppen|beenden|ausschalten|abschalten)",
            r"(?:stoppen|beenden) sie (?:bitte )?die (?:aufnahme|aufzeichnung)",
            r"(?:aufnahme|aufzeichnung)(?: \w+){0,2} nicht (?:zu|einverstanden)"
            r"|nicht (?:mit der|der) (?:aufnahme|aufzeichnung)",
        ),
        amount=_any_of("wie viele", "wie vielen", "wieviele", "anzahl"),
        courtesy=_any_of("bitte|danke|vielen dank|ah|ahm|also|ja|hallo|guten tag"),
    ),
    "es": RequestPatterns(
        person=re.compile(
            rf"\b(?:hablar|comunicar(?:me|nos)|comunique(?:me|nos)|pas(?:e|a|ar)(?:me|nos)|pon(?:ga|er)(?:me|nos)"
            rf"|transf(?:iera|erir)(?:me|nos)|conect(?:e|ar)(?:me|nos)) con (?:{_ES_WHICH} )?{_ES_PERSON}"
            rf"|^(?:\w+ ){{0,3}}?(?:quiero|necesito|quisiera|prefiero) (?:a )?{_ES_WHICH} {_ES_PERSON}"
            r"(?: (?:real|humana|humano|de verdad))?$"
            rf"|^(?:con )?(?:{_ES_WHICH} )?{_ES_PERSON}(?: (?:real|humana|humano|de verdad))?$"
        ),
        not_person=_any_of(
            r"(?:no|nunca|sin|en vez de|en lugar de) (?:\w+ ){0,3}?(?:hablar|quiero|necesito|pas\w+|comuni\w+)",
        ),
        refusal=_any_of(
            r"no (?:(?:me|nos|lo|la|esto) )?grab(?:e|es|en|ar)(?: (?:esto|la llamada|mi voz))?",
            r"no (?:quiero|deseo|acepto|autorizo|permito)(?: \w+){0,4} grab(?:e|en|ar|ado|ada|acion)",
            r"sin (?:grabar|grabacion)|ninguna grabacion",
            r"(?:pare|detenga|deje de|apague|desactive) (?:la )?graba(?:r|cion)",
        ),
        amount=_any_of("cuantos", "cuantas", "numero de"),
        courtesy=_any_of("por favor|gracias|eh|pues|hola|buenos dias|perdon"),
    ),
    "fr": RequestPatterns(
        person=re.compile(
            rf"\b(?:parler|discuter) (?:a|avec) (?:{_FR_WHICH} )?(?:vraie? |autre )?{_FR_PERSON}"
            rf"|\b(?:passez|passer|donnez|mettez|transferez|connectez) (?:moi|nous)"
            rf" (?:a |avec |en relation avec |en contact avec |vers )?(?:{_FR_WHICH} )?(?:vraie? |autre )?{_FR_PERSON}"
            rf"|\bme passer (?:{_FR_WHICH} )?(?:vraie? |autre )?{_FR_PERSON}"
            rf"|^(?:\w+ ){{0,3}}?(?:veux|voudrais|souhaite|prefere) {_FR_WHICH} (?:vraie? |autre )?{_FR_PERSON}"
            r"(?: (?:reelle?|humaine?))?$"
            rf"|^une? (?:vraie? )?{_FR_PERSON}(?: (?:reelle?|humaine?))?$|^(?:operateur|operatrice|conseiller)$"
        ),
        not_person=_any_of(
            r"(?:ne|n|sans|au lieu de|plutot que de) (?:\w+ ){0,3}?(?:parler|veux|voudrais|souhaite|besoin|discuter)",
        ),
        refusal=_any_of(
            r"(?:ne |n )(?:\w+ )?enregistre[zr]? (?:moi )?pas|n enregistrez (?:pas|rien)",
            r"(?:veux|voudrais|souhaite|desire|accepte|prefere) pas (?:\w+ ){0,5}?enregistr\w+|pas d enregistrement",
            r"sans (?:enregistrement|enregistrer|etre enregistree?)",
            r"(?:arretez|stoppez|coupez|desactivez) (?:l |d )?enregistre(?:ment|r)",
        ),
        amount=_any_of("combien", "nombre de"),
        courtesy=_any_of("s il vous plait|s il te plait|merci|euh|alors|bonjour|allo|oui"),
    ),
}


def patterns_for(language: str) -> RequestPatterns | None:
    """The patterns of a language (BCP 47); None where there are none."""
    return _PATTERNS.get(language.partition("-")[0].lower())


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in the form that the patterns have."""
    return [plain for one in _SENTENCE_END.split(text) if (plain := plain_text(one))]


def plain_text(text: str) -> str:
    """Lower-case words without accents and punctuation."""
    letters = unicodedata.normalize("NFKD", _CONTRACTED.sub("nt", text.casefold()))
    return " ".join(_NO_WORD.sub(" ", "".join(one for one in letters if not unicodedata.combining(one))).split())


def without_courtesy(sentence: str, patterns: RequestPatterns) -> str:
    """The sentence without words that change nothing."""
    return " ".join(patterns.courtesy.sub(" ", sentence).split())
