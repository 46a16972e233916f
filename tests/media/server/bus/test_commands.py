"""Commands over the bus are carried out once, answered, and published as events."""

from media.server.bus.commands import ENDING, UNKNOWN_CALL
from shared.bus.commands import DONE, OUTCOME_UNKNOWN, CallCommand, CommandStream, EndCall, SayText, TransferCall
from shared.events import AgentSaid, CallCommanded, CallEnded, CallStarted
from shared.plan import CallPlan
from tests.media.server.bus.conftest import call_plan
from tests.media.server.conftest import PLAN
from tests.platform.bus_node import BusNode


async def test_repeated_command_is_carried_out_once(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        for _ in range(3):
            assert await bus_node.send_command(plan.call_id, SayText("We close early today.")) == DONE
        said = await bus_node.wait_for_event(AgentSaid)
        assert await bus_node.send_command(plan.call_id, EndCall(by="member"), "command-2") == DONE
        await phone.wait_for("closed")
    assert said.text == "We close early today."
    ended = await bus_node.wait_for_event(CallEnded)
    assert ended.end_reason == "member"
    events = await bus_node.events()
    assert sum(isinstance(event, AgentSaid) for event in events) == 1
    reported = [(event.command, event.command_id) for event in events if isinstance(event, CallCommanded)]
    assert reported == [("say", "command-1"), ("end", "command-2")]
    outcome = await bus_node.outcome(plan.call_id)
    assert outcome is not None and outcome.number == ""


async def test_command_that_another_node_claimed_is_not_carried_out(bus_node: BusNode, plan: CallPlan) -> None:
    """The node that had the call before may have carried it out before it was lost."""
    say = SayText("We close early today.")
    assert await CommandStream(bus_node.redis).claim(CallCommand("command-1", plan.call_id, say, sending="other"))
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        assert await bus_node.send_command(plan.call_id, say) == OUTCOME_UNKNOWN
        assert await bus_node.send_command(plan.call_id, say, "command-2") == DONE
        await bus_node.wait_for_event(AgentSaid)
    reported = [event.command_id for event in await bus_node.events() if isinstance(event, CallCommanded)]
    assert reported == ["command-2"]


async def test_polite_end_plays_the_goodbye(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        assert await bus_node.send_command(plan.call_id, EndCall("spend_limit", polite=True)) == DONE
        assert await bus_node.send_command(plan.call_id, SayText("Wait!"), "command-2") == ENDING
        await phone.wait_for("closed")
    assert phone.close_code == 1000
    assert len(phone.audio) == 600 * 8
    assert (await bus_node.wait_for_event(AgentSaid)).text.endswith("Please call again later. Goodbye.")
    assert (await bus_node.wait_for_event(CallEnded)).end_reason == "spend_limit"


async def test_end_command_overrides_the_agents_goodbye(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        assert await bus_node.send_command(plan.call_id, EndCall("silence", polite=True)) == DONE
        assert await bus_node.send_command(plan.call_id, SayText("Wait!"), "command-2") == ENDING
        assert await bus_node.send_command(plan.call_id, EndCall("spend_limit", polite=True), "order-3") == DONE
        assert await bus_node.send_command(plan.call_id, EndCall("admin"), "order-4") == ENDING
        await phone.wait_for("closed")
    assert (await bus_node.wait_for_event(CallEnded)).end_reason == "spend_limit"


async def test_transfer_outcome_is_stored_before_the_socket_closes(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        assert await bus_node.send_command(plan.call_id, TransferCall("+14155550100", "One moment.")) == DONE
        await phone.wait_for("closed")
        outcome = await bus_node.outcome(plan.call_id)
    assert outcome is not None and outcome.number == "+14155550100"
    assert (await bus_node.wait_for_event(CallEnded)).end_reason == "transferred"


async def test_unknown_call_is_answered(bus_node: BusNode, plan: CallPlan) -> None:
    assert await bus_node.send_command("another", EndCall()) == UNKNOWN_CALL
    phone = await bus_node.dial(plan)
    await bus_node.wait_for_event(CallStarted)
    await phone.hang_up()
    await bus_node.wait_for_event(CallEnded)
    assert await bus_node.send_command(plan.call_id, EndCall(), "command-2") == UNKNOWN_CALL


async def test_receptionist_transfers_callers(bus_node: BusNode, speech: bytes) -> None:
    """From the caller's request, over the model's tool call, to the outcome on the bus."""
    llm = b'{"provider": "standin", "options": {"first_token_ms": 10, "token_ms": 1, "text": "Thank you for calling."}}'
    plan = call_plan(
        PLAN,
        (llm, b'{"provider": "receptionist"}'),
        (b"and so my fellow americans", b"let me speak to a person please"),
        (b'"language": "en"', b'"language": "en", "fallback_number": "+14155550100"'),
        (b'"recording": false', b'"recording": false, "tools": ["end_call", "transfer"]'),
    )
    phone = await bus_node.dial(plan, returns_marks=True)
    await phone.speak(speech)
    async with phone.sending_silence():
        await phone.wait_for("closed")
    outcome = await bus_node.outcome(plan.call_id)
    assert outcome is not None and outcome.number == "+14155550100"
    assert "put you through" in (await bus_node.wait_for_event(AgentSaid)).text
