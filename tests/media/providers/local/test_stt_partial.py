"""Partial texts of the local SpeechToText, while the caller speaks."""

import pytest

from media.providers.local.stt import FIRST_PARTIAL, LONG_TURN, NEXT_PARTIAL
from media.providers.ports import RecognizedText, SpeechToTextSession
from tests.media.providers.local.test_stt import FakeEngine, open_session, run_ready_tasks, say

FIRST_MS, NEXT_MS = FIRST_PARTIAL // 8, NEXT_PARTIAL // 8


async def speak(session: SpeechToTextSession, ms: int) -> None:
    """The caller speaks, in real time as far as the session knows."""
    for _ in range(ms // 20):
        say(session, 20)
        await run_ready_tasks()


async def test_the_words_so_far_are_reported_while_the_caller_speaks() -> None:
    engine = FakeEngine(is_idle=True)
    session, events = await open_session(engine)
    session.started()
    await speak(session, FIRST_MS + 2 * NEXT_MS)
    due = [FIRST_MS + turn * NEXT_MS for turn in range(3)]
    assert events == [RecognizedText(f"<{ms}>", False) for ms in due]
    session.finalize(1)
    await run_ready_tasks()
    assert events[3:] == [RecognizedText(f"<{due[-1]}>", True, 1)]
    await speak(session, 3_000)  # nobody has noticed speech
    assert engine.partials_ms == due
    await session.close()


async def test_a_busy_engine_is_asked_again_no_sooner_than_an_idle_one() -> None:
    engine = FakeEngine()
    session, events = await open_session(engine)
    session.started()
    await speak(session, FIRST_MS + 2 * NEXT_MS)
    assert engine.partials_ms == [FIRST_MS + turn * NEXT_MS for turn in range(3)] and events == []
    session.finalize(1)
    await run_ready_tasks()
    assert [event.final for event in events if isinstance(event, RecognizedText)] == [True]
    await session.close()


@pytest.mark.parametrize("how", ["finalize", "next_turn", "close"])
async def test_a_partial_text_that_comes_too_late_is_dropped(how: str) -> None:
    engine = FakeEngine(slow=True, is_idle=True)
    session, events = await open_session(engine)
    session.started()
    await speak(session, FIRST_MS)
    assert engine.partials_ms == [FIRST_MS]
    if how == "finalize":
        session.finalize(1)
    elif how == "next_turn":
        session.next_turn()
    else:
        await session.close()
    engine.gate.set()
    await run_ready_tasks()
    assert events == ([RecognizedText(f"<{FIRST_MS}>", True, 1)] if how == "finalize" else [])
    await session.close()


async def test_the_words_of_a_long_turn_contain_its_final_part() -> None:
    engine = FakeEngine(is_idle=True)
    session, events = await open_session(engine)
    session.started()
    await speak(session, LONG_TURN // 8 + 1_500)
    (cut_ms,) = engine.transcribed_ms
    partials = [event.text for event in events if isinstance(event, RecognizedText) and not event.final]
    assert partials[-1].startswith(f"<{cut_ms}> <") and partials[0] == f"<{FIRST_MS}>"
    await session.close()
