"""Inbound calls to a Telnyx number, controlled with the official SDK."""

import asyncio
from base64 import b64decode

import pytest
from telnyx import UnprocessableEntityError

from tests.simulator.carrier.network.telnyx.account import CALLER, NUMBER, RTP, Account, Speaker, account, eventually


async def test_a_call_is_answered_streamed_and_hung_up_by_the_caller() -> None:
    async with account() as telnyx:
        person = Speaker()
        call = telnyx.place_call(person)
        initiated = await telnyx.customer.event("call.initiated")
        assert (initiated["direction"], initiated["state"]) == ("incoming", "parked")
        assert (initiated["from"], initiated["to"]) == (CALLER, NUMBER)
        control_id = initiated["call_control_id"]
        assert control_id.startswith("v3:")

        await telnyx.client.calls.actions.answer(control_id, client_state="c3RhdGU=")
        answered = await telnyx.customer.event("call.answered")
        assert (answered["state"], answered["client_state"]) == ("answered", "c3RhdGU=")
        url = f"{telnyx.customer.media_url}/a-Token_1"
        await telnyx.client.calls.actions.start_streaming(
            control_id, stream_url=url, stream_bidirectional_mode="rtp", stream_codec="PCMU"
        )
        started = await telnyx.customer.event("streaming.started")
        assert (started["stream_url"], started["call_control_id"]) == (url, control_id)
        assert "to" not in started
        agent = await telnyx.customer.agent()
        assert agent.path == "/media/telnyx/a-Token_1"
        start = agent.of("start")[0]
        assert start["sequence_number"] == "1"
        assert start["start"]["call_control_id"] == control_id
        assert start["start"]["call_session_id"] == initiated["call_session_id"]
        assert start["start"]["client_state"] == "c3RhdGU="
        assert start["start"]["media_format"] == {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}
        assert "custom_parameters" not in start["start"]

        await agent.play(b"\x11" * 320)
        await eventually(lambda: len(person.loud) == 320)
        await telnyx.customer.wait_until(lambda: agent.of("media"))
        assert b64decode(agent.of("media")[0]["media"]["payload"]) == person.frame

        person.leaving = True
        hangup = await telnyx.customer.event("call.hangup")
        assert (hangup["hangup_cause"], hangup["hangup_source"]) == ("normal_clearing", "caller")
        assert (hangup["state"], hangup["sip_hangup_cause"]) == ("hangup", "unspecified")
        assert agent.received[-1]["event"] == "stop"
        cost = await telnyx.customer.event("call.cost")
        assert cost["billed_duration_secs"] == 60
        outcome = await call
        assert (outcome.answered, outcome.ended_by, outcome.call_id) == (True, "caller", control_id)
        assert [event["event_type"] for event in telnyx.carrier.webhooks.published] == [
            "call.initiated",
            "call.answered",
            "streaming.started",
            "streaming.stopped",
            "call.hangup",
            "call.cost",
        ]


async def test_caller_hangs_up_while_the_call_rings() -> None:
    async with account() as telnyx:
        gives_up = asyncio.Event()
        call = telnyx.place_call(Speaker(), hung_up=gives_up)
        control_id = (await telnyx.customer.event("call.initiated"))["call_control_id"]
        gives_up.set()
        hangup = await telnyx.customer.event("call.hangup")
        assert (hangup["hangup_cause"], hangup["hangup_source"]) == ("originator_cancel", "caller")
        assert (await call).reason == "cancelled"
        with pytest.raises(UnprocessableEntityError) as refused:
            await telnyx.client.calls.actions.answer(control_id)
        assert refused.value.body["errors"][0]["code"] == "90018"  # type: ignore[index]


