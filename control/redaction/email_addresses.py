"""Detection of e-mail addresses, written and spoken ("john dot smith at gmail dot com")."""

from collections.abc import Iterator, Sequence
from typing import Final

from control.redaction.number_words import may_be_number
from control.redaction.tokens import Token, word_set

# Spoken names of the @ sign, including misrecognized names such as "et" for the German "ät".
_AT: Final = word_set(
    "at arroba arobase arobas chiocciola chiocciolina apenstaartje apestaartje aapstaartje klammeraffe et"
)
_DOT: Final = word_set("dot period point punkt punto punt ponto")
_JOINT: Final = _DOT | word_set(
    "underscore dash hyphen minus unterstrich bindestrich guion tiret trattino streepje sublinhado plus"
)
_JOINT_SIGNS: Final = frozenset("._+-")
_TLDS: Final = word_set(
    "com org net edu gov info biz io co me de es fr it nl pt uk us eu ch at be br mx ca au ie in app dev ai tv email"
    " online cloud"
)
# Words before an address. The address begins after such a word unless a joint continues it. Also includes verbs after
# which "at" precedes a web site.
_BEFORE: Final = word_set(
    "is its it s that thats my your our the an a to and or so yes yeah okay ok um uh er hi hello well email mail e"
    " address adresse"
    " write send me us at on in under ist lautet meine die an und ja es mi correo la el y si est mon adresse le et oui"
    " mia e mail indirizzo sono si il mijn is het adres en ja meu minha endereco o sim"
    " look looking looked find found visit check go going order ordered shop shopping buy bought work works working"
    " website site page online was were are be store here there up out app account them him her you again"
    " we i met meet saw see seen registered signed"
)
# Maximum number of further words in the name before "at": first and last name spoken without "dot".
_MOST_NAMES: Final = 1
_MOST_PARTS: Final = 24


def is_at(token: Token) -> bool:
    """Return whether the token is the @ sign or a word for it."""
    return token.text == "@" or token.text in _AT


def find_email_addresses(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Yield the tokens (first, last) of each address.

    Each "at" is examined once, with a limited number of tokens around it.
    """
    for place, token in enumerate(tokens):
        if is_at(token):
            end = _domain_end(tokens, place + 1, is_sign=token.text == "@")
            start = _local_start(tokens, place, is_sign=token.text == "@") if end else place
            if end and start < place:
                yield start, end


def _domain_end(tokens: Sequence[Token], at: int, *, is_sign: bool) -> int:
    """Return the position of the address's last token, or 0 if no domain follows."""
    end, place, is_dotted = 0, at, False
    for place in range(at, min(at + _MOST_PARTS, len(tokens))):
        token = tokens[place]
        if is_sign and end and not _touches(tokens, place):
            break
        if token.text in _DOT or token.text == ".":
            if place == at or (token.text == "." and not _touches(tokens, place + 1)):
                return end
            is_dotted = True
        elif is_dotted:
            is_dotted = False
            if token.text in _TLDS or (is_sign and token.is_word):
                end = place
            elif end:
                break
        elif end and token.text not in _JOINT | _JOINT_SIGNS:
            break
        elif place - at >= 6 and not end:
            return 0
    return end


def _local_start(tokens: Sequence[Token], at: int, *, is_sign: bool) -> int:
    """Return the position of the address's first token, or the position of "at" if no name precedes it."""
    start, names, needs_name = at, 0, True
    for place in range(at - 1, max(-1, at - _MOST_PARTS), -1):
        token = tokens[place]
        if is_sign and start == at and not _touches(tokens, at):
            is_sign = False  # "john @ gmail.com"
        if is_sign and not _touches(tokens, place + 1):
            break
        if token.text in _JOINT or token.text in _JOINT_SIGNS:
            if needs_name:
                break
            needs_name = True
            continue
        is_spelled = len(token.text) == 1 or may_be_number(token)
        continues = start < at and (needs_name or len(tokens[start].text) == 1)
        if not is_sign and token.text in _BEFORE and not (is_spelled and continues):
            break
        if not needs_name and not is_spelled:
            names += 1
            if names > _MOST_NAMES:
                break
        start, needs_name = place, False
    return start


def _touches(tokens: Sequence[Token], place: int) -> bool:
    """Return whether a token directly follows the previous token, without a space."""
    if place >= len(tokens):
        return False
    before, token = tokens[place - 1], tokens[place]
    return before.utterance == token.utterance and before.end == token.start
