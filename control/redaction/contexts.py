"""Keywords that reveal what kind of number follows, where the digits alone do not reveal it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from control.redaction.tokens import Token, normalize


def _phrases(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(normalize(word) for word in phrase.split()) for phrase in text.split(","))


CARD: Final = _phrases(
    "card,cards,credit card,debit card,visa,mastercard,amex,kreditkarte,kreditkartennummer,kartennummer,tarjeta,carte"
    " bancaire,carte bleue,carte de crédit,numéro de carte,carta di credito,numero della carta,carta,creditcard,"
    "creditcardnummer,kaartnummer,betaalkaart,cartão,karte"
)
SECURITY_CODE: Final = _phrases(
    "cvv,cvc,cvn,csc,cvv2,cvc2,c v v,c v c,c v two,cv v,security code,card code,"
    "back of the card,back of my card,on the back,prüfnummer,prüfziffer,kartenprüfnummer,sicherheitscode,"
    "sicherheitsnummer,código de seguridad,"
    "código seguridad,cryptogramme,code de sécurité,numéro au dos,codice di sicurezza,codice sicurezza,codice cvv,"
    "beveiligingscode,veiligheidscode,código de segurança"
)
NATIONAL_ID: Final = _phrases(
    "social security,social,ssn,s s n,national insurance,ni number,tax id,tax number,taxpayer,itin,steuer id,steuer"
    " identifikationsnummer,steueridentifikationsnummer,steuernummer,sozialversicherungsnummer,dni,nie,nif,sécurité"
    " sociale,numéro de sécu,codice fiscale,bsn,burgerservicenummer,sofinummer,cpf,contribuinte,identity number,"
    "national id"
)
# A number within this many turns (of both speakers) after the keywords belongs to them.
REACH: Final = 3
_LONGEST: Final = 4


class KeywordContext:
    """The positions of a concept's keywords in a conversation, in the turns of both speakers.

    Computed at the first query.
    """

    def __init__(self, tokens: Sequence[Token], phrases: frozenset[tuple[str, ...]]) -> None:
        """Store the conversation and the keywords.

        Args:
            tokens: The tokens of all speakers, in order.
        """
        self._tokens, self._phrases = tokens, phrases

    def holds(self, token: Token) -> bool:
        """Return whether the keywords are in this token's turn ("123 is the security code") or shortly before it."""
        return not self._turns.isdisjoint(range(token.utterance - REACH, token.utterance + 1))

    @cached_property
    def _turns(self) -> frozenset[int]:
        heads = {phrase[0] for phrase in self._phrases}
        words = [token for token in self._tokens if token.is_word]
        return frozenset(
            word.utterance
            for at, word in enumerate(words)
            if word.text in heads and self._begins(words[at : at + _LONGEST])
        )

    def _begins(self, words: Sequence[Token]) -> bool:
        texts = tuple(word.text for word in words)
        return any(texts[:size] in self._phrases for size in range(1, len(texts) + 1))