@pytest.mark.parametrize(
    ("cause", "reported", "reason"),
    [
        ("USER_BUSY", "user_busy", "busy"),
        ("CALL_REJECTED", "call_rejected", "rejected"),
        ("NOT_FOUND", "not_found", "failed"),
        ("TEMPORARILY_UNAVAILABLE", "unspecified", "failed"),
    ],
)
async def test_a_rejected_call(cause: str, reported: str, reason: str) -> None:
    async with account() as telnyx:
        call = telnyx.place_call(Speaker())
        control_id = (await telnyx.customer.event("call.initiated"))["call_control_id"]
        await telnyx.client.calls.actions.reject(control_id, cause=cause)  # type: ignore[arg-type]
        assert (await telnyx.customer.event("call.hangup"))["hangup_cause"] == reported
        outcome = await call
        assert (outcome.answered, outcome.reason) == (False, reason)


async def test_parked_call_without_a_command_times_out() -> None:
    async with account(park_s=0.05) as telnyx:
        outcome = await telnyx.place_call(Speaker())
        assert (outcome.answered, outcome.reason) == (False, "no_answer")
        assert (await telnyx.customer.event("call.hangup"))["hangup_cause"] == "timeout"


async def test_call_to_a_number_without_the_apps_connection_fails() -> None:
    async with account() as telnyx:
        telnyx.carrier.numbers.add("+14155550124", "")
        outcome = await telnyx.phone_network.call(CALLER, "+14155550124", Speaker())
        assert (outcome.answered, outcome.reason) == (False, "failed")
        assert not telnyx.carrier.webhooks.published


async def test_the_time_limit_ends_the_call() -> None:
    async with account(second_s=0.005) as telnyx:
        call = telnyx.place_call(Speaker())
        control_id = (await telnyx.customer.event("call.initiated"))["call_control_id"]
        await telnyx.client.calls.actions.answer(control_id, extra_body={"time_limit_secs": 30})
        assert (await telnyx.customer.event("call.hangup"))["hangup_cause"] == "time_limit"
        assert (await call).ended_by == "network"


async def test_phone_that_disconnects_while_it_rings_cancels_the_call() -> None:
    async with account() as telnyx:
        call = asyncio.create_task(telnyx.phone_network.call(CALLER, NUMBER, Speaker()))
        await telnyx.customer.event("call.initiated")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await telnyx.customer.event("call.hangup"))["hangup_cause"] == "originator_cancel"


async def test_closing_the_carrier_hangs_up_every_call() -> None:
    async with account() as telnyx:
        person = Speaker()
        await telnyx.place_answered_call(person, stream_url=f"{telnyx.customer.media_url}/one", **RTP)
        await telnyx.customer.agent()
        telnyx.place_call(Speaker())
        await telnyx.customer.event("call.initiated", 2)
        async with asyncio.timeout(30):
            await telnyx.carrier.close()
        await telnyx.customer.event("call.hangup", 2)
        causes = {payload["hangup_cause"] for payload in telnyx.customer.payloads("call.hangup")}
        assert causes == {"normal_clearing", "call_rejected"}


async def test_concurrent_calls_are_independent() -> None:
    async with account() as telnyx:
        people = [Speaker() for _ in range(12)]
        ids = [await telnyx.place_answered_call(person) for person in people]
        assert len(set(ids)) == 12
        for at, control_id in enumerate(ids):
            await telnyx.client.calls.actions.start_streaming(
                control_id, stream_url=f"{telnyx.customer.media_url}/{at}", stream_bidirectional_mode="rtp"
            )
        await telnyx.customer.wait_until(lambda: len(telnyx.customer.agents) == 12)
        for number in range(12):
            agent = await telnyx.customer.agent(number + 1)
            await agent.play(bytes([0x40 + int(agent.path.rsplit("/", 1)[1])]) * 160)
        await eventually(lambda: all(len(person.loud) == 160 for person in people))
        assert [_stream_of(telnyx, control_id) for control_id in ids] == list(range(12))
        assert [set(person.loud) for person in people] == [{0x40 + at} for at in range(12)]


def _stream_of(telnyx: Account, control_id: str) -> int:
    """The index of a call's stream, by its start message."""
    starts = {agent.of("start")[0]["start"]["call_control_id"]: agent.path for agent in telnyx.customer.agents}
    return int(starts[control_id].rsplit("/", 1)[1])
