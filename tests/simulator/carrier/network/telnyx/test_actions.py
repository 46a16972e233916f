"""Call Control commands: accepted, refused (with the error code), and repeated."""

import pytest
from telnyx import (
    AsyncTelnyx,
    AuthenticationError,
    InternalServerError,
    PermissionDeniedError,
    UnprocessableEntityError,
)

from simulator.carrier.network.telnyx.faults import TelnyxFaults
from tests.dtmf_decoder import decode_keys
from tests.simulator.carrier.network.telnyx.account import NUMBER, RTP, Account, Payload, Speaker, account, eventually


def code(error: UnprocessableEntityError) -> tuple[str, str]:
    """Code and pointer of the only error."""
    body: Payload = error.body  # type: ignore[assignment]
    (entry,) = body["errors"]
    assert entry["title"] and entry["detail"]
    return entry["code"], entry.get("source", {}).get("pointer", "")


async def refused(telnyx: Account, path: str, body: object) -> tuple[int, str, str]:
    """Status, code and pointer."""
    status, answer = await telnyx.post(path, body)
    return status, answer["errors"][0]["code"], answer["errors"][0].get("source", {}).get("pointer", "")


async def test_wrong_api_key_is_refused() -> None:
    async with account() as telnyx, AsyncTelnyx(api_key="KEY02", base_url=telnyx.base_url, max_retries=0) as other:
        with pytest.raises(AuthenticationError) as refusal:
            await other.calls.actions.answer("v3:x")
        assert refusal.value.status_code == 401
        body: Payload = refusal.value.body  # type: ignore[assignment]
        assert body["errors"][0]["code"] == "10009"
        async with telnyx.session.get(f"{telnyx.base_url}/phone_numbers") as answer:
            assert answer.status == 401


async def test_fail_next_fails_as_many_requests_as_statuses() -> None:
    async with account() as telnyx:
        telnyx.carrier.fail_next.extend([503, 500])
        for _ in range(2):
            with pytest.raises(InternalServerError):
                await telnyx.client.phone_numbers.list()
        assert len((await telnyx.client.phone_numbers.list()).data) == 1


async def test_command_whose_response_is_lost_can_be_repeated() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker())
        telnyx.carrier.lose_next.append(504)
        with pytest.raises(InternalServerError):
            await telnyx.client.calls.actions.speak(control_id, payload="Hello", voice="female", command_id="one")
        await telnyx.client.calls.actions.speak(control_id, payload="Hello", voice="female", command_id="one")
        assert telnyx.carrier.calls.leg(control_id).said == ["Hello"]


async def test_body_that_is_not_a_json_object_is_refused() -> None:
    async with account() as telnyx:
        headers = {"Authorization": "Bearer KEY01"}
        for body in (b"{", b"[]"):
            async with telnyx.session.post(f"{telnyx.base_url}/calls", data=body, headers=headers) as answer:
                assert answer.status == 400
                assert (await answer.json())["errors"][0]["code"] == "10015"


async def test_commands_are_refused_by_the_state_of_the_call() -> None:
    async with account() as telnyx:
        with pytest.raises(UnprocessableEntityError) as refusal:
            await telnyx.client.calls.actions.hangup("v3:nobody")
        assert code(refusal.value) == ("90015", "/call_control_id")

        telnyx.place_call(Speaker())
        control_id = (await telnyx.customer.event("call.initiated"))["call_control_id"]
        with pytest.raises(UnprocessableEntityError) as refusal:
            await telnyx.client.calls.actions.start_streaming(control_id, stream_url="wss://example.com/x")
        assert code(refusal.value) == ("90034", "")

        await telnyx.client.calls.actions.answer(control_id)
        await telnyx.customer.event("call.answered")
        with pytest.raises(UnprocessableEntityError) as refusal:
            await telnyx.client.calls.actions.answer(control_id)
        assert code(refusal.value) == ("10015", "/call_control_id")

        await telnyx.client.calls.actions.hangup(control_id)
        await telnyx.customer.event("call.hangup")
        with pytest.raises(UnprocessableEntityError) as refusal:
            await telnyx.client.calls.actions.hangup(control_id)
        assert code(refusal.value) == ("90018", "")
        status = (await telnyx.client.calls.retrieve_status(control_id)).data
        assert status is not None and not status.is_alive and status.end_time


