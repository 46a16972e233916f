"""Calls that Telnyx places: dialed, transferred, bridged, with answering machine detection."""

import pytest
from telnyx import UnprocessableEntityError

from simulator.carrier.network.phone_network import Subscriber
from tests.simulator.carrier.network.telnyx.account import (
    CALLER,
    NUMBER,
    RTP,
    Account,
    Payload,
    Speaker,
    account,
    eventually,
)

FRIEND = "+12125550111"
MACHINE = ("call.machine.detection.ended", "machine")


async def dial(telnyx: Account, to: str = FRIEND, **more: object) -> str:
    """Dials; returns the call control id."""
    data = (await telnyx.client.calls.dial(connection_id="7001", from_=NUMBER, to=to, extra_body=more)).data
    assert data is not None and data.is_alive and data.record_type == "call"
    return data.call_control_id


async def test_a_dialed_call_is_answered_and_streamed() -> None:
    async with account() as telnyx:
        person = Speaker()
        telnyx.phone_network.subscribers[FRIEND] = Subscriber(ring_s=0.02, party=lambda: person)
        url = f"{telnyx.customer.media_url}/token"
        control_id = await dial(telnyx, stream_url=url, stream_auth_token="secret", client_state="c3RhdGU=", **RTP)
        initiated = await telnyx.customer.event("call.initiated")
        assert (initiated["direction"], initiated["state"]) == ("outgoing", "bridging")
        assert (initiated["from"], initiated["to"], initiated["client_state"]) == (NUMBER, FRIEND, "c3RhdGU=")
        answered = await telnyx.customer.event("call.answered")
        assert (answered["call_control_id"], answered["stream_url"]) == (control_id, url)
        agent = await telnyx.customer.agent()
        assert agent.headers["Authorization"] == "Bearer secret"
        assert (agent.of("start")[0]["start"]["from"], agent.of("start")[0]["start"]["to"]) == (NUMBER, FRIEND)
        await agent.play(b"\x11" * 160)
        await eventually(lambda: len(person.loud) == 160)
        person.leaving = True
        hangup = await telnyx.customer.event("call.hangup")
        assert (hangup["hangup_cause"], hangup["hangup_source"], hangup["sip_hangup_cause"]) == (
            "normal_clearing",
            "callee",
            "200",
        )


@pytest.mark.parametrize(
    ("behavior", "cause", "sip"),
    [
        ("busy", "user_busy", "486"),
        ("reject", "call_rejected", "603"),
        ("no_answer", "timeout", "487"),
        ("unknown", "not_found", "404"),
    ],
)
async def test_a_dialed_call_that_is_not_answered(behavior: str, cause: str, sip: str) -> None:
    async with account(second_s=0.01) as telnyx:
        telnyx.phone_network.default = None
        if behavior != "unknown":
            telnyx.phone_network.subscribers[FRIEND] = Subscriber(behavior, ring_s=0.01)  # type: ignore[arg-type]
        control_id = await dial(telnyx, timeout_secs=5)
        hangup = await telnyx.customer.event("call.hangup")
        assert (hangup["hangup_cause"], hangup["sip_hangup_cause"]) == (cause, sip)
        assert "call.answered" not in telnyx.customer.types()
        assert not telnyx.carrier.calls.leg(control_id).alive
        assert (await telnyx.customer.event("call.cost"))["total_cost"] == "0.00000"


async def test_ringing_call_can_be_hung_up() -> None:
    async with account() as telnyx:
        telnyx.phone_network.subscribers[FRIEND] = Subscriber("no_answer")
        control_id = await dial(telnyx)
        await telnyx.customer.event("call.initiated")
        await telnyx.client.calls.actions.hangup(control_id)
        hangup = await telnyx.customer.event("call.hangup")
        assert (hangup["hangup_cause"], hangup["hangup_source"]) == ("originator_cancel", "caller")


