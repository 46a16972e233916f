"""A session whose caller goes over to another language."""

import asyncio
from collections.abc import Callable, Container, Coroutine, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.chained_session import ChainedSession
from media.providers.chain.stt import SpeechToTextChain
from media.providers.health import HealthBoard, HealthKey
from media.providers.ports import ProviderError, RecognizedText, SpeechToTextEvent, SpeechToTextFailed
from media.providers.wait_history import UsualWait
from shared.events import ProviderFailed
from tests.media.providers.chain.test_stt import run_ready_tasks
from tests.media.providers.fakes import FakeSpeechToText, texts
from tests.media.providers.virtual import now, run

SEED, LATE_S = UsualWait(0.2, 0.5), 0.6
BROKEN = SpeechToTextFailed(ProviderError("a", "socket closed"))
Test = Callable[[ChainedSession, list[SpeechToTextEvent]], Coroutine[None, None, None]]


def with_session(
    test: Test, *providers: FakeSpeechToText, multilingual: Container[int] = (), seed: UsualWait | None = None
) -> list[ProviderFailed]:
    """Runs a test against an open session, closes it, and returns what failed. seed: how long each usually takes."""
    failed: list[ProviderFailed] = []

    async def main() -> None:
        events: list[SpeechToTextEvent] = []
        board, keys = HealthBoard(now), [HealthKey("stt", one.name) for one in providers]
        health = ChainHealth(board, keys, seeds=[seed] * len(keys))
        chain = SpeechToTextChain(providers, failed.append, multilingual=multilingual, health=health)
        session = await chain.open("en", events.append)
        assert isinstance(session, ChainedSession)
        await test(session, events)
        await session.close()
        assert all(one.closed for provider in providers for one in provider.sessions)

    run(main())
    return failed


def test_a_recognizer_of_one_language_is_opened_anew_and_hears_again_what_has_no_text() -> None:
    async def test(session: ChainedSession, events: list[SpeechToTextEvent]) -> None:
        session.started()
        session.push(b"first")
        session.finalize(1)
        a.sessions[0].sink(RecognizedText("hola", True, 1))
        session.push(b"second")
        session.set_language("es")
        session.push(b"third")
        session.finalize(2)
        await run_ready_tasks()
        a.sessions[0].sink(RecognizedText("of the old session", True, 2))
        assert a.sessions[1].audio == b"secondthird" and 2 in a.sessions[1].log
        a.sessions[1].sink(RecognizedText("buenas", True, 2))
        assert texts(events) == ["hola", "hola buenas"]

    a = FakeSpeechToText("a")
    assert with_session(test, a) == []
    assert a.languages == ["en", "es"]


def test_one_that_hears_all_goes_on_and_those_after_it_are_opened_in_the_new_language() -> None:
    async def test(session: ChainedSession, events: list[SpeechToTextEvent]) -> None:
        session.set_language("es")
        await run_ready_tasks()
        assert a.languages == ["en"] and not a.sessions[0].closed
        a.sessions[0].sink(BROKEN)
        await run_ready_tasks()

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    (failure,) = with_session(test, a, b, multilingual={0})
    assert b.languages == ["es"] and failure.provider == "a"


def test_a_backup_that_is_just_being_opened_is_opened_in_the_new_language() -> None:
    async def test(session: ChainedSession, events: list[SpeechToTextEvent]) -> None:
        a.sessions[0].sink(BROKEN)
        await run_ready_tasks()
        assert b.languages == ["en"] and not b.sessions
        session.set_language("es")
        session.push(b"speech")
        session.finalize(1)
        await asyncio.sleep(1.5)
        assert b.languages == ["en", "es"] and [one.audio for one in b.sessions] == [b"speech"]
        b.sessions[0].sink(RecognizedText("hola", True, 1))
        assert texts(events) == ["hola"]

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b", delay=1.0)
    assert [one.provider for one in with_session(test, a, b, multilingual={0})] == ["a"]


def test_one_that_fails_in_the_moment_of_the_change_is_replaced_by_the_next_in_the_new_language() -> None:
    async def test(session: ChainedSession, events: list[SpeechToTextEvent]) -> None:
        session.push(b"speech")
        session.finalize(1)
        a.sessions[0].sink(BROKEN)
        session.set_language("es")
        session.set_language("fr")
        await run_ready_tasks()
        assert b.languages == ["fr"] and [one.log for one in b.sessions] == [[b"speech", 1]]
        b.sessions[0].sink(RecognizedText("bonjour", True, 1))
        assert texts(events) == ["bonjour"]

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    (failure,) = with_session(test, a, b)
    assert (failure.provider, failure.next, failure.stage) == ("a", "b", "final")
    assert a.languages == ["en"], "it has failed"


def test_a_change_after_the_last_recognizer_has_failed_does_nothing() -> None:
    async def test(session: ChainedSession, events: list[SpeechToTextEvent]) -> None:
        a.refuse(BROKEN.error)
        a.sessions[0].sink(BROKEN)
        await run_ready_tasks()
        assert events == [BROKEN]
        session.set_language("es")
        await run_ready_tasks()
        assert events == [BROKEN] and a.languages == ["en", "en"]

    a = FakeSpeechToText("a")
    with_session(test, a)