async def test_a_repeated_command_id_is_ignored_even_when_the_call_is_over() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker(), command_id="answer-1")
        repeated = await telnyx.client.calls.actions.answer(control_id, command_id="answer-1")
        assert repeated.data is not None and repeated.data.result == "ok"
        for _ in range(3):
            await telnyx.client.calls.actions.speak(control_id, payload="Hello", voice="female", command_id="speak-1")
        await telnyx.client.calls.actions.hangup(control_id, command_id="hang-up-1")
        await telnyx.customer.event("call.hangup")
        await telnyx.client.calls.actions.hangup(control_id, command_id="hang-up-1")
        assert telnyx.carrier.calls.leg(control_id).said == ["Hello"]
        assert telnyx.customer.types().count("call.answered") == 1


async def test_a_repeated_command_id_may_be_refused() -> None:
    """The first command stands."""
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker(), command_id="answer-1")
        telnyx.carrier.faults.refuses_repeats = True
        path = f"/calls/{control_id}/actions/answer"
        assert await refused(telnyx, path, {"command_id": "answer-1"}) == (422, "10015", "/command_id")
        assert telnyx.carrier.calls.leg(control_id).alive


async def test_an_answer_with_one_media_stream_refuses_a_second() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker(), stream_url=f"{telnyx.customer.media_url}/one", **RTP)
        await telnyx.customer.agent()
        with pytest.raises(UnprocessableEntityError) as refusal:
            await telnyx.client.calls.actions.start_streaming(control_id, stream_url="wss://example.com/x")
        assert code(refusal.value) == ("90045", "")


@pytest.mark.parametrize(
    ("command", "body", "expected"),
    [
        ("streaming_start", {}, ("10004", "/stream_url")),
        ("streaming_start", {"stream_url": "https://example.com"}, ("10015", "/stream_url")),
        ("streaming_start", {"stream_url": 1}, ("10015", "/stream_url")),
        ("streaming_start", {"stream_url": "wss://e.com", "stream_bidirectional_mode": "RTP"}, ("10032", "")),
        ("streaming_start", {"stream_url": "wss://e.com", "stream_codec": "pcmu"}, ("10032", "/stream_codec")),
        ("streaming_start", {"stream_url": "wss://e.com", "custom_parameters": {}}, ("10015", "")),
        ("streaming_start", {"stream_url": "wss://e.com", "custom_parameters": [{"name": "a"}]}, ("10015", "")),
        ("streaming_start", {"stream_url": "wss://e.com", "stream_auth_token": "x" * 4_001}, ("10015", "")),
        ("speak", {"voice": "female"}, ("10004", "/payload")),
        ("speak", {"payload": "Hello"}, ("10004", "/voice")),
        ("speak", {"payload": "x" * 3_001, "voice": "female"}, ("10015", "/payload")),
        ("record_start", {"channels": "dual"}, ("10004", "/format")),
        ("record_start", {"format": "wav"}, ("10004", "/channels")),
        ("record_start", {"format": "ogg", "channels": "dual"}, ("10032", "/format")),
        ("record_start", {"format": "wav", "channels": "dual", "max_length": 14_401}, ("10033", "/max_length")),
        ("transfer", {}, ("10004", "/to")),
        ("transfer", {"to": "555"}, ("10016", "/to")),
        ("transfer", {"to": "+14155550111", "timeout_secs": 4}, ("10033", "/timeout_secs")),
        ("send_dtmf", {"digits": "12x"}, ("10015", "/digits")),
        ("playback_start", {}, ("10004", "/audio_url")),
        ("hangup", {"client_state": "not base64!"}, ("10015", "/client_state")),
        ("bridge", {"call_control_id": "v3:nobody"}, ("90015", "/call_control_id")),
    ],
)
async def test_invalid_parameters_are_refused(command: str, body: Payload, expected: tuple[str, str]) -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker())
        status, found, pointer = await refused(telnyx, f"/calls/{control_id}/actions/{command}", body)
        assert (status, found) == (422, expected[0])
        assert pointer == (expected[1] or pointer)
        assert telnyx.carrier.calls.leg(control_id).alive


