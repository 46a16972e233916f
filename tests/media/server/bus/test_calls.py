"""A call on the bus from its token to its last event."""

import json

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from media.server.limits import Limits
from shared.bus.nodes import Nodes, NodeState
from shared.events import AgentSaid, CallEnded, CallerSaid, CallStarted
from shared.plan import CallPlan
from tests.media.server.bus.conftest import call_plan
from tests.media.server.bus.station import NODE, Station, until
from tests.media.server.conftest import PLAN, fewer
from tests.media.server.phone import CALL, STREAM, Phone, start_message


async def test_a_call_is_told_from_its_start_to_its_end(station: Station, plan: CallPlan, speech: bytes) -> None:
    phone = await station.dial(plan, returns_marks=True)
    await phone.speak(speech)
    async with phone.going_on():
        await station.until_event(AgentSaid)
    live = await station.live(plan.call_id)
    assert live is not None and (live.node_id, live.leg) == (NODE, 0)
    await phone.hang_up()
    ended = await station.until_event(CallEnded)
    assert (ended.status, ended.end_reason) == ("completed", "caller_hangup")
    found = await station.envelopes()
    assert [envelope.seq for envelope in found] == list(range(1, len(found) + 1))
    assert {envelope.call_id for envelope in found} == {plan.call_id}
    started = found[0].event
    assert isinstance(started, CallStarted) and started.carrier_call_id == CALL
    over = await station.over(plan.call_id)
    assert over is not None and over.number == ""
    assert isinstance(found[-1].event, CallEnded) and found[-1].event.end_reason == "caller_hangup"
    assert await until(lambda: gone(station, plan))


async def gone(station: Station, plan: CallPlan) -> bool:
    return await station.live(plan.call_id) is None


async def test_what_was_said_is_kept_for_another_node(station: Station, plan: CallPlan, speech: bytes) -> None:
    phone = await station.dial(plan, returns_marks=True)
    await phone.speak(speech)
    async with phone.going_on():
        await station.until_event(AgentSaid)

        async def both() -> bool:
            kept = await station.checkpoint(plan.call_id)
            return kept is not None and len(kept.messages) == 2

        await until(both)
    kept = await station.checkpoint(plan.call_id)
    assert kept is not None and (kept.node_id, kept.leg, kept.turn) == (NODE, 0, 1)
    assert [(message.role, message.text) for message in kept.messages] == [
        ("user", "and so my fellow americans"),
        ("assistant", "Thank you for calling."),
    ]
    assert kept.usage.llm_requests == 1 and kept.usage.stt_ms > 1_000
    assert 0 < kept.at_ms - kept.began_ms < 60_000
    await phone.hang_up()


async def test_a_question_is_kept_before_it_is_answered(station: Station, plan: CallPlan, speech: bytes) -> None:
    """Its turn is not counted then: no event has told it."""
    phone = await station.dial(plan)
    await phone.speak(speech)
    async with phone.going_on():

        async def asked() -> bool:
            kept = await station.checkpoint(plan.call_id)
            return kept is not None and bool(kept.messages)

        await until(asked)
    await phone.hang_up()
    kept = await station.checkpoint(plan.call_id)
    assert kept is not None and kept.messages[0].role == "user"


