"""Text normalization."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.providers.local.normalizer import SpokenWord, normalize


def spoken_text(text: str) -> str:
    """All spoken items, with the punctuation that the voice gets."""
    parts = []
    for reading in normalize(text):
        parts += [*reading.spoken, *([reading.stop] if reading.stop else [])]
    return " ".join(parts)


PHONES = [
    ("415-555-0192", "four one five , five five five , zero one nine two"),
    ("(415) 555-0192", "four one five , five five five , zero one nine two"),
    ("415 555 0192", "four one five , five five five , zero one nine two"),
    ("800.555.1234", "eight zero zero , five five five , one two three four"),
    ("1-800-555-1234", "one , eight zero zero , five five five , one two three four"),
    ("+14155550192", "plus one , four one five , five five five , zero one nine two"),
    ("+442071838750", "plus four four two , zero seven one , eight three eight , seven five zero"),
    ("555-0192", "five five five , zero one nine two"),
    ("ext. 12", "extension one two"),
]
MONEY = [
    ("$5", "five dollars"),
    ("$1", "one dollar"),
    ("$1,250.50", "one thousand two hundred fifty dollars and fifty cents"),
    ("$0.99", "ninety nine cents"),
    ("$0.01", "one cent"),
    ("$12.00", "twelve dollars"),
    ("$0", "zero dollars"),
    ("$1.5 million", "one point five million dollars"),
    ("$20k", "twenty thousand dollars"),
    ("$2bn", "two billion dollars"),
    ("£1.5B", "one point five billion pounds"),
    ("€3mn", "three million euros"),
    ("$.99", "ninety nine cents"),
    ("-$.5", "minus zero point five dollars"),
    ("$1-2bn", "one to two billion dollars"),
    ("£3.20", "three pounds and twenty pence"),
    ("€1", "one euro"),
]
MOMENTS = [
    ("March 14, 2026", "march fourteenth , twenty twenty six"),
    ("March 14th", "march fourteenth"),
    ("Mar 3", "march third"),
    ("2026-03-14", "march fourteenth twenty twenty six"),
    ("3/14/26", "march fourteenth twenty twenty six"),
    ("in 1999", "in nineteen ninety nine"),
    ("3:30", "three thirty"),
    ("3:05pm", "three oh five P M"),
    ("9 a.m. today", "nine A M today"),
    ("9 a.m.", "nine A M ."),
    ("at 5 PM?", "at five P M ?"),
    ("12:00", "twelve o'clock"),
    ("15:00", "three P M"),
    ("0:30", "twelve thirty A M"),
    ("9am-5pm", "nine A M to five P M"),
    ("9-5", "nine to five"),
    ("Tues at 10", "tuesday at ten"),
    ("I sat in the sun", "i sat in the sun"),
    ("24/7", "twenty four seven"),
]
ADDRESSES = [
    ("jane.doe@example.com", "jane dot doe at example dot com"),
    ("jd_42@vocalized.io", "J D underscore four two at vocalized dot I O"),
    ("https://www.example.com/book", "W W W dot example dot com slash book"),
    ("example.org", "example dot org"),
    ("end.Start", "end start"),
]
ABBREVIATIONS = [
    ("Mr. Smith", "mister smith"),
    ("Dr. Jones on Elm Dr.", "doctor jones on elm drive ."),
    ("St. Mary's", "saint mary's"),
    ("at St. Mary's", "at saint mary's"),
    ("100 Main St.", "one hundred main street ."),
    ("5th St. Suite 3", "fifth street , suite three"),
    ("No. 5", "number five"),
    ("No.", "no ."),
    ("e.g. this", "for example this"),
    ("a U.S. number", "a U S number"),
    ("I am here", "i am here"),
]
NUMBERS = [
    ("20%", "twenty percent"),
    ("72°F", "seventy two degrees fahrenheit"),
    ("-5", "minus five"),
    ("3.5", "three point five"),
    ("1,000,000", "one million"),
    ("the 22nd", "the twenty second"),
    ("order 73982", "order seven three nine eight two"),
    ("zip 02139", "zip zero two one three nine"),
    ("room 204", "room two zero four"),
    ("1234567", "one two three , four five six seven"),
    ("#5", "number five"),
    ("1/2", "one half"),
    ("¾", "three quarters"),
]
WORDS = [
    ("FAQ", "F A Q"),
    ("HELLO THERE", "hello there"),
    ("Hello WORLD", "hello world"),
    ("OK", "ok"),
    ("B12", "B twelve"),
    ("AT&T", "A T and T"),
    ("salt & pepper", "salt and pepper"),
    ("walk-ins", "walk ins"),
    ("José\u2019s café", "jose's cafe"),
    ("\u201cYes,\u201d she said", "yes , she said"),
    ("and/or", "and or"),
    ("\U0001f44d great", "great"),
    ("Wait… what?!", "wait . what ?"),
]


@pytest.mark.parametrize(
    ("written", "spoken"), [*PHONES, *MONEY, *MOMENTS, *ADDRESSES, *ABBREVIATIONS, *NUMBERS, *WORDS]
)
def test_text_is_normalized(written: str, spoken: str) -> None:
    assert spoken_text(written) == spoken


def test_each_written_word_holds_its_spoken_items() -> None:
    assert normalize(" Call  (415) 555-0192, please!") == [
        SpokenWord(" Call  ", ("call",)),
        SpokenWord("(415) ", ("four", "one", "five", ",")),
        SpokenWord("555-0192, ", ("five", "five", "five", ",", "zero", "one", "nine", "two"), ","),
        SpokenWord("please!", ("please",), "!"),
    ]


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_a_text_without_words_has_no_spoken_words(text: str) -> None:
    assert normalize(text) == []


@given(st.text().filter(str.strip))
def test_the_written_words_are_the_whole_text(text: str) -> None:
    assert "".join(reading.written for reading in normalize(text)) == text


SIGNS = st.text("0123456789$€£.,:;/-+()@#%&'\"apmAPMstndth _\u00e9\u2013", max_size=25)


@given(SIGNS)
def test_every_spoken_item_can_be_pronounced(text: str) -> None:
    for reading in normalize(text):
        for word in reading.spoken:
            assert word == "," or (word.isascii() and word.replace("'", "").isalpha())
            assert word.islower() or len(word) == 1
