"""A call on the bus, from its token to its last event."""

import json
from base64 import b64encode

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from media.call.phrases import phrases_in
from media.server.limits import WorkerLimits
from shared.bus.checkpoints import StreamOutcome
from shared.bus.nodes import NodeRegistry, NodeState
from shared.events import AgentSaid, CallEnded, CallerSaid, CallStarted
from shared.plan import CallPlan
from tests.media.server.bus.conftest import call_plan
from tests.media.server.conftest import PLAN, with_limits
from tests.media.server.phone import CALL, STREAM, Phone, start_message
from tests.platform.bus_node import NODE, BusNode, wait_until


async def test_events_of_a_whole_call_are_published_in_order(bus_node: BusNode, plan: CallPlan, speech: bytes) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    await phone.speak(speech)
    async with phone.sending_silence():
        await bus_node.wait_for_event(AgentSaid)
    live = await bus_node.live_call(plan.call_id)
    assert live is not None and (live.node_id, live.leg) == (NODE, 0)
    await phone.hang_up()
    ended = await bus_node.wait_for_event(CallEnded)
    assert (ended.status, ended.end_reason) == ("completed", "caller_hangup")
    found = await bus_node.envelopes()
    assert [envelope.seq for envelope in found] == list(range(1, len(found) + 1))
    assert {envelope.call_id for envelope in found} == {plan.call_id}
    started = found[0].event
    assert isinstance(started, CallStarted) and started.carrier_call_id == CALL
    outcome = await bus_node.outcome(plan.call_id)
    assert outcome is not None and outcome.number == ""
    assert isinstance(found[-1].event, CallEnded) and found[-1].event.end_reason == "caller_hangup"
    assert await wait_until(lambda: is_removed(bus_node, plan))


async def is_removed(bus_node: BusNode, plan: CallPlan) -> bool:
    return await bus_node.live_call(plan.call_id) is None


async def test_conversation_is_checkpointed_for_another_node(bus_node: BusNode, plan: CallPlan, speech: bytes) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    await phone.speak(speech)
    async with phone.sending_silence():
        await bus_node.wait_for_event(AgentSaid)

        async def has_both_messages() -> bool:
            checkpoint = await bus_node.checkpoint(plan.call_id)
            return checkpoint is not None and len(checkpoint.messages) == 2

        await wait_until(has_both_messages)
    checkpoint = await bus_node.checkpoint(plan.call_id)
    assert checkpoint is not None and (checkpoint.node_id, checkpoint.leg, checkpoint.turn) == (NODE, 0, 1)
    assert [(message.role, message.text) for message in checkpoint.messages] == [
        ("user", "and so my fellow americans"),
        ("assistant", "Thank you for calling."),
    ]
    assert checkpoint.usage.llm_requests == 1 and checkpoint.usage.tts_characters == len("Thank you for calling.")
    assert 0 < checkpoint.at_ms - checkpoint.began_ms < 60_000
    await phone.hang_up()


async def test_question_is_checkpointed_before_it_is_answered(bus_node: BusNode, plan: CallPlan, speech: bytes) -> None:
    """Its turn is not counted yet, because no event has reported it."""
    phone = await bus_node.dial(plan)
    await phone.speak(speech)
    async with phone.sending_silence():

        async def has_question() -> bool:
            checkpoint = await bus_node.checkpoint(plan.call_id)
            return checkpoint is not None and bool(checkpoint.messages)

        await wait_until(has_question)
    await phone.hang_up()
    checkpoint = await bus_node.checkpoint(plan.call_id)
    assert checkpoint is not None and checkpoint.messages[0].role == "user"