async def test_unknown_command_is_not_found() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker())
        assert await refused(telnyx, f"/calls/{control_id}/actions/levitate", {}) == (404, "10005", "")


async def test_reject_needs_a_known_cause_and_leaves_the_call_parked_otherwise() -> None:
    async with account() as telnyx:
        telnyx.place_call(Speaker())
        control_id = (await telnyx.customer.event("call.initiated"))["call_control_id"]
        path = f"/calls/{control_id}/actions/reject"
        assert await refused(telnyx, path, {}) == (422, "10004", "/cause")
        assert await refused(telnyx, path, {"cause": "BORED"}) == (422, "10032", "/cause")
        assert telnyx.carrier.calls.leg(control_id).state == "parked"


async def test_spoken_texts_follow_each_other_and_are_reported() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker())
        await telnyx.client.calls.actions.speak(control_id, payload="One moment.", voice="female")
        await telnyx.client.calls.actions.speak(control_id, payload="Goodbye.", voice="female")
        assert (await telnyx.customer.event("call.speak.ended", 2))["status"] == "completed"
        assert telnyx.carrier.calls.leg(control_id).said == ["One moment.", "Goodbye."]
        kinds = [str(event["event_type"]) for event in telnyx.carrier.webhooks.published]
        assert [kind for kind in kinds if "speak" in kind] == ["call.speak.started", "call.speak.ended"] * 2


async def test_text_is_spoken_with_the_given_voice() -> None:
    async with account(voice=lambda text: b"\x11" * 160 * len(text)) as telnyx:
        person = Speaker()
        control_id = await telnyx.place_answered_call(person)
        await telnyx.client.calls.actions.speak(control_id, payload="Yes", voice="female")
        await telnyx.customer.event("call.speak.ended")
        assert person.loud == b"\x11" * 480


async def test_hang_up_cuts_off_the_spoken_text() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker())
        await telnyx.client.calls.actions.speak(control_id, payload="word " * 500, voice="female")
        await telnyx.customer.event("call.speak.started")
        await telnyx.client.calls.actions.hangup(control_id)
        assert (await telnyx.customer.event("call.speak.ended"))["status"] == "call_hangup"
        await telnyx.customer.event("call.hangup")


async def test_keys_are_heard_as_tones() -> None:
    async with account() as telnyx:
        person = Speaker()
        control_id = await telnyx.place_answered_call(person)
        await telnyx.client.calls.actions.send_dtmf(control_id, digits="1w#", duration_millis=100)
        await eventually(lambda: len(person.loud) > 1_500)


async def test_keys_are_mixed_into_a_media_stream() -> None:
    async with account() as telnyx:
        person = Speaker()
        control_id = await telnyx.place_answered_call(person, stream_url=f"{telnyx.customer.media_url}/one", **RTP)
        await telnyx.customer.agent()
        await telnyx.client.calls.actions.send_dtmf(control_id, digits="7", duration_millis=100)
        await eventually(lambda: decode_keys(person.heard) == "7")


async def test_command_affects_only_its_own_call() -> None:
    async with account() as telnyx:
        first = await telnyx.place_answered_call(Speaker())
        second = await telnyx.place_answered_call(Speaker())
        await telnyx.client.calls.actions.hangup(first)
        await telnyx.customer.event("call.hangup")
        status = (await telnyx.client.calls.retrieve_status(second)).data
        assert status is not None and status.is_alive
        assert telnyx.carrier.calls.leg(second).called == NUMBER


