"""Commands reach a call over the bus: once each, answered, and told in its events."""

from media.server.bus.orders import ENDING, UNKNOWN_CALL
from shared.bus.commands import DONE, EndCall, SayWords, TransferCall
from shared.events import AgentSaid, CallEnded, CallStarted, Commanded
from shared.plan import CallPlan
from tests.media.server.bus.conftest import call_plan
from tests.media.server.bus.station import Station
from tests.media.server.conftest import PLAN


async def test_words_are_said_once_however_often_they_are_ordered(station: Station, plan: CallPlan) -> None:
    phone = await station.dial(plan, returns_marks=True)
    async with phone.going_on():
        await station.until_event(CallStarted)
        for _ in range(3):
            assert await station.order(plan.call_id, SayWords("We close early today.")) == DONE
        said = await station.until_event(AgentSaid)
        assert await station.order(plan.call_id, EndCall("admin"), "order-2") == DONE
        await phone.until("closed")
    assert said.text == "We close early today."
    ended = await station.until_event(CallEnded)
    assert ended.end_reason == "admin"
    events = await station.events()
    assert sum(isinstance(event, AgentSaid) for event in events) == 1
    told = [(event.command, event.command_id) for event in events if isinstance(event, Commanded)]
    assert told == [("say", "order-1"), ("end", "order-2")]
    over = await station.over(plan.call_id)
    assert over is not None and over.number == ""


async def test_a_polite_end_is_played_out(station: Station, plan: CallPlan) -> None:
    phone = await station.dial(plan, returns_marks=True)
    async with phone.going_on():
        await station.until_event(CallStarted)
        assert await station.order(plan.call_id, EndCall("spend_limit", polite=True)) == DONE
        assert await station.order(plan.call_id, SayWords("Wait!"), "order-2") == ENDING
        await phone.until("closed")
    assert phone.close_code == 1000
    assert len(phone.audio) == 600 * 8
    assert (await station.until_event(AgentSaid)).text == "Goodbye."
    assert (await station.until_event(CallEnded)).end_reason == "spend_limit"


async def test_a_goodbye_of_the_agents_own_keeps_nobody_from_ending_the_call(station: Station, plan: CallPlan) -> None:
    phone = await station.dial(plan, returns_marks=True)
    async with phone.going_on():
        await station.until_event(CallStarted)
        assert await station.order(plan.call_id, EndCall("silence", polite=True)) == DONE
        assert await station.order(plan.call_id, SayWords("Wait!"), "order-2") == ENDING
        assert await station.order(plan.call_id, EndCall("spend_limit", polite=True), "order-3") == DONE
        assert await station.order(plan.call_id, EndCall("admin"), "order-4") == ENDING
        await phone.until("closed")
    assert (await station.until_event(CallEnded)).end_reason == "spend_limit"


async def test_a_transfer_leaves_word_before_the_socket_is_closed(station: Station, plan: CallPlan) -> None:
    phone = await station.dial(plan, returns_marks=True)
    async with phone.going_on():
        await station.until_event(CallStarted)
        assert await station.order(plan.call_id, TransferCall("+14155550100", "One moment.")) == DONE
        await phone.until("closed")
        over = await station.over(plan.call_id)
    assert over is not None and over.number == "+14155550100"
    assert (await station.until_event(CallEnded)).end_reason == "transferred"


async def test_a_call_that_is_not_here_is_said_so(station: Station, plan: CallPlan) -> None:
    assert await station.order("another", EndCall()) == UNKNOWN_CALL
    phone = await station.dial(plan)
    await station.until_event(CallStarted)
    await phone.hang_up()
    await station.until_event(CallEnded)
    assert await station.order(plan.call_id, EndCall(), "order-2") == UNKNOWN_CALL


async def test_the_receptionist_puts_callers_through(station: Station, speech: bytes) -> None:
    """The tool that the model asks for, from the caller's words to the word on the bus."""
    llm = b'{"provider": "standin", "options": {"first_token_ms": 10, "token_ms": 1, "text": "Thank you for calling."}}'
    plan = call_plan(
        PLAN,
        (llm, b'{"provider": "receptionist"}'),
        (b"and so my fellow americans", b"let me speak to a person please"),
        (b'"language": "en"', b'"language": "en", "fallback_number": "+14155550100"'),
        (b'"recording": false', b'"recording": false, "tools": ["end_call", "transfer"]'),
    )
    phone = await station.dial(plan, returns_marks=True)
    await phone.speak(speech)
    async with phone.going_on():
        await phone.until("closed")
    over = await station.over(plan.call_id)
    assert over is not None and over.number == "+14155550100"
    assert "put you through" in (await station.until_event(AgentSaid)).text