class TestTokens:
    """Which tokens get a plan."""

    async def dial_refused(self, bus_node: BusNode, token: str, reason: str, call: str = CALL) -> int | None:
        phone = await bus_node.dial_with_token(token, call=call)
        await phone.wait_for("closed")
        assert bus_node.metric("vocalized_media_refused_total", reason=reason) == 1
        assert await bus_node.events() == []
        return phone.close_code

    async def test_can_be_claimed_once(self, bus_node: BusNode, plan: CallPlan) -> None:
        token = await bus_node.ticket(plan)
        phone = await bus_node.dial_with_token(token)
        await bus_node.wait_for_event(CallStarted)
        second = await bus_node.dial_with_token(token)
        await second.wait_for("closed")
        assert second.close_code == 1008
        assert bus_node.metric("vocalized_media_refused_total", reason="ticket_unknown") == 1
        await phone.hang_up()

    async def test_wrong_call_does_not_consume_it(self, bus_node: BusNode, plan: CallPlan) -> None:
        token = await bus_node.ticket(plan)
        assert await self.dial_refused(bus_node, token, "ticket_other_call", call="CAother") == 1008
        phone = await bus_node.dial_with_token(token)
        await bus_node.wait_for_event(CallStarted)
        await phone.hang_up()

    async def test_missing_token_is_refused(self, bus_node: BusNode) -> None:
        assert await self.dial_refused(bus_node, "", "no_token") == 1008

    async def test_unknown_token_is_refused(self, bus_node: BusNode) -> None:
        assert await self.dial_refused(bus_node, "A" * 32, "ticket_unknown") == 1008

    async def test_may_be_in_the_path_for_telnyx(self, bus_node: BusNode, plan: CallPlan) -> None:
        token = await bus_node.ticket(plan, "telnyx", "v3:control-id")
        socket = await bus_node.session.ws_connect(f"{bus_node.url}/media/telnyx/{token}")
        form = {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
        start = {"call_control_id": "v3:control-id", "media_format": form, "from": "+14155550100", "to": "+1415555"}
        await socket.send_str(json.dumps({"event": "start", "stream_id": "s1", "start": start}))
        started = await bus_node.wait_for_event(CallStarted)
        assert (started.carrier, started.carrier_call_id) == ("telnyx", "v3:control-id")
        await socket.send_str(json.dumps({"event": "stop", "stream_id": "s1"}))
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert (await bus_node.wait_for_event(CallEnded)).end_reason == "caller_hangup"

    async def test_unusable_audio_ends_the_call_for_good(self, bus_node: BusNode, plan: CallPlan) -> None:
        """Another node could not use it either."""
        token = await bus_node.ticket(plan, "telnyx", "v3:control-id")
        socket = await bus_node.session.ws_connect(f"{bus_node.url}/media/telnyx/{token}")
        form = {"encoding": "OPUS", "sample_rate": 48000, "channels": 1}
        start = {"call_control_id": "v3:control-id", "media_format": form}
        await socket.send_str(json.dumps({"event": "start", "stream_id": "s1", "start": start}))
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 1002
        assert await bus_node.outcome(plan.call_id) == StreamOutcome(plan.leg, is_refused=True)
        ended = await bus_node.wait_for_event(CallEnded)
        assert (ended.status, ended.end_reason) == ("failed", "carrier_error")
        assert "OPUS" in ended.detail
        assert bus_node.metric("vocalized_media_wire_errors_total", code="bad_format") == 1

    async def test_our_id_suffices_where_telnyx_has_changed_its_own(self, bus_node: BusNode, plan: CallPlan) -> None:
        form = {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
        for reference, code in (("inbound:another-call", 1008), (f"inbound:{plan.call_id}", None)):
            token = await bus_node.ticket(plan, "telnyx", "v3:control-id")
            socket = await bus_node.session.ws_connect(f"{bus_node.url}/media/telnyx/{token}")
            state = b64encode(reference.encode()).decode()
            start = {"call_control_id": "v3:changed", "client_state": state, "media_format": form}
            await socket.send_str(json.dumps({"event": "start", "stream_id": "s1", "start": start}))
            if code is not None:
                assert (await socket.receive()).type is WSMsgType.CLOSE
                assert socket.close_code == code
        assert (await bus_node.wait_for_event(CallStarted)).carrier_call_id == "v3:changed"
        await socket.send_str(json.dumps({"event": "stop", "stream_id": "s1"}))
        await bus_node.wait_for_event(CallEnded)

    async def test_may_be_in_the_path_for_a_browser(self, bus_node: BusNode, plan: CallPlan) -> None:
        token = await bus_node.ticket(plan, "browser", "")
        socket = await bus_node.session.ws_connect(f"{bus_node.url}/media/browser/{token}")
        await socket.send_str('{"event": "start", "format": {"encoding": "pcm_s16le", "sample_rate": 16000}}')
        assert (await bus_node.wait_for_event(CallStarted)).carrier == "browser"
        await socket.send_str('{"event": "stop"}')
        assert (await bus_node.wait_for_event(CallEnded)).end_reason == "caller_hangup"

    @pytest.mark.parametrize("path", ["/media/telnyx/", "/media/telnyx/a/b", "/media/telnyx/a.b", "/media/x/a"])
    async def test_other_paths_are_not_found(self, bus_node: BusNode, path: str) -> None:
        with pytest.raises(WSServerHandshakeError, match="404"):
            await bus_node.session.ws_connect(bus_node.url + path)


class TestAttackers:
    """Attackers at a node for one call and one pending socket."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, max_calls=1, max_pending=1)

    async def test_cannot_block_calls(self, bus_node: BusNode, plan: CallPlan) -> None:
        """Neither silent sockets nor refused ones that stay open use up capacity or count as load."""
        async with (
            bus_node.session.ws_connect(bus_node.url + "/media/twilio") as silent,
            bus_node.session.ws_connect(bus_node.url + "/media/twilio") as refused_socket,
        ):
            assert (await silent.receive()).type in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR)
            await refused_socket.send_str('{"event": "connected", "protocol": "Call", "version": "1.0.0"}')
            await refused_socket.send_str(json.dumps(start_message(token="A" * 32)))
            await wait_until(lambda: is_refusal_counted(bus_node, "ticket_unknown"))
            node = await wait_until(lambda: node_with_calls(bus_node, 0))
            assert await NodeRegistry(bus_node.redis).choose() == node
            phone = await bus_node.dial(plan)
            await bus_node.wait_for_event(CallStarted)
            await wait_until(lambda: node_with_calls(bus_node, 1))
            assert await NodeRegistry(bus_node.redis).choose() is None
            await phone.hang_up()


class TestOneCallNode:
    """A node with capacity for one call."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, max_calls=1)

    async def test_ticket_refused_for_capacity_stays_valid(self, bus_node: BusNode, plan: CallPlan) -> None:
        late = Phone(await bus_node.session.ws_connect(bus_node.url + "/media/twilio"))
        phone = await bus_node.dial(plan)
        await bus_node.wait_for_event(CallStarted)
        token = await bus_node.ticket(call_plan())
        await late.start_stream(token=token)
        await late.wait_for("closed")
        assert late.close_code == 1013
        await phone.hang_up()
        await wait_until(lambda: node_with_calls(bus_node, 0))
        phone = await bus_node.dial_with_token(token)
        await wait_until(lambda: node_with_calls(bus_node, 1))
        await phone.hang_up()


async def is_refusal_counted(bus_node: BusNode, reason: str) -> bool:
    return bus_node.metric("vocalized_media_refused_total", reason=reason) == 1


async def node_with_calls(bus_node: BusNode, calls: int) -> NodeState | None:
    """The node, once it reports so many calls."""
    return next((node for node in await NodeRegistry(bus_node.redis).list_alive() if node.calls == calls), None)


async def test_unusable_plan_fails_the_call_and_refuses_the_stream(bus_node: BusNode) -> None:
    plan = call_plan(PLAN, (b'"standin", "options": {"final_ms"', b'"unknown", "options": {"final_ms"'))
    phone = await bus_node.dial(plan)
    await phone.wait_for("closed")
    assert phone.close_code == 1008
    ended = await bus_node.wait_for_event(CallEnded)
    assert (ended.status, ended.end_reason) == ("failed", "provider_error")
    assert "unknown" in ended.detail
    started, last = await bus_node.events()
    assert isinstance(started, CallStarted) and last == ended
    assert bus_node.metric("vocalized_media_refused_total", reason="bad_plan") == 1


async def test_bus_node_does_not_serve_events(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan)
    await bus_node.wait_for_event(CallStarted)
    async with bus_node.session.get(f"{bus_node.url}/calls/{STREAM}/events") as response:
        assert response.status == 404
    await phone.hang_up()


class TestShortDrain:
    """A drain with a short time limit."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, drain_timeout_s=0.2)

    async def test_remaining_calls_can_be_resumed_elsewhere(
        self, bus_node: BusNode, plan: CallPlan, speech: bytes
    ) -> None:
        """The carrier must be routed to another node, so there is a checkpoint and no outcome."""
        phone = await bus_node.dial(plan, returns_marks=True)
        await phone.speak(speech)
        async with phone.sending_silence():
            await bus_node.wait_for_event(CallerSaid)
            bus_node.node.drain()
            await bus_node.worker.drain()
            await phone.wait_for("closed")
        assert (await bus_node.wait_for_event(CallEnded)).end_reason == "media_lost"
        assert await bus_node.outcome(plan.call_id) is None
        checkpoint = await bus_node.checkpoint(plan.call_id)
        assert checkpoint is not None and checkpoint.messages[0].text == "and so my fellow americans"


async def test_broken_socket_does_not_end_the_call(bus_node: BusNode, plan: CallPlan, speech: bytes) -> None:
    phone = await bus_node.dial(plan)
    await phone.speak(speech)
    await bus_node.wait_for_event(CallStarted)
    response = phone.socket._response  # no public method disconnects without a close
    assert response.connection is not None and response.connection.transport is not None
    response.connection.transport.abort()
    assert (await bus_node.wait_for_event(CallEnded)).end_reason == "carrier_error"
    assert await bus_node.outcome(plan.call_id) is None
    assert (await bus_node.checkpoint(plan.call_id)) is not None


async def test_a_call_whose_voices_are_all_dead_leaves_its_last_words_to_the_carrier(
    bus_node: BusNode, speech: bytes
) -> None:
    language = (b'"language": "en"', b'"language": "de-AT", "fallback_number": "+14155550100"')
    plan = call_plan(PLAN, (b'"first_byte_ms": 10', b'"fail": "open", "first_byte_ms": 10'), language)
    phone = await bus_node.dial(plan)
    await phone.speak(speech)
    async with phone.sending_silence():
        ended = await bus_node.wait_for_event(CallEnded)
    assert ended.end_reason == "transferred" and ended.detail == "provider_error: standin"
    words = phrases_in("de").connecting
    assert await bus_node.outcome(plan.call_id) == StreamOutcome(0, "+14155550100", words, "de-AT")