async def test_account_limits_refuse_with_their_tag() -> None:
    async with account(channel_limit=1, countries=("+1",)) as telnyx:
        abroad = {"connection_id": "7001", "from": NUMBER, "to": "+441632960000"}
        status, answer = await telnyx.post("/calls", abroad)
        assert (status, answer["errors"][0]["code"]) == (403, "10010")
        assert answer["errors"][0]["detail"].endswith("countries D13")
        await telnyx.client.calls.dial(connection_id="7001", from_=NUMBER, to="+14155550101")
        with pytest.raises(PermissionDeniedError, match="limit exceeded D1"):
            await telnyx.client.calls.dial(connection_id="7001", from_=NUMBER, to="+14155550102")


async def test_refused_command_has_no_effect_and_may_be_sent_again() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker())
        telnyx.carrier.faults.refused = {"speak": "D10"}
        speak = telnyx.client.calls.actions.speak
        with pytest.raises(PermissionDeniedError, match="Connection is disabled D10"):
            await speak(control_id, payload="Hello", voice="female", command_id="one")
        telnyx.carrier.faults.refused = {}
        await speak(control_id, payload="Hello", voice="female", command_id="one")
        assert telnyx.carrier.calls.leg(control_id).said == ["Hello"]


async def test_executed_command_may_be_answered_as_lost_once() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker())
        telnyx.carrier.faults.lost = frozenset({"speak"})
        speak = telnyx.client.calls.actions.speak
        with pytest.raises(InternalServerError):
            await speak(control_id, payload="Hello", voice="female", command_id="one")
        await speak(control_id, payload="Hello", voice="female", command_id="one")
        assert telnyx.carrier.calls.leg(control_id).said == ["Hello"]


async def test_command_may_be_refused_once() -> None:
    async with account() as telnyx:
        control_id = await telnyx.place_answered_call(Speaker())
        telnyx.carrier.faults.refused_once = {"hangup": "D1"}
        with pytest.raises(PermissionDeniedError, match="D1"):
            await telnyx.client.calls.actions.hangup(control_id)
        await telnyx.client.calls.actions.hangup(control_id)
        await telnyx.customer.event("call.hangup")


async def test_faults_and_codecs_may_be_of_one_phone() -> None:
    odd, plain = "+14155550101", "+14155550102"
    async with account(codecs_by_phone={odd: "G722"}) as telnyx:
        telnyx.carrier.faults.by_phone[odd] = TelnyxFaults({"speak": "D10"}, underscores=True)
        dial = telnyx.client.calls.dial
        legs = {to: (await dial(connection_id="7001", from_=NUMBER, to=to)).data for to in (odd, plain)}
        assert (await telnyx.customer.event("call_answered"))["codec"] == "G722"
        assert (await telnyx.customer.event("call.answered"))["codec"] == "PCMU"
        ids = {to: leg.call_control_id for to, leg in legs.items() if leg is not None}
        await telnyx.client.calls.actions.speak(ids[plain], payload="Hello", voice="female")
        with pytest.raises(PermissionDeniedError, match="D10"):
            await telnyx.client.calls.actions.speak(ids[odd], payload="Hello", voice="female")


async def test_events_may_have_underscored_names() -> None:
    async with account() as telnyx:
        telnyx.carrier.faults.underscores = True
        telnyx.place_call(Speaker())
        await telnyx.customer.event("call_initiated")


async def test_calls_may_change_their_id_when_they_are_answered() -> None:
    async with account() as telnyx:
        telnyx.carrier.faults.changes_ids = True
        first = await telnyx.place_answered_call(Speaker())
        answered = await telnyx.customer.event("call.answered")
        assert answered["call_control_id"] != first
        for control_id in (first, answered["call_control_id"]):
            status = (await telnyx.client.calls.retrieve_status(control_id)).data
            assert status is not None and status.is_alive
