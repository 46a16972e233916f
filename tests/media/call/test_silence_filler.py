"""Fillers: when they are due, and which words they have."""

import pytest

from media.call.silence_filler import FIRST_AFTER_MS, NEXT_AFTER_MS, SilenceFiller
from media.tools.fillers import first_filler, more_fillers
from shared.plan import LimitsPlan
from tests.media.call.languages import spoken

WORDS = "I'm looking."
MORE = more_fillers("en")


def filler(language: str = "en", limits: LimitsPlan | None = None) -> SilenceFiller:
    return SilenceFiller(limits or LimitsPlan(), spoken(language), 1_000.0)


def choices(silence: SilenceFiller, start: int, end: int) -> list[tuple[int, str]]:
    """The words chosen in [start, end) with a tick every 250 ms; nothing is heard."""
    return [(now, words) for now in range(start, end, 250) if (words := silence.choose(now, WORDS))]


def test_fillers_come_with_different_words() -> None:
    found = choices(filler(), 1_000, 18_000)
    times = [1_000 + FIRST_AFTER_MS + count * NEXT_AFTER_MS for count in range(4)]
    assert found == list(zip(times, [WORDS, *MORE, WORDS], strict=True))


def test_silence_counts_from_the_last_sound() -> None:
    silence = filler()
    silence.heard(5_000)
    assert silence.silent_since == 5_000
    assert choices(silence, 5_000, 10_000) == [(7_500, WORDS)]
    silence.heard(9_000)
    assert choices(silence, 9_000, 14_000) == [(13_000, MORE[0])]


def test_the_next_tool_begins_with_its_own_words() -> None:
    silence = filler()
    assert choices(silence, 1_000, 4_000)
    silence.tool_ended()
    silence.heard(4_000)
    assert choices(silence, 4_000, 8_000) == [(6_500, WORDS)]


@pytest.mark.parametrize(
    "limits", [LimitsPlan(reply_s=3.0), LimitsPlan(idle_nudge_s=3), LimitsPlan(reply_s=3.0, idle_nudge_s=0)]
)
def test_half_of_the_agents_limit_is_the_latest(limits: LimitsPlan) -> None:
    assert choices(filler(limits=limits), 1_000, 5_000) == [(2_500, WORDS), (4_000, MORE[0])]


def test_limits_that_are_off_do_not_count() -> None:
    assert choices(filler(limits=LimitsPlan(reply_s=0, idle_nudge_s=0)), 1_000, 4_000) == [(3_500, WORDS)]


@pytest.mark.parametrize("language", ["nl", "nl-BE", "eng"])
def test_other_languages_hear_the_tools_own_words_again(language: str) -> None:
    assert {words for _, words in choices(filler(language), 1_000, 18_000)} == {WORDS}


@pytest.mark.parametrize("language", ["en-GB", "de-AT", "es", "fr-CA"])
def test_more_fillers_are_in_the_agents_language(language: str) -> None:
    more = more_fillers(language.partition("-")[0])
    assert {words for _, words in choices(filler(language), 1_000, 18_000)} == {WORDS, *more}
    assert len(more) == 2 and (language == "en-GB" or not set(more) & set(MORE))


def test_first_words_are_english_where_there_are_none() -> None:
    assert first_filler("nl") == first_filler("en-GB") == "One moment, please."
    assert first_filler("de-AT") == "Einen Moment, bitte."