async def test_a_repeated_dial_is_the_same_call() -> None:
    async with account() as telnyx:
        first = await dial(telnyx, command_id="dial-1")
        assert await dial(telnyx, command_id="dial-1") == first
        assert await dial(telnyx, command_id="dial-2") != first
        assert await dial(telnyx) != await dial(telnyx)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"connection_id": "1"}, "10015", "/connection_id"),
        ({"to": "911"}, "10016", "/to"),
        ({"to": [FRIEND, CALLER]}, "10015", "/to"),
        ({"from": ""}, "10004", "/from"),
        ({"timeout_secs": 601}, "10033", "/timeout_secs"),
        ({"timeout_secs": "30"}, "10015", "/timeout_secs"),
        ({"time_limit_secs": 14_401}, "10033", "/time_limit_secs"),
        ({"answering_machine_detection": "yes"}, "10032", "/answering_machine_detection"),
        ({"record": "always"}, "10032", "/record"),
        ({"webhook_url": "example.com"}, "10015", "/webhook_url"),
    ],
)
async def test_refused_dial_places_no_call(body: Payload, code: str, pointer: str) -> None:
    async with account() as telnyx:
        status, answer = await telnyx.post("/calls", {"connection_id": "7001", "from": NUMBER, "to": FRIEND} | body)
        (error,) = answer["errors"]
        assert (status, error["code"], error["source"]["pointer"]) == (422, code, pointer)
        assert not telnyx.carrier.calls.legs


@pytest.mark.parametrize(
    ("detection", "machine", "events"),
    [
        ("detect", True, [MACHINE]),
        ("detect", False, [("call.machine.detection.ended", "human")]),
        (
            "detect_beep",
            True,
            [("call.machine.detection.ended", "machine"), ("call.machine.greeting.ended", "beep_detected")],
        ),
        ("greeting_end", True, [("call.machine.detection.ended", "machine"), ("call.machine.greeting.ended", "ended")]),
        ("premium", False, [("call.machine.premium.detection.ended", "human_residence")]),
        (
            "premium",
            True,
            [
                ("call.machine.premium.detection.ended", "machine"),
                ("call.machine.premium.greeting.ended", "beep_detected"),
            ],
        ),
    ],
)
async def test_answering_machine_detection(detection: str, machine: bool, events: list[tuple[str, str]]) -> None:
    async with account() as telnyx:
        behavior = "machine" if machine else "answer"
        telnyx.phone_network.subscribers[FRIEND] = Subscriber(behavior, ring_s=0.01, greeting_s=1.0)  # type: ignore[arg-type]
        await dial(telnyx, answering_machine_detection=detection)
        for name, result in events:
            assert (await telnyx.customer.event(name))["result"] == result
        assert [kind for kind in telnyx.customer.types() if "machine" in kind] == [name for name, _ in events]


async def test_transfer_bridges_both_legs_and_ends_the_stream() -> None:
    async with account() as telnyx:
        person, friend = Speaker(frame=b"\x21" * 160), Speaker(frame=b"\x22" * 160)
        telnyx.phone_network.subscribers[FRIEND] = Subscriber(ring_s=0.02, party=lambda: friend)
        control_id = await telnyx.place_answered_call(person, stream_url=f"{telnyx.customer.media_url}/one", **RTP)
        await telnyx.customer.agent()
        await telnyx.client.calls.actions.transfer(control_id, to=FRIEND, target_leg_client_state="bGVn")
        initiated = await telnyx.customer.event("call.initiated", 2)
        assert (initiated["from"], initiated["to"], initiated["client_state"]) == (NUMBER, FRIEND, "bGVn")
        await telnyx.customer.event("call.bridged", 2)
        await telnyx.customer.event("streaming.stopped")
        ids = {bridged["call_control_id"] for bridged in telnyx.customer.payloads("call.bridged")}
        assert ids == {control_id, initiated["call_control_id"]}
        assert len({bridged["call_session_id"] for bridged in telnyx.customer.payloads("call.bridged")}) == 1
        await eventually(lambda: person.loud.count(0x22) > 1_600 and friend.loud.count(0x21) > 1_600)
        friend.leaving = True
        await telnyx.customer.event("call.hangup", 2)
        sources = {
            payload["call_control_id"]: payload["hangup_source"] for payload in telnyx.customer.payloads("call.hangup")
        }
        assert sources == {control_id: "callee", initiated["call_control_id"]: "callee"}


