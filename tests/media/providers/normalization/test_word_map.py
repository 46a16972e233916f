"""Timings of spoken words as timings of the written ones."""

from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.normalization.spans import SpokenSpan
from media.providers.normalization.word_map import SpokenWordMap
from media.providers.ports import TimedWord


def map_of(*spans: tuple[str, str]) -> SpokenWordMap:
    made = SpokenWordMap()
    for written, spoken in spans:
        made.add(SpokenSpan(written, spoken))
    return made


def timed(*words: str) -> list[TimedWord]:
    return [TimedWord(word, at * 100, at * 100 + 100) for at, word in enumerate(words)]


PRICE = (
    ("It ", "It "),
    ("costs ", "costs "),
    ("$5.10 ", "five dollars and ten cents "),
    ("now.", "now."),
)
SPOKEN = ("It", "costs", "five", "dollars", "and", "ten", "cents", "now.")


def test_a_changed_word_has_the_time_of_all_its_spoken_words() -> None:
    words = map_of(*PRICE).take(timed(*SPOKEN))
    assert words == [
        TimedWord("It", 0, 100),
        TimedWord("costs", 100, 200),
        TimedWord("$5.10", 200, 700),
        TimedWord("now.", 700, 800),
    ]


def test_does_not_report_a_changed_word_before_its_end() -> None:
    spoken = map_of(*PRICE)
    assert [word.text for word in spoken.take(timed("It", "costs", "five", "dollars"))] == ["It", "costs"]
    assert spoken.finish() == [TimedWord("$5.10", 200, 400)]
    assert spoken.finish() == []


def test_the_words_of_one_expression_share_its_time() -> None:
    spoken = map_of(("Call ", "Call "), ("555 0142 ", "five five "), ("now", "now"))
    words = spoken.take(timed("Call", "five", "five", "now"))
    assert [(word.text, word.start_ms, word.end_ms) for word in words] == [
        ("Call", 0, 100), ("555", 100, 100 + 200 * 4 / 9), ("0142", 100 + 200 * 4 / 9, 300), ("now", 300, 400),
    ]  # fmt: skip
    assert [word.is_estimated for word in words] == [False, True, True, False]


def test_a_voice_may_split_words_its_own_way() -> None:
    words = map_of(*PRICE).take(timed("It", "costs", "five dollars", "and", "ten cents", "now", "."))
    assert [word.text for word in words] == ["It", "costs", "$5.10", "now", "."]


def test_a_word_that_the_voice_leaves_out_is_passed_over() -> None:
    words = map_of(*PRICE).take(timed("It", "five", "dollars", "ten", "now."))
    assert [word.text for word in words] == ["It", "$5.10", "now."]
    assert words[1].end_ms == 400


def test_words_that_were_not_given_are_the_voices_own() -> None:
    assert [word.text for word in map_of(("Hi ", "Hi "), ("5", "five")).take(timed("Hi", "uhm", "five"))] == [
        "Hi", "uhm", "5",
    ]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["It ", "$5 ", "a b "]), max_size=8), st.lists(st.sampled_from(["it", "five", "x", "b"]))
)
def test_whatever_a_voice_reports_times_never_go_back(written: list[str], reported: list[str]) -> None:
    spans = [(word, {"$5 ": "five dollars ", "a b ": "ex "}.get(word, word)) for word in written]
    spoken = map_of(*spans)
    words = [*spoken.take(timed(*reported)), *spoken.finish()]
    assert all(one.start_ms <= one.end_ms for one in words)
    assert [one.start_ms for one in words] == sorted(one.start_ms for one in words)
