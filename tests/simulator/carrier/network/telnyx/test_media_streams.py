"""Media streams of Telnyx calls: start, end, and settings with silent effects."""

import asyncio
from base64 import b64decode

import pytest

from tests.simulator.carrier.network.telnyx.account import RTP, Speaker, account, eventually


async def test_call_stays_up_in_silence_when_the_agents_side_closes_the_socket() -> None:
    async with account() as telnyx:
        person = Speaker()
        control_id = await telnyx.place_answered_call(person, stream_url=f"{telnyx.customer.media_url}/one", **RTP)
        agent = await telnyx.customer.agent()
        await agent.play(b"\x11" * 160)
        await eventually(lambda: len(person.loud) == 160)
        await agent.close()
        await telnyx.customer.event("streaming.stopped")
        before = len(person.heard)
        await eventually(lambda: len(person.heard) > before + 1_600)
        assert (await telnyx.client.calls.retrieve_status(control_id)).data.is_alive  # type: ignore[union-attr]
        assert "call.hangup" not in telnyx.customer.types()

        await telnyx.client.calls.actions.start_streaming(
            control_id, stream_url=f"{telnyx.customer.media_url}/two", stream_bidirectional_mode="rtp"
        )
        second = await telnyx.customer.agent(2)
        await second.play(b"\x12" * 160)
        await eventually(lambda: len(person.loud) == 320)
        await telnyx.client.calls.actions.hangup(control_id)
        hangup = await telnyx.customer.event("call.hangup")
        assert (hangup["hangup_cause"], hangup["hangup_source"]) == ("normal_clearing", "callee")
        assert second.received[-1]["event"] == "stop"


async def test_close_of_a_stream_may_go_unreported() -> None:
    async with account() as telnyx:
        telnyx.carrier.faults.silent_closes = True
        control_id = await telnyx.place_answered_call(Speaker(), stream_url=f"{telnyx.customer.media_url}/one", **RTP)
        await (await telnyx.customer.agent()).close()
        leg = telnyx.carrier.calls.leg(control_id)
        await eventually(lambda: leg.stream is None)
        await telnyx.client.calls.actions.hangup(control_id)
        await telnyx.customer.event("call.hangup")
        assert "streaming.stopped" not in telnyx.customer.types()


@pytest.mark.parametrize("event", ["failed", "stopped"])
async def test_call_stays_up_when_the_socket_breaks(event: str) -> None:
    async with account(broken_stream=event) as telnyx:
        control_id = await telnyx.place_answered_call(Speaker(), stream_url=f"{telnyx.customer.media_url}/one", **RTP)
        (await telnyx.customer.agent()).abort()
        reported = await telnyx.customer.event(f"streaming.{event}")
        if event == "failed":
            assert "1006" in reported["failure_reason"]
            assert reported["stream_params"] == {
                "stream_url": f"{telnyx.customer.media_url}/one",
                "track": "inbound_track",
            }
        assert (await telnyx.client.calls.retrieve_status(control_id)).data.is_alive  # type: ignore[union-attr]


async def test_stream_that_cannot_connect_fails_and_can_be_started_again() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker(), stream_url="ws://127.0.0.1:1/media/telnyx/x", **RTP)
        failed = await telnyx.customer.event("streaming.failed")
        assert "nothing answers" in failed["failure_reason"]
        assert failed["stream_type"] == "websocket"
        assert "streaming.started" not in telnyx.customer.types()
        await telnyx.client.calls.actions.start_streaming(control_id, stream_url=f"{telnyx.customer.media_url}/two")
        await telnyx.customer.agent()


async def test_without_rtp_mode_audio_is_dropped_without_an_error() -> None:
    async with account() as telnyx:
        person = Speaker()
        control_id = await telnyx.place_answered_call(person, stream_url=f"{telnyx.customer.media_url}/one")
        agent = await telnyx.customer.agent()
        await agent.play(b"\x11" * 1_600)
        await agent.send("mark", mark={"name": "said"})
        await telnyx.customer.wait_until(lambda: agent.of("mark"))
        before = len(person.heard)
        await eventually(lambda: len(person.heard) > before + 3_200)
        assert person.loud == b""
        assert not agent.of("error")
        leg = telnyx.carrier.calls.leg(control_id)
        await telnyx.client.calls.actions.hangup(control_id)
        await telnyx.customer.event("call.hangup")
        assert [fault.code for fault in leg.faults] == ["unheard"]
        assert leg.line is None


async def test_target_leg_opposite_of_a_single_leg_drops_the_audio() -> None:
    async with account() as telnyx:
        person = Speaker()
        url = f"{telnyx.customer.media_url}/one"
        await telnyx.place_answered_call(person, stream_url=url, stream_bidirectional_target_legs="opposite", **RTP)
        agent = await telnyx.customer.agent()
        await agent.play(b"\x11" * 1_600)
        await agent.send("mark", mark={"name": "said"})
        await telnyx.customer.wait_until(lambda: agent.of("mark"))
        before = len(person.heard)
        await eventually(lambda: len(person.heard) > before + 3_200)
        assert person.loud == b""


