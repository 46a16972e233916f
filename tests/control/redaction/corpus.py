"""What people say and write when they give a number or an address, made by hand. « and » enclose what must go.

The card numbers are test numbers of card companies; the ids are made up, with valid check digits. A text per turn: c is
the caller, a the agent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from control.redaction.finder import RedactionKind, SpokenText, placeholder


@dataclass(frozen=True, slots=True)
class Example:
    """turns: with marks, each with its speaker before a colon."""

    language: str
    kind: RedactionKind
    turns: Sequence[str]

    @property
    def texts(self) -> list[SpokenText]:
        """As they come."""
        return [SpokenText(turn[0], turn[2:].replace("«", "").replace("»", "")) for turn in self.turns]

    @property
    def redacted(self) -> list[str]:
        """As they must be kept."""
        return ["".join(self._pieces(turn[2:])) for turn in self.turns]

    def _pieces(self, text: str) -> Iterator[str]:
        head, *rest = text.split("«")
        yield head
        for part in rest:
            yield placeholder(self.kind) + part.partition("»")[2]


def _examples(language: str, kind: RedactionKind, calls: Sequence[str]) -> list[Example]:
    return [Example(language, kind, call.split(" | ")) for call in calls]


_CARDS: Final = [
    *_examples(
        "en",
        "card_number",
        [
            "c:it's «4111 1111 1111 1111» thanks",
            "c:«4111111111111111»",
            "c:«4111-1111-1111-1111», expiring in June",
            "c:American Express, «3782 822463 10005»",
            "c:my card is «four one one one one one one one one one one one one one one one»",
            "c:«four one double one triple one one double one triple one triple one»",
            "c:«forty-one eleven eleven eleven eleven eleven eleven eleven»",
            "c:«five five five five five five five five five five five five four four four four»",
            "c:sure «four oh one two, eight eight eight eight, eight eight eight eight, one eight eight one»",
            "c:«four one one one» | a:Go on. | c:«one one one one» | a:Yes. | c:«one one one one» | a:And the rest? "
            "| c:«one one one one»",
            "c:«four one one one um one one one one» | a:Mm-hm. | c:and then «one one one one uh one one one one»",
            "c:«four one one one one one one one» | a:Sorry? | c:hold on, let me get my glasses | a:Of course. "
            "| c:okay «one one one one one one one one»",
            "c:«four one one one one one one one one one one one one one two, no, one one»",
            "c:«four one one one one one one one one one one one one one one two» | a:Two? | c:sorry, no, «one one»",
            "c:«4111 1111 one moment 1111 1111»",
            "a:So that is «four one one one one one one one» | c:yes | a:and «one one one one one one one one», right?",
            "c:«4111 1111 1111» | a:One more time, the last four? | c:«1111»",
            "c:my credit card number is «four one one one one one one one one one one one one one two»",
            "c:the card number is «1234 5678 9012 3456»",
            "a:Your card number? | c:it's «for one one one one one one one one one one one one won one one»",
            "c:Debit: «6011 1111 1111 1117».",
            "c:«thirty seven eighty two eighty two twenty four sixty three one hundred oh five»",
        ],
    ),
    *_examples(
        "de",
        "card_number",
        [
            "c:die Nummer ist «vier eins eins eins eins eins eins eins eins eins eins eins eins eins eins eins»",
            "c:«einundvierzig elf elf elf elf elf elf elf»",
            "c:«fünfundfünfzig fünfundfünfzig fünfundfünfzig fünfundfünfzig fünfundfünfzig fünfundfünfzig"
            " vierundvierzig vierundvierzig»",
            "c:«vier eins eins eins eins eins eins eins» | a:Ja? | c:ähm «eins eins eins eins eins eins eins eins»",
            "c:«vier eins eins eins eins eins eins eins eins eins eins eins eins eins eins zwo nein eins»",
        ],
    ),
    *_examples(
        "es",
        "card_number",
        [
            "c:mi tarjeta es la «cuatro uno uno uno uno uno uno uno uno uno uno uno uno uno uno uno»",
            "c:«cuarenta y uno once once once once once once once»",
            "c:«cuarenta y uno once once once» | a:Dígame. | c:y «once once once once»",
        ],
    ),
    *_examples(
        "fr",
        "card_number",
        [
            "c:c'est le «quarante et un onze onze onze onze onze onze onze»",
            "c:«quatre un un un un un un un un un un un un un un un»",
            "c:numéro «quarante et un onze, onze onze, onze onze, onze onze»",
            "c:«quarante-neuf quatre-vingt-dix-sept soixante-quatorze quatre-vingt-onze zéro zéro zéro zéro zéro zéro"
            " zéro huit»",
        ],
    ),
    *_examples(
        "it",
        "card_number",
        [
            "c:la carta è «quattro uno uno uno uno uno uno uno uno uno uno uno uno uno uno uno»",
            "c:«quarantuno undici undici undici undici undici undici undici»",
        ],
    ),
    *_examples(
        "nl",
        "card_number",
        [
            "c:«vier een een een een een een een een een een een een een een een»",
            "c:«eenenveertig elf elf elf elf elf elf elf»",
        ],
    ),
    *_examples(
        "pt",
        "card_number",
        [
            "c:o cartão é «quatro um um um um um um um um um um um um um um um»",
            "c:«quarenta e um onze onze onze onze onze onze onze»",
        ],
    ),
]
_CODES: Final = [
    *_examples(
        "en",
        "security_code",
        [
            "c:the cvv is «123»",
            "c:and the security code is «one two three»",
            "a:What is the security code? | c:it's «nine oh two»",
            "a:And the three digits on the back of the card? | c:let me see | a:Sure. | c:«four four one»",
            "c:C V V «one twenty three»",
            "a:The security code? | c:«nine oh two» | a:And until when is it valid? | c:«twelve twenty-eight»",
        ],
    ),
    *_examples(
        "de", "security_code", ["a:Wie lautet die Prüfnummer? | c:«eins zwei drei»", "c:CVC «hundertdreiundzwanzig»"]
    ),
    *_examples("es", "security_code", ["a:¿El código de seguridad? | c:«uno dos tres»"]),
    *_examples("fr", "security_code", ["a:Et le cryptogramme ? | c:«cent vingt-trois»"]),
    *_examples("it", "security_code", ["a:Il codice di sicurezza? | c:«uno due tre»"]),
    *_examples("nl", "security_code", ["a:En de beveiligingscode? | c:«een twee drie»"]),
    *_examples("pt", "security_code", ["a:E o código de segurança? | c:«um dois três»"]),
]
_IDS: Final = [
    *_examples(
        "en",
        "national_id",
        [
            "c:my social is «536-90-4399»",
            "c:it is «536-90-4399», yes",
            "a:Your social security number? | c:«five three six nine oh four three double nine»",
            "a:Your social security number? | c:«five three six» | a:Yes? | c:«ninety» | c:«forty-three ninety-nine»",
            "c:my national insurance number is «AB 12 34 56 C»",
            "c:«AB123456C»",
            "c:NI number «a b one two three four five six c»",
        ],
    ),
    *_examples(
        "de",
        "national_id",
        ["c:meine Steuer-ID ist «36 574 261 809»", "c:«drei sechs fünf sieben vier zwei sechs eins acht null neun»"],
    ),
    *_examples(
        "es",
        "national_id",
        ["c:mi DNI es «12345678Z»", "c:«doce treinta y cuatro cincuenta y seis setenta y ocho Z»", "c:NIE «X1234567L»"],
    ),
    *_examples("fr", "national_id", ["c:mon numéro de sécu : «2 95 10 99 126 111 93»"]),
    *_examples("it", "national_id", ["c:codice fiscale «RSSMRA85T10A562S»", "c:«RSS MRA 85T10 A562S»"]),
    *_examples(
        "nl",
        "national_id",
        ["c:mijn BSN is «111222333»", "a:Uw burgerservicenummer? | c:«een een een twee twee twee drie drie drie»"],
    ),
    *_examples(
        "pt",
        "national_id",
        [
            "c:meu CPF é «529.982.247-25»",
            "c:«cinco dois nove nove oito dois dois quatro sete dois cinco»",
            "c:o meu contribuinte é «123456789»",
        ],
    ),
]
_ADDRESSES: Final = [
    *_examples(
        "en",
        "email",
        [
            "c:write to «john.smith@example.com» please",
            "c:«a.b+news@mail.example.co.uk»",
            "c:it's «john dot smith at gmail dot com»",
            "c:my email is «john smith at gmail dot com» okay",
            "c:«j o h n at gmail dot com»",
            "c:that's «john underscore smith seventy nine at example dot co dot uk»",
            "c:«john @ gmail.com»",
            "c:it is «john dot smith» | a:Yes? | c:«at gmail dot com»",
            "a:So «john dot smith at gmail dot com», is that right?",
            "c:«info at my dash company dot org»",
        ],
    ),
    *_examples("de", "email", ["c:meine Adresse ist «max punkt mustermann at web punkt de»"]),
    *_examples("es", "email", ["c:es «ana punto lopez arroba gmail punto com»"]),
    *_examples("fr", "email", ["c:c'est «jean point dupont arobase orange point fr»"]),
    *_examples("it", "email", ["c:è «mario punto rossi chiocciola libero punto it»"]),
    *_examples("nl", "email", ["c:het is «jan punt jansen apenstaartje ziggo punt nl»"]),
    *_examples("pt", "email", ["c:é «maria ponto silva arroba gmail ponto com»"]),
]
EXAMPLES: Final[Sequence[Example]] = (*_CARDS, *_CODES, *_IDS, *_ADDRESSES)
# Numbers and words that look alike and must stay.
HARMLESS: Final[Sequence[str]] = (
    "c:a table for two at seven thirty on the twenty first of May",
    "c:my phone number is five five five oh one two three four",
    "c:call me on +1 415 555 2671 or +49 151 2345 6789",
    "c:my order number is 20 26 11 26 00 17",
    "c:it was four hundred and twelve dollars and fifty cents",
    "c:one two three four five six seven eight nine ten",
    "c:have a look at amazon dot com",
    "c:we met at example dot com last year",
    "c:I was at the shop at nine. It was closed.",
    "c:room 4111, 11 to 11:30, 1111 Main Street",
    "c:the code is 123456",
    "c:we are 3 adults and 2 children | a:How old are they? | c:4 and 7",
    "c:meine Kundennummer ist vier sieben eins eins",
    "c:quiero una mesa para cuatro a las ocho y media",
    "c:je voudrais deux places pour le vingt et un à dix-neuf heures",
    "c:flight AB 123 at 10:45 on 26/11/2026",
    "a:We open from nine to five, Monday to Friday. | c:and at weekends? | a:From ten to four.",
    "c:my policy is 123 456 789",
    "c:tracking number 1Z999AA10123456784",
    "c:thirty one thirty two thirty three thirty four thirty five thirty six",
)
