"""Conferences and gathered keys, by Telnyx's official SDK."""

import pytest
from telnyx import NotFoundError, UnprocessableEntityError
from telnyx.types import Transcription

from simulator.carrier.network.phone_network import Subscriber
from tests.simulator.carrier.network.telnyx.account import NUMBER, Account, Speaker, account, eventually

COLLEAGUE = "+14155550199"


async def dial_colleague(telnyx: Account, party: Speaker) -> str:
    """Calls a phone that is answered; returns the call control id."""
    telnyx.phone_network.subscribers[COLLEAGUE] = Subscriber(ring_s=0.01, party=lambda: party)
    answered = len(telnyx.customer.payloads("call.answered"))
    dialed = await telnyx.client.calls.dial(connection_id="7001", to=COLLEAGUE, from_=NUMBER, client_state="cGVyc29u")
    assert dialed.data is not None
    await telnyx.customer.event("call.answered", answered + 1)
    return dialed.data.call_control_id


async def test_keys_are_gathered_while_a_text_is_spoken() -> None:
    async with account() as telnyx:
        control_id = await dial_colleague(telnyx, Speaker(digits={1_000: "1"}))
        await telnyx.client.calls.actions.gather_using_speak(
            control_id, payload="Press one." * 5, voice="female", maximum_digits=1, valid_digits="12"
        )
        ended = await telnyx.customer.event("call.gather.ended")
        assert (ended["digits"], ended["status"], ended["client_state"]) == ("1", "valid", "cGVyc29u")
        await telnyx.client.calls.actions.gather_using_speak(
            control_id, payload="Press one.", voice="female", maximum_digits=1, timeout_millis=500
        )
        assert (await telnyx.customer.event("call.gather.ended", 2))["status"] == "timeout"


async def test_words_are_reported_between_start_and_stop_of_a_transcription() -> None:
    async with account() as telnyx:
        party = Speaker()
        control_id = await dial_colleague(telnyx, party)
        actions = telnyx.client.calls.actions
        await actions.gather_using_speak(control_id, payload="Yes or no?", voice="female", maximum_digits=1)
        await actions.start_transcription(control_id, transcription_engine="Telnyx", transcription_tracks="inbound")
        party.words = "Yes."
        heard = Transcription.model_validate({"payload": await telnyx.customer.event("call.transcription")})
        assert heard.payload is not None and heard.payload.transcription_data is not None
        said = heard.payload.transcription_data
        assert (said.transcript, said.is_final, said.transcription_track) == ("Yes.", True, "inbound")
        await actions.stop_gather(control_id)
        assert (await telnyx.customer.event("call.gather.ended"))["status"] == "cancelled"
        await actions.stop_transcription(control_id)
        party.words = "And more."
        await actions.gather_using_speak(
            control_id, payload="One.", voice="female", maximum_digits=1, timeout_millis=100
        )
        await telnyx.customer.event("call.gather.ended", 2)
        assert party.words == "" and len(telnyx.customer.payloads("call.transcription")) == 1


async def test_two_legs_hear_each_other_in_a_conference_until_one_leaves() -> None:
    async with account() as telnyx:
        caller, colleague = Speaker(frame=b"\x21" * 160), Speaker(frame=b"\x42" * 160)
        second = await telnyx.place_answered_call(caller)
        first = await dial_colleague(telnyx, colleague)
        created = await telnyx.client.conferences.create(call_control_id=first, name="transfer", command_id="one")
        again = await telnyx.client.conferences.create(call_control_id=first, name="transfer", command_id="one")
        assert created.data is not None and again.data is not None and again.data.id == created.data.id
        for _ in range(2):
            await telnyx.client.conferences.actions.join(
                created.data.id, call_control_id=second, command_id="two", end_conference_on_exit=True
            )
        await telnyx.customer.event("conference.participant.joined", 2)
        await eventually(lambda: b"\x42" * 160 in caller.heard and b"\x21" * 160 in colleague.heard)
        colleague.leaving = True
        await telnyx.customer.event("conference.participant.left", 2)
        assert telnyx.carrier.calls.leg(second).alive, "who is left stays on the line"
        with pytest.raises(UnprocessableEntityError):
            await telnyx.client.conferences.actions.join(created.data.id, call_control_id=second)
        with pytest.raises(NotFoundError):
            await telnyx.client.conferences.actions.join("unknown", call_control_id=second)
