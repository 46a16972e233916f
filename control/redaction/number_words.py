"""How the numbers 0 to 999 are spoken in each language, made by rule, and how digits are read from words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from control.redaction.tokens import Token, normalize

# By language: the words of 0 to 19 (alternatives with a slash), then those of 20, 30 … 90.
_BASE: Final[Mapping[str, tuple[str, str]]] = {
    "en": (
        "zero/oh/o/nought/nil one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
        " sixteen seventeen eighteen nineteen",
        "twenty thirty forty/fourty fifty sixty seventy eighty ninety",
    ),
    "de": (
        "null eins zwei/zwo drei vier fünf/fuenf sechs sieben acht neun zehn elf zwölf/zwoelf dreizehn vierzehn"
        " fünfzehn/fuenfzehn sechzehn siebzehn achtzehn neunzehn",
        "zwanzig dreißig vierzig fünfzig/fuenfzig sechzig siebzig achtzig neunzig",
    ),
    "es": (
        "cero uno/un/una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis"
        " diecisiete dieciocho diecinueve",
        "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    ),
    "fr": (
        "zéro un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix+sept"
        " dix+huit dix+neuf",
        "vingt trente quarante cinquante soixante septante huitante/octante nonante",
    ),
    "it": (
        "zero uno/un/una due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici"
        " sedici diciassette diciotto diciannove",
        "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    ),
    "nl": (
        "nul een/één twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien"
        " zeventien achttien negentien",
        "twintig dertig veertig vijftig zestig zeventig tachtig negentig",
    ),
    "pt": (
        "zero um/uma dois/duas três quatro cinco seis/meia sete oito nove dez onze doze treze catorze/quatorze quinze"
        " dezesseis/dezasseis dezessete/dezassete dezoito dezenove/dezanove",
        "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    ),
}
LANGUAGES: Final = tuple(_BASE)
# Numbers that a recognizer writes as common English words: "for one one one". Only a check digit distinguishes them.
MISHEARD: Final = "en-misheard"
_HOMOPHONES: Final[Mapping[str, str]] = {"for": "4", "fore": "4", "to": "2", "too": "2", "won": "1", "ate": "8"}
# Hundreds whose words are no unit before a word for 100, from 100 to 900.
_HUNDREDS: Final[Mapping[str, str]] = {
    "es": "cien/ciento doscientos/doscientas trescientos/trescientas cuatrocientos/cuatrocientas quinientos/quinientas"
    " seiscientos/seiscientas setecientos/setecientas ochocientos/ochocientas novecientos/novecientas",
    "pt": "cem/cento duzentos/duzentas trezentos/trezentas quatrocentos/quatrocentas quinhentos/quinhentas"
    " seiscentos/seiscentas setecentos/setecentas oitocentos/oitocentas novecentos/novecentas",
}
_REPEATS: Final[Mapping[str, int]] = {
    "double": 2, "triple": 3, "treble": 3, "quadruple": 4, "doppelt": 2, "doppel": 2, "dreifach": 3, "doble": 2,
    "doppio": 2, "triplo": 3, "dubbel": 2, "dubbele": 2, "duplo": 2,
}  # fmt: skip
# Digits of one number are a run of at most so many. A longer token of digits is no number that is looked for.
LONGEST_GROUP: Final = 40
Trie = dict[str, Any]


class DigitGroup(NamedTuple):
    """Digits that were written or spoken as one number.

    Attributes:
        first, last: Places of its tokens in the stream.
    """

    digits: str
    first: int
    last: int


def read_digits(tokens: Sequence[Token], language: str) -> list[DigitGroup]:
    """Return the numbers in a stream of tokens, as digits; "forty-one eleven" is 41 and 11, "double four" is 44.

    Args:
        language: Of LANGUAGES, or MISHEARD.
    """
    words = [place for place, token in enumerate(tokens) if token.is_word]
    trie, found, at = _TRIES[language], [], 0
    while at < len(words):
        text = tokens[words[at]].text
        if text not in trie and text not in _REPEATS and not text.isdigit():
            at += 1
            continue
        repeat = _REPEATS.get(text, 1)
        start = at + 1 if repeat > 1 and at + 1 < len(words) else at
        digits, used = _read_number(tokens, words, start, trie)
        if used and (len(digits) == 1 or start == at):
            found.append(DigitGroup(digits * (repeat if start > at else 1), words[at], words[start + used - 1]))
            at = start + used
        else:
            at += 1
    return found


def may_be_number(token: Token) -> bool:
    """Return whether a token has a digit, or is a part of a number in any of the languages."""
    return token.text in _ALL_WORDS or any(map(str.isdigit, token.text))


def _read_number(tokens: Sequence[Token], words: Sequence[int], at: int, trie: Trie) -> tuple[str, int]:
    """Return the longest number that begins at this word: its digits, and how many words it has; ("", 0) for none."""
    text = tokens[words[at]].text
    if text.isdigit() and text.isascii():
        return (text, 1) if len(text) <= LONGEST_GROUP else ("", 0)
    node: Trie | None = trie
    best, used = "", 0
    utterance = tokens[words[at]].utterance
    for count, place in enumerate(words[at : at + _DEEPEST], 1):
        node = node.get(tokens[place].text) if node and tokens[place].utterance == utterance else None
        if node is None:
            break
        if "" in node:
            best, used = node[""], count
    return best, used


def _alternatives(words: str) -> list[list[str]]:
    return [[normalize(alternative) for alternative in word.split("/")] for word in words.split()]


def _phrases(language: str) -> Iterator[tuple[str, int]]:
    """Yield all phrases with their numbers. Words are separated by "+"."""
    below_20, tens = map(_alternatives, _BASE[language])
    numbers: list[list[str]] = [*below_20]
    for names in tens:
        for unit in range(10):
            units = below_20[unit] if unit else [""]
            numbers.append(
                [compound for ten in names for name in units for compound in _compounds(language, ten, name, unit)]
            )
    if language == "fr":
        numbers = _french(numbers[:70], below_20)
    for number, spoken in enumerate(numbers):
        yield from ((phrase, number) for phrase in spoken)
    yield from _hundreds(language, numbers)


def _french(numbers: Sequence[list[str]], below_20: Sequence[list[str]]) -> list[list[str]]:
    """70 to 99 by twenties, and by the words of Belgium and Switzerland."""
    tens = {7: ["septante"], 8: ["huitante", "octante"], 9: ["nonante"]}
    spoken = [list(names) for names in numbers[:70]]
    for number in range(70, 100):
        ten, unit = divmod(number, 10)
        units = below_20[unit] if unit else [""]
        more = [compound for name in tens[ten] for word in units for compound in _compounds("fr", name, word, unit)]
        base, rest = ("soixante", number - 60) if number < 80 else ("quatre+vingt", number - 80)
        if rest:
            more += [f"{base}+{word}" for word in below_20[rest]]
            more += [f"{base}s+{word}" for word in below_20[rest] if number >= 80]
            more += ["soixante+et+onze"] if number == 71 else []
        else:
            more += ["quatre+vingt", "quatre+vingts"]
        spoken.append(more)
    return spoken


def _compounds(language: str, ten: str, unit: str, number: int) -> list[str]:
    """Ten and unit as one number: number is the unit's."""
    if not number:
        return [ten]
    match language:
        case "de":
            name = "ein" if number == 1 else unit
            return [f"{name}und{ten}", f"{name}+und+{ten}"]
        case "nl":
            return [f"{unit}en{ten}", f"{unit}+en+{ten}"]
        case "es":
            return [f"{ten}+y+{unit}", *([f"veinti{unit}"] if ten == "veinte" else [])]
        case "it":
            return [(ten[:-1] if number in (1, 8) else ten) + unit]
        case "pt":
            return [f"{ten}+e+{unit}"]
        case "fr":
            return [f"{ten}+{unit}", *([f"{ten}+et+{unit}"] if number == 1 else [])]
    return [f"{ten}+{unit}", f"{ten}{unit}"]


