"""What a person said in the agent's place: in the transcript by its time, redacted like all speech."""

import pytest

from control.redaction.finder import KINDS
from shared.events import AgentSaid, CallerSaid, Event, PersonSaid
from tests.control.calls.call_platform import CallPlatform
from tests.control.calls.consumed_events import stored_events, stored_utterances
from tests.control.calls.test_redaction import CARD, CARD_END, ENDED, admit, all_texts, put_recording, run_job, write

SESSION = "01936d2f-6c00-7a3e-9b1d-5f2c8e4a7b60"


async def test_words_are_in_the_transcript_at_their_time(platform: CallPlatform) -> None:
    _, call = await admit(platform, ())
    await write(
        platform,
        call,
        1,
        AgentSaid(0, "Hello.", 100, 900),
        CallerSaid(1, "I need Friday.", 4_000, 5_000),
        PersonSaid(SESSION, "One moment.", 2_000, 3_000, (2_000, 2_400, 2_500, 3_000)),
        PersonSaid(SESSION, "", 6_000, 7_000),
    )
    row = await platform.call_row(call.call_id)
    assert row["transcription"].splitlines() == [
        "Agent: Hello.",
        "Person: One moment.",
        "Caller: I need Friday.",
        "Person: (speech without a transcript)",
    ]
    said = await stored_utterances(platform, call.call_id)
    assert [one["speaker"] for one in said] == ["agent", "person", "caller", "person"]
    assert "word_ms" not in repr([event["event_data"] for event in await stored_events(platform, call.call_id)])


@pytest.mark.parametrize("at_once", [True, False])
async def test_number_that_a_person_says_is_in_no_row(platform: CallPlatform, at_once: bool) -> None:
    _, call = await admit(platform)
    said: list[Event] = [
        PersonSaid(SESSION, "Your card is four one one one one one one one", 2_000, 4_000),
        CallerSaid(1, "Yes.", 5_000, 5_500),
        PersonSaid(SESSION, "and then one one one one one one one one", 6_000, 8_000),
    ]
    for first, batch in [(1, said)] if at_once else [(1, said[:2]), (3, said[2:])]:
        await write(platform, call, first, *batch)
    texts = [stored_utterance["text"] for stored_utterance in await stored_utterances(platform, call.call_id)]
    assert texts == [f"Your card is {CARD}", "Yes.", f"and then {CARD}"]
    stored = await all_texts(platform, call.call_id)
    assert "one one" not in stored and not CARD_END.search(stored)


async def test_recording_with_unknown_words_stays_withheld_where_the_workspace_redacts(platform: CallPlatform) -> None:
    _, call = await admit(platform)
    said: list[Event] = [CallerSaid(1, "Hello?", 100, 900), PersonSaid(SESSION, "", 2_000, 4_000)]
    await write(platform, call, 1, *said, await put_recording(platform, call), ENDED)
    await run_job(platform, call)
    row = await platform.call_row(call.call_id)
    assert row["recording_key"] is None
    assert row["details"]["redaction"] == {"kinds": sorted(KINDS), "withheld": "no_transcript"}
