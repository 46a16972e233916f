"""Recordings at Twilio, through its gateway."""

from io import BytesIO

import pytest

from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.carriers.twilio import TwilioGateway, open_twilio
from tests.control.carriers.conftest import twilio_options
from tests.control.carriers.twilio_peer import BASE, SID, WAV, TwilioPeer

RECORDING = "RE" + "a" * 32
CALL_ID = "01927f00-0000-7000-8000-000000000001"


async def fetch_bytes(gateway: TwilioGateway, recording: str) -> bytes:
    file = BytesIO()
    await gateway.fetch_recording(recording, file)
    return file.getvalue()


async def test_recording_starts_only_where_twilio_records(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    await twilio.start_recording("CA1", CALL_ID)
    assert not twilio_peer.received
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        for _ in range(2):
            await gateway.start_recording("CA1", CALL_ID)
    (started,) = twilio_peer.requests_to("POST")
    assert started.path == f"{BASE}/Calls/CA1/Recordings.json"
    assert (started.body["RecordingChannels"], started.body["Trim"]) == (["dual"], ["do-not-trim"])


async def test_recording_of_a_call_that_is_not_in_progress_is_refused(twilio_peer: TwilioPeer) -> None:
    """21220 says that the call is not in progress: not any more, or not yet, which the caller has to know."""
    twilio_peer.deleted.add("CA2")
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        with pytest.raises(CarrierRefused) as caught:
            await gateway.start_recording("CA2", CALL_ID)
    assert caught.value.call_ended


async def test_recording_is_not_started_again_when_it_may_have_begun(twilio_peer: TwilioPeer) -> None:
    twilio_peer.fail("500", on="POST", after=True)
    async with open_twilio(twilio_options(twilio_peer.url, records=True)) as gateway:
        with pytest.raises(CarrierUnavailable):
            await gateway.start_recording("CA1", CALL_ID)
        await gateway.start_recording("CA1", CALL_ID)
    assert len(twilio_peer.requests_to("POST")) == 1


async def test_recording_has_two_channels_where_available(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    assert await fetch_bytes(twilio, RECORDING) == WAV
    assert twilio_peer.received[0].query == {"RequestedChannels": "2"}
    twilio_peer.is_dual = False
    assert await fetch_bytes(twilio, RECORDING) == WAV
    assert len(twilio_peer.received) == 3


async def test_host_of_a_recording_url_is_ignored(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    assert await fetch_bytes(twilio, f"https://evil.example/Accounts/{SID}/Recordings/{RECORDING}") == WAV
    with pytest.raises(CarrierRefused) as caught:
        await fetch_bytes(twilio, "https://evil.example/secret")
    assert caught.value.code == "bad_recording"
    assert len(twilio_peer.received) == 1


async def test_second_deletion_of_a_recording_is_no_error(twilio: TwilioGateway, twilio_peer: TwilioPeer) -> None:
    await twilio.delete_recording(RECORDING)
    twilio_peer.deleted.add(RECORDING)
    await twilio.delete_recording(RECORDING)
    assert len(twilio_peer.requests_to("DELETE")) == 2