def _hundreds(language: str, numbers: Sequence[Sequence[str]]) -> Iterator[tuple[str, int]]:
    units = [[""], *numbers[1:10]]
    names = _alternatives(_HUNDREDS[language]) if language in _HUNDREDS else []
    for hundred in range(1, 10):
        for rest in range(100):
            ends = numbers[rest] if rest else [""]
            for end in ends:
                heads = names[hundred - 1] if names else units[hundred]
                yield from (
                    (phrase, 100 * hundred + rest) for head in heads for phrase in _hundred(language, head, end)
                )


def _hundred(language: str, head: str, end: str) -> list[str]:
    if language in ("de", "nl", "it"):
        word = {"de": "hundert", "nl": "honderd", "it": "cento"}[language]
        heads = [head + word, *([word] if head in ("eins", "een", "uno") else [])]
        heads += [f"ein{word}"] if head == "eins" else []
        return [begin + end.replace("+", "") for begin in heads]
    if language == "pt":
        return [f"{head}+e+{end}" if end else head]
    if language == "es":
        return [f"{head}+{end}" if end else head]
    if language == "fr":
        heads = ["cent"] if head in ("un", "une") else [f"{head}+cent", f"{head}+cents"]
        return [f"{begin}+{end}" if end else begin for begin in heads]
    return [f"{head}+hundred+{end}", f"{head}+hundred+and+{end}"] if end else [f"{head}+hundred"]


def _make_trie(language: str) -> Trie:
    root: Trie = {}
    for phrase, number in _phrases(language):
        node = root
        for word in phrase.split("+"):
            node = node.setdefault(word, {})
        node.setdefault("", str(number))
    return root


def _depth(trie: Trie) -> int:
    return 1 + max((_depth(node) for word, node in trie.items() if word), default=-1) if trie else 0


_TRIES: Final = {language: _make_trie(language) for language in LANGUAGES}
_TRIES[MISHEARD] = _TRIES["en"] | {word: {"": digit} for word, digit in _HOMOPHONES.items()}
_DEEPEST: Final = 1 + max(map(_depth, _TRIES.values()))
_ALL_WORDS: Final = frozenset(word for language in LANGUAGES for word in _TRIES[language]) | frozenset(_REPEATS)