async def test_stream_without_a_codec_uses_the_calls_codec() -> None:
    async with account(codecs="PCMA") as telnyx:
        person = Speaker(frame=b"\xce" * 160)
        control_id = await telnyx.place_answered_call(person)
        await telnyx.client.calls.actions.start_streaming(control_id, stream_url=f"{telnyx.customer.media_url}/one")
        agent = await telnyx.customer.agent()
        assert agent.of("start")[0]["start"]["media_format"]["encoding"] == "PCMA"
        await telnyx.customer.wait_until(lambda: agent.of("media"))
        assert b64decode(agent.of("media")[0]["media"]["payload"]) == b"\xfb" * 160


@pytest.mark.parametrize("codec", ["G722", "OPUS"])
async def test_other_codecs_are_not_transcoded_whatever_is_asked_for(codec: str) -> None:
    async with account(codecs=codec) as telnyx:
        await telnyx.place_answered_call(Speaker(), stream_url=f"{telnyx.customer.media_url}/one", **RTP)
        agent = await telnyx.customer.agent()
        assert agent.of("start")[0]["start"]["media_format"]["encoding"] == codec
        await telnyx.customer.wait_until(lambda: agent.of("media"))
        assert len(b64decode(agent.of("media")[0]["media"]["payload"])) == {"G722": 160, "OPUS": 3}[codec]


async def test_preferred_codec_is_negotiated_if_it_is_offered() -> None:
    async with account(codecs="G722,PCMA,PCMU") as telnyx:
        await telnyx.place_answered_call(Speaker(), preferred_codecs="PCMU,PCMA,G722")
        assert (await telnyx.customer.event("call.answered"))["codec"] == "PCMU"


async def test_only_streaming_start_takes_parameters_and_a_token() -> None:
    given = {"custom_parameters": [{"name": "token", "value": "t-1"}], "stream_auth_token": "secret"}
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(
            Speaker(), stream_url=f"{telnyx.customer.media_url}/one", extra_body=given, **RTP
        )
        first = await telnyx.customer.agent()
        assert "custom_parameters" not in first.of("start")[0]["start"]
        assert "Authorization" not in first.headers
        await telnyx.client.calls.actions.stop_streaming(control_id)
        await telnyx.customer.event("streaming.stopped")
        assert first.received[-1]["event"] == "stop"
        await telnyx.client.calls.actions.start_streaming(
            control_id,
            stream_url=f"{telnyx.customer.media_url}/two",
            custom_parameters=[{"name": "token", "value": "t-1"}],
            stream_auth_token="secret",
        )
        second = await telnyx.customer.agent(2)
        assert second.of("start")[0]["start"]["custom_parameters"] == {"token": "t-1"}
        assert second.headers["Authorization"] == "Bearer secret"


async def test_keys_are_sent_on_the_stream_and_as_events() -> None:
    async with account() as telnyx:
        await telnyx.place_answered_call(
            Speaker(digits={at: "7" for at in range(0, 100_000, 500)}),
            stream_url=f"{telnyx.customer.media_url}/one",
            **RTP,
        )
        agent = await telnyx.customer.agent()
        await telnyx.customer.wait_until(lambda: agent.of("dtmf"))
        assert agent.of("dtmf")[0]["dtmf"] == {"digit": "7"}
        assert (await telnyx.customer.event("call.dtmf.received"))["digit"] == "7"


async def test_caller_hangs_up_while_the_media_socket_is_being_opened() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(deaf, "127.0.0.1", 0) as server, account() as telnyx:
        port = server.sockets[0].getsockname()[1]
        person = Speaker()
        await telnyx.place_answered_call(person, stream_url=f"ws://127.0.0.1:{port}/media/telnyx/x", **RTP)
        person.leaving = True
        failed = await telnyx.customer.event("streaming.failed")
        assert failed["failure_reason"] == "the call ended before the stream began"
        assert (await telnyx.customer.event("call.hangup"))["hangup_cause"] == "normal_clearing"


async def test_stream_that_is_stopped_while_it_waits_never_starts() -> None:
    async with account(voice=lambda text: b"\x11" * 16_000) as telnyx:
        control_id = await telnyx.place_answered_call(Speaker())
        actions = telnyx.client.calls.actions
        await actions.speak(control_id, payload="One moment", voice="female")
        await actions.start_streaming(control_id, stream_url=f"{telnyx.customer.media_url}/one")
        await actions.stop_streaming(control_id)
        await actions.start_streaming(control_id, stream_url=f"{telnyx.customer.media_url}/two")
        agent = await telnyx.customer.agent()
        assert agent.path.endswith("/two")
        assert [
            event["event_type"]
            for event in telnyx.carrier.webhooks.published
            if "streaming" in str(event["event_type"])
        ] == ["streaming.started"]