async def test_transfer_to_a_busy_phone_keeps_the_call_and_its_stream() -> None:
    async with account() as telnyx:
        person = Speaker()
        telnyx.phone_network.subscribers[FRIEND] = Subscriber("busy", ring_s=0.01)
        control_id = await telnyx.place_answered_call(person, stream_url=f"{telnyx.customer.media_url}/one", **RTP)
        agent = await telnyx.customer.agent()
        await telnyx.client.calls.actions.transfer(control_id, to=FRIEND)
        hangup = await telnyx.customer.event("call.hangup")
        assert (hangup["to"], hangup["hangup_cause"]) == (FRIEND, "user_busy")
        await agent.play(b"\x11" * 160)
        await eventually(lambda: len(person.loud) == 160)
        assert telnyx.carrier.calls.leg(control_id).alive


async def test_caller_hangs_up_while_the_transfer_rings() -> None:
    async with account() as telnyx:
        person = Speaker()
        telnyx.phone_network.subscribers[FRIEND] = Subscriber("no_answer")
        control_id = await telnyx.place_answered_call(person)
        await telnyx.client.calls.actions.transfer(control_id, to=FRIEND)
        await telnyx.customer.event("call.initiated", 2)
        person.leaving = True
        await telnyx.customer.event("call.hangup", 2)
        causes = {payload["to"]: payload["hangup_cause"] for payload in telnyx.customer.payloads("call.hangup")}
        assert causes == {NUMBER: "normal_clearing", FRIEND: "originator_cancel"}


async def test_a_leg_that_parks_stays_up_after_the_bridge() -> None:
    async with account() as telnyx:
        friend = Speaker(lasts_ms=400)
        telnyx.phone_network.subscribers[FRIEND] = Subscriber(ring_s=0.01, party=lambda: friend)
        control_id = await telnyx.place_answered_call(Speaker())
        await telnyx.client.calls.actions.transfer(control_id, to=FRIEND, park_after_unbridge="self")
        assert (await telnyx.customer.event("call.hangup"))["to"] == FRIEND
        await telnyx.client.calls.actions.speak(control_id, payload="Still there?", voice="female")
        await telnyx.customer.event("call.speak.ended")
        assert telnyx.carrier.calls.leg(control_id).alive


async def test_second_answered_transfer_is_hung_up() -> None:
    async with account() as telnyx:
        quick, late = Speaker(frame=b"\x22" * 160), Speaker(frame=b"\x23" * 160)
        telnyx.phone_network.subscribers[FRIEND] = Subscriber(ring_s=0.01, party=lambda: quick)
        telnyx.phone_network.subscribers["+12125550112"] = Subscriber(ring_s=1.5, party=lambda: late)
        person = Speaker()
        control_id = await telnyx.place_answered_call(person)
        await telnyx.client.calls.actions.transfer(control_id, to="+12125550112")
        await telnyx.client.calls.actions.transfer(control_id, to=FRIEND)
        assert (await telnyx.customer.event("call.hangup"))["to"] == "+12125550112"
        before = person.loud.count(0x22)
        await eventually(lambda: person.loud.count(0x22) > before + 1_600)
        assert 0x23 not in person.loud
        with pytest.raises(UnprocessableEntityError):
            await telnyx.client.calls.actions.transfer(control_id, to="+12125550113")


async def test_call_is_in_the_networks_journal() -> None:
    async with account() as telnyx:
        control_id = await dial(telnyx)
        await telnyx.customer.event("call.answered")
        (passed,) = telnyx.phone_network.journal
        assert (passed.ring.carrier, passed.ring.call_id, passed.state) == ("telnyx", control_id, "in_progress")


async def test_two_calls_are_bridged() -> None:
    async with account() as telnyx:
        person, friend = Speaker(frame=b"\x21" * 160), Speaker(frame=b"\x22" * 160)
        telnyx.phone_network.subscribers[FRIEND] = Subscriber(ring_s=0.01, party=lambda: friend)
        first = await telnyx.place_answered_call(person)
        second = await dial(telnyx)
        await telnyx.customer.event("call.answered", 2)
        await telnyx.client.calls.actions.bridge(first, call_control_id_to_bridge_with=second)
        await eventually(lambda: 0x22 in person.loud and 0x21 in friend.loud)
        with pytest.raises(UnprocessableEntityError):
            await telnyx.client.calls.actions.speak(first, payload="Hello", voice="female")
        person.leaving = True
        await telnyx.customer.event("call.hangup", 2)
