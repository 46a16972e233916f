"""What the model is told of the call and of the local time, over a whole call."""

from itertools import pairwise

from media.providers.ports import ChatRequest
from shared.events import CallUsage
from shared.plan import ContextPlan, HeardMessage, ResumePoint
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual
from vendors.openai.wire import make_messages

BERLIN = ContextPlan("Europe/Berlin")
MINUTE_MS = 60_000
BEFORE_MIDNIGHT = "[Now: Thursday, 26 November 2026, 23:59, Europe/Berlin, UTC+01:00]"
AFTER_MIDNIGHT = "[Now: Friday, 27 November 2026, 00:00, Europe/Berlin, UTC+01:00]"


def notes_of(request: ChatRequest) -> list[str]:
    """The notes before the caller's turns, in order."""
    return [message.note for message in request.messages if message.role == "user"]


async def ask(scripted: ScriptedCall, *, pause_ms: int = 0) -> None:
    await scripted.say("what day is it", 600)
    await scripted.listen_until_quiet()
    await scripted.silence(pause_ms)


def test_a_call_that_passes_midnight_is_told_the_new_day_and_keeps_its_prompt() -> None:
    async def call() -> None:
        scripted = ScriptedCall(context=BERLIN, before_ms=10 * MINUTE_MS - 8_000)
        for pause_ms in (0, 6_000, 0, 0):
            await ask(scripted, pause_ms=pause_ms)
        requests = scripted.model.requests
        assert notes_of(requests[-1]) == [BEFORE_MIDNIGHT, "", AFTER_MIDNIGHT, ""], "told when the minute changes"
        assert len({(request.system, request.call_note) for request in requests}) == 1
        assert requests[0].system == "Be brief." and "made to you" in requests[0].call_note
        # What a provider computed for one request is the beginning of the next: nothing before its end has changed.
        sent = [make_messages(request) for request in requests]
        assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(sent))

    run_virtual(call())


def test_the_caller_who_continues_a_turn_later_is_answered_at_that_time() -> None:
    async def call() -> None:
        scripted = ScriptedCall(context=BERLIN, before_ms=10 * MINUTE_MS - 1_500, answers=["It is Thursday, as"] * 2)
        scripted.model.delay_s = 2.0
        await scripted.say("what day", 600)
        await scripted.silence(1_200)
        await scripted.say("is it", 600)
        await scripted.listen_until_quiet()
        assert [notes_of(request) for request in scripted.model.requests] == [[BEFORE_MIDNIGHT], [AFTER_MIDNIGHT]]

    run_virtual(call())


def test_prompt_of_a_resumed_call_has_the_current_time() -> None:
    async def call() -> None:
        point = ResumePoint([HeardMessage("user", "what day is it")], 1, CallUsage(), 0, 0)
        scripted = ScriptedCall(greeting="Sorry.", context=BERLIN, resume=point, before_ms=10 * MINUTE_MS)
        await scripted.listen_until_quiet()
        await scripted.listen_until_quiet()
        (request,) = scripted.model.requests
        assert notes_of(request) == [AFTER_MIDNIGHT]

    run_virtual(call())


def test_prompt_says_that_the_agent_placed_the_call() -> None:
    async def call() -> None:
        scripted = ScriptedCall(context=ContextPlan("UTC", "outbound"))
        await ask(scripted)
        (request,) = scripted.model.requests
        assert "that you made" in request.call_note
        assert notes_of(request) == ["[Now: Thursday, 26 November 2026, 22:50, UTC, UTC+00:00]"]

    run_virtual(call())


def test_without_a_context_the_model_gets_no_note() -> None:
    async def call() -> None:
        scripted = ScriptedCall()
        await ask(scripted)
        (request,) = scripted.model.requests
        assert (request.call_note, notes_of(request)) == ("", [""])

    run_virtual(call())