def test_one_that_does_not_know_the_language_is_replaced_by_the_next() -> None:
    async def test(session: ChainedSession, events: list[SpeechToTextEvent]) -> None:
        a.refuse(ProviderError("a", "knows no 'es'", retryable=False, cause="refused"))
        session.push(b"speech")
        session.set_language("es")
        await run_ready_tasks()
        assert b.sessions[0].audio == b"speech"

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    (failure,) = with_session(test, a, b)
    assert (failure.provider, failure.next, failure.cause) == ("a", "b", "refused")
    assert b.languages == ["es"]


def test_the_language_of_a_few_last_words_is_not_that_of_a_turn_which_another_one_heard() -> None:
    async def test(session: ChainedSession, events: list[SpeechToTextEvent]) -> None:
        session.started()
        session.push(b"most of it")
        session.finalize(1)
        a.sessions[0].sink(RecognizedText("i would like to book a table", True, 1, language="en"))
        session.push(b"thanks")
        a.sessions[0].sink(BROKEN)
        await run_ready_tasks()
        session.finalize(2)
        b.sessions[0].sink(RecognizedText("gracias", True, 2, language="es"))
        session.finalize(3)
        b.sessions[0].sink(RecognizedText("quisiera reservar una mesa para dos", True, 3, language="es"))
        answers = [event for event in events if isinstance(event, RecognizedText)]
        assert [answer.language for answer in answers] == ["en", "", "es"]
        assert answers[1].text == "i would like to book a table gracias"

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    with_session(test, a, b, multilingual={0, 1})


def test_a_check_by_a_recognizer_of_one_language_goes_on_in_the_new_one() -> None:
    async def test(session: ChainedSession, events: list[SpeechToTextEvent]) -> None:
        session.started()
        session.push(b"speech")
        session.finalize(1)
        await asyncio.sleep(LATE_S)
        assert b.languages == ["en"], "the first one is late, and checked"
        session.next_turn()
        session.set_language("es")
        await run_ready_tasks()
        assert a.languages == ["en"] and b.languages == ["en", "es"]
        assert b.sessions[0].closed and b.sessions[1].audio == b"speech"
        session.push(b"more")
        b.sessions[1].sink(RecognizedText("hola", True, 1, language="es"))
        assert b.sessions[1].audio == b"speechmore" and texts(events) == ["hola"]

    a, b = FakeSpeechToText("a"), FakeSpeechToText("b")
    with_session(test, a, b, multilingual={0}, seed=SEED)


STEPS = (
    "es",
    "fr",
    "en",
    "failure",
    "refusal",
    "words",
    "nothing",
    "push",
    "started",
    "finalize",
    "next_turn",
    "wait",
    "tick",
)
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9)), max_size=25)
delays = st.lists(st.sampled_from((0.0, 0.05, 0.5)), min_size=1, max_size=3)


@settings(max_examples=60)
@given(steps, delays, st.sets(st.integers(0, 2)))
def test_whatever_happens_recognizers_of_one_language_have_that_of_the_call(
    steps: Sequence[tuple[str, int]], delays: Sequence[float], multilingual: set[int]
) -> None:
    """In any order of changes, failures and answers, also of sessions that are in use no more; none is left open."""
    providers = [FakeSpeechToText(name, delay=delay) for name, delay in zip("abc", delays, strict=False)]

    async def test(session: ChainedSession, events: list[SpeechToTextEvent]) -> None:
        language = "en"
        for step, choice in steps:
            language = step if step in ("es", "fr", "en") else language
            await _take(step, choice, session, providers)
        await asyncio.sleep(10)
        if any(isinstance(event, SpeechToTextFailed) for event in events):
            return
        alive = [(place, one) for place, fake in enumerate(providers) for one in fake.sessions if not one.closed]
        assert alive, "no recognizer hears the caller"
        assert {one.language for place, one in alive if place not in multilingual} <= {language}

    with_session(test, *providers, multilingual=multilingual, seed=SEED)


async def _take(step: str, choice: int, session: ChainedSession, providers: Sequence[FakeSpeechToText]) -> None:
    """One step of a test. choice: of the open session that it is about."""
    alive = [(fake, one) for fake in providers for one in fake.sessions if not one.closed]
    fake, chosen = alive[choice % len(alive)] if alive else (None, None)
    if step in ("es", "fr", "en"):
        session.set_language(step)
    elif step == "failure" and fake is not None and chosen is not None:
        chosen.sink(SpeechToTextFailed(ProviderError(fake.name, "socket closed")))
    elif step == "refusal" and fake is not None:
        fake.refuse(ProviderError(fake.name, "not now"))
    elif step in ("words", "nothing") and chosen is not None:
        chosen.sink(RecognizedText("hola" if step == "words" else "", True, choice))
    elif step == "push":
        session.push(b"p" * 160)
    elif step == "started":
        session.started()
    elif step == "finalize":
        session.finalize(choice)
    elif step == "next_turn":
        session.next_turn()
    elif step in ("wait", "tick"):
        await asyncio.sleep(LATE_S if step == "wait" else 0)
