"""When the live desk warns of a running call."""

from datetime import UTC, datetime

import msgspec
import pytest

from control.calls.feed.rules import ShownCall
from shared.events import AgentSaid, CallerSaid, CallNudged, Event, PersonSaid, ProviderFailed

AT = datetime(2026, 12, 3, 12, tzinfo=UTC)


def shown(*events: Event, redacts: bool = False) -> ShownCall:
    call = ShownCall()
    for seq, event in enumerate(events, 1):
        call.take(seq, AT, msgspec.to_builtins(event), redacts=redacts)
    return call


def said(*texts: str, redacts: bool = False) -> ShownCall:
    """A call in which the caller says these texts, each answered by the agent."""
    turns = [
        event
        for turn, text in enumerate(texts, 1)
        for event in (CallerSaid(turn, text, 0, 900), AgentSaid(turn, "Let me see.", 1_000, 1_900))
    ]
    return shown(*turns, redacts=redacts)


def test_an_ordinary_call_has_no_warning() -> None:
    assert said("Hello, when are you open?", "Yes.", "Yes.", "Thank you.", "Goodbye.").find_warnings() == []


def test_silence_lasts_until_somebody_but_the_agent_speaks() -> None:
    nudge = (CallNudged(8_000), AgentSaid(1, "Are you still there?", 8_000, 9_000))
    assert shown(*nudge).find_warnings() == ["silence"]
    assert shown(*nudge, CallerSaid(2, "Yes.", 10_000, 10_400)).find_warnings() == []
    assert shown(*nudge, PersonSaid("session", "Hello?", 10_000, 10_400)).find_warnings() == []


def test_failover_is_a_warning_of_the_call() -> None:
    call = shown(ProviderFailed("tts", "cartesia", "timeout", "rime"), CallerSaid(1, "Hello?", 0, 900))
    assert call.find_warnings() == ["failover"]


@pytest.mark.parametrize(
    "texts",
    [
        ("What?", "Sorry?"),
        ("what", "I didn't catch that."),
        ("Can you say that again?", "Could you repeat that, please?"),
        ("I don\u2019t understand you.", "Pardon?"),
        ("Wie bitte?", "Das habe ich nicht verstanden."),
        ("When are you open on Friday?", "When are you open on Friday"),
    ],
)
def test_a_question_for_the_same_thing_again_is_repeated(texts: tuple[str, str]) -> None:
    assert said(texts[0]).find_warnings() == []
    assert said(*texts).find_warnings() == ["repeated_question"]


def test_questions_far_apart_are_not_repeated() -> None:
    between = ("On Friday.", "At ten.", "My name is Ada.", "Thank you.")
    assert said("What?", *between, "Sorry?").find_warnings() == []


@pytest.mark.parametrize(
    "text", ["What time is it?", "Sorry, I meant Friday.", "Was kostet das?", "Bitte am Freitag.", "I am a manager."]
)
def test_ordinary_questions_are_none_of_these(text: str) -> None:
    assert said(text, f"{text} And one more.").find_warnings() == []


@pytest.mark.parametrize(
    "text",
    [
        "This is ridiculous!",
        "You are wasting my time.",
        "I want to speak to a manager.",
        "I will make a complaint.",
        "Das ist eine Unverschämtheit, ich werde mich beschweren.",
    ],
)
def test_angry_words_are_a_warning(text: str) -> None:
    assert said(text).find_warnings() == ["angry_words"]


@pytest.mark.parametrize("text", ["My lawyer asked me to call.", "I passed my class.", "We sued nobody.", "Anger."])
def test_words_that_only_look_angry_are_none(text: str) -> None:
    assert said(text).find_warnings() == []


def test_withheld_words_still_warn_and_are_never_shown() -> None:
    call = said("This is ridiculous, my card is 4111 1111", redacts=True)
    shown_fields = call.describe()
    assert shown_fields["warnings"] == ["angry_words"]
    assert "4111" not in str(shown_fields) and "ridiculous" not in str(shown_fields)
