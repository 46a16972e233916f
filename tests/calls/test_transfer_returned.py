"""Calls whose transfer was not answered: the same conversation goes on."""

from media.providers.ports import ToolCall
from shared.events import AgentSaid, CallUsage
from shared.plan import HeardMessage, ResumePoint
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual

BUSY = "I'm sorry, the line is busy."
ASKED = HeardMessage("user", "put me through to sales")
CALLED = [
    ASKED,
    HeardMessage("assistant", "One moment.", [("call_1", "transfer", "{}")]),
    HeardMessage("tool", "The caller is put through when your last words have been played.", call_id="call_1"),
]
SAID = [ASKED, HeardMessage("assistant", "I'll put you through to a colleague.")]


def returned(messages: list[HeardMessage]) -> ScriptedCall:
    """A call whose caller is back, 25 s after the transfer began."""
    point = ResumePoint(messages, 1, CallUsage(), 0, 60_000, transfer_failure="busy")
    return ScriptedCall(
        greeting=BUSY, answers=["Gladly."], resume=point, before_ms=85_000, transfer_number="+14155557777"
    )


def test_tool_result_reports_the_failed_transfer_to_the_model() -> None:
    async def call() -> None:
        scripted = returned(CALLED)
        await scripted.listen_until_quiet()
        await scripted.silence(2_000)
        assert [said.text for said in scripted.events_of(AgentSaid)] == [BUSY]
        assert scripted.model.requests == [], "the sentence has told the caller: nothing else is due"
        await scripted.say("then take a message", 600)
        await scripted.listen_until_quiet()
        (request,) = scripted.model.requests
        (result,) = [message for message in request.messages if message.role == "tool"]
        assert "failed: the line is busy" in result.text
        assert request.messages[1].tool_calls == (ToolCall("call_1", "transfer", "{}"),)
        assert [message.text for message in request.messages[-2:]] == [BUSY, "then take a message"]
        assert scripted.events_of(AgentSaid)[-1].text == "Gladly."

    run_virtual(call())


def test_note_reports_a_failed_transfer_that_no_tool_started() -> None:
    async def call() -> None:
        scripted = returned(SAID)
        await scripted.listen_until_quiet()
        await scripted.say("then take a message", 600)
        await scripted.listen_until_quiet()
        (request,) = scripted.model.requests
        assert "failed: the line is busy" in request.messages[0].note
        assert request.messages[-1].text == "then take a message"

    run_virtual(call())


def test_silence_is_counted_from_the_return() -> None:
    async def call() -> None:
        scripted = returned(SAID)
        await scripted.listen_until_quiet()
        await scripted.silence(9_000)
        assert scripted.longest_silence_ms < 11_000
        assert scripted.call.termination.reason is None

    run_virtual(call())