class TestTokens:
    """Who may have a plan."""

    async def refused(self, station: Station, token: str, reason: str, call: str = CALL) -> int | None:
        phone = await station.knock(token, call=call)
        await phone.until("closed")
        assert station.count("vocalized_media_refused_total", reason=reason) == 1
        assert await station.events() == []
        return phone.close_code

    async def test_is_good_for_one_stream(self, station: Station, plan: CallPlan) -> None:
        token = await station.ticket(plan)
        phone = await station.knock(token)
        await station.until_event(CallStarted)
        second = await station.knock(token)
        await second.until("closed")
        assert second.close_code == 1008
        assert station.count("vocalized_media_refused_total", reason="ticket_unknown") == 1
        await phone.hang_up()

    async def test_is_good_for_its_own_call_only_and_not_burnt_by_another(
        self, station: Station, plan: CallPlan
    ) -> None:
        token = await station.ticket(plan)
        assert await self.refused(station, token, "ticket_other_call", call="CAother") == 1008
        phone = await station.knock(token)
        await station.until_event(CallStarted)
        await phone.hang_up()

    async def test_must_be_there(self, station: Station) -> None:
        assert await self.refused(station, "", "no_token") == 1008

    async def test_is_guessed_in_vain(self, station: Station) -> None:
        assert await self.refused(station, "A" * 32, "ticket_unknown") == 1008

    async def test_may_be_the_path_of_telnyx(self, station: Station, plan: CallPlan) -> None:
        token = await station.ticket(plan, "telnyx", "v3:control-id")
        socket = await station.session.ws_connect(f"{station.url}/media/telnyx/{token}")
        form = {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
        start = {"call_control_id": "v3:control-id", "media_format": form, "from": "+14155550100", "to": "+1415555"}
        await socket.send_str(json.dumps({"event": "start", "stream_id": "s1", "start": start}))
        started = await station.until_event(CallStarted)
        assert (started.carrier, started.carrier_call_id) == ("telnyx", "v3:control-id")
        await socket.send_str(json.dumps({"event": "stop", "stream_id": "s1"}))
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert (await station.until_event(CallEnded)).end_reason == "caller_hangup"

    async def test_may_be_the_path_of_a_browser(self, station: Station, plan: CallPlan) -> None:
        token = await station.ticket(plan, "browser", "")
        socket = await station.session.ws_connect(f"{station.url}/media/browser/{token}")
        await socket.send_str('{"event": "start", "format": {"encoding": "pcm_s16le", "sample_rate": 16000}}')
        assert (await station.until_event(CallStarted)).carrier == "browser"
        await socket.send_str('{"event": "stop"}')
        assert (await station.until_event(CallEnded)).end_reason == "caller_hangup"

    @pytest.mark.parametrize("path", ["/media/telnyx/", "/media/telnyx/a/b", "/media/telnyx/a.b", "/media/x/a"])
    async def test_no_other_path_is_a_door(self, station: Station, path: str) -> None:
        with pytest.raises(WSServerHandshakeError, match="404"):
            await station.session.ws_connect(station.url + path)


class TestStrangers:
    """A node for one call, in front of which one may wait."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, max_calls=1, max_waiting=1)

    async def test_keep_no_call_of_controls_out(self, station: Station, plan: CallPlan) -> None:
        """Neither those who are silent, nor those who are refused and do not leave, nor for who tells of the load."""
        silent = await station.session.ws_connect(station.url + "/media/twilio")
        forger = await station.session.ws_connect(station.url + "/media/twilio")
        assert (await silent.receive()).type in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR)
        await forger.send_str('{"event": "connected", "protocol": "Call", "version": "1.0.0"}')
        await forger.send_str(json.dumps(start_message(token="A" * 32)))
        await until(lambda: counted(station, "ticket_unknown"))
        node = await until(lambda: told(station, 0))
        assert await Nodes(station.redis).place() == node
        phone = await station.dial(plan)
        await station.until_event(CallStarted)
        await until(lambda: told(station, 1))
        assert await Nodes(station.redis).place() is None
        await phone.hang_up()


class TestOnePlace:
    """A node for one call."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, max_calls=1)

    async def test_a_ticket_that_finds_no_room_stays_good(self, station: Station, plan: CallPlan) -> None:
        late = Phone(await station.session.ws_connect(station.url + "/media/twilio"))
        phone = await station.dial(plan)
        await station.until_event(CallStarted)
        token = await station.ticket(call_plan())
        await late.begin(token=token)
        await late.until("closed")
        assert late.close_code == 1013
        await phone.hang_up()
        await until(lambda: told(station, 0))
        phone = await station.knock(token)
        await until(lambda: told(station, 1))
        await phone.hang_up()


async def counted(station: Station, reason: str) -> bool:
    return station.count("vocalized_media_refused_total", reason=reason) == 1


async def told(station: Station, calls: int) -> NodeState | None:
    """The node, once it tells of so many calls."""
    return next((node for node in await Nodes(station.redis).all() if node.calls == calls), None)


async def test_a_plan_that_cannot_be_carried_out_is_told_and_the_stream_refused(station: Station) -> None:
    plan = call_plan(PLAN, (b'"standin", "options": {"final_ms"', b'"nobody", "options": {"final_ms"'))
    phone = await station.dial(plan)
    await phone.until("closed")
    assert phone.close_code == 1008
    ended = await station.until_event(CallEnded)
    assert (ended.status, ended.end_reason) == ("failed", "provider_error")
    assert "nobody" in ended.detail
    started, last = await station.events()
    assert isinstance(started, CallStarted) and last == ended
    assert station.count("vocalized_media_refused_total", reason="bad_plan") == 1


async def test_events_are_not_given_out_by_the_server_itself(station: Station, plan: CallPlan) -> None:
    phone = await station.dial(plan)
    await station.until_event(CallStarted)
    async with station.session.get(f"{station.url}/calls/{STREAM}/events") as response:
        assert response.status == 404
    await phone.hang_up()


class TestShortDrain:
    """A drain that does not wait for long."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, drain_timeout_s=0.2)

    async def test_hands_the_calls_that_remain_over(self, station: Station, plan: CallPlan, speech: bytes) -> None:
        """The carrier must come back and be led to another node: no word that the call is over, but a checkpoint."""
        phone = await station.dial(plan, returns_marks=True)
        await phone.speak(speech)
        async with phone.going_on():
            await station.until_event(CallerSaid)
            station.node.drain()
            await station.worker.drain()
            await phone.until("closed")
        assert (await station.until_event(CallEnded)).end_reason == "media_lost"
        assert await station.over(plan.call_id) is None
        kept = await station.checkpoint(plan.call_id)
        assert kept is not None and kept.messages[0].text == "and so my fellow americans"


async def test_a_socket_that_breaks_is_no_end_of_the_call(station: Station, plan: CallPlan, speech: bytes) -> None:
    phone = await station.dial(plan)
    await phone.speak(speech)
    await station.until_event(CallStarted)
    response = phone.socket._response  # there is no public way to leave without a close
    assert response.connection is not None and response.connection.transport is not None
    response.connection.transport.abort()
    assert (await station.until_event(CallEnded)).end_reason == "carrier_error"
    assert await station.over(plan.call_id) is None
    assert (await station.checkpoint(plan.call_id)) is not None
