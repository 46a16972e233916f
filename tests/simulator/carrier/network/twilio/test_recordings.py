"""Recordings: start, callbacks, media, delete."""

import asyncio
import io
import wave

import aiohttp
import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from simulator.carrier.network.passive_party import PassiveParty, tone
from simulator.carrier.network.phone_network import Subscriber
from tests.platform.twilio_network import (
    ACCOUNT,
    LIMIT_S,
    NUMBER,
    PERSON,
    TOKEN,
    Customer,
    TwilioNetwork,
    add_own_number,
    answering_phone,
    connect,
    running_twilio_network,
)

AUTH = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}


async def sound(net: TwilioNetwork, url: str) -> tuple[int, str, bytes]:
    async with net.session.get(url, headers=AUTH) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_call_is_recorded_from_its_answer() -> None:
    async with Customer().running() as customer, running_twilio_network() as net, asyncio.timeout(LIMIT_S):
        add_own_number(net, customer)
        speaks = PassiveParty(tone(600, 500.0), longest_s=2.0)
        net.phone_network.subscribers[PERSON] = Subscriber(ring_s=0.01, party=lambda: speaks)
        record = {"Record": "true", "RecordingChannels": "dual", "RecordingStatusCallback": f"{customer.url}/recorded"}
        fields = {"To": PERSON, "From": NUMBER, "Twiml": connect(customer), "StatusCallback": f"{customer.url}/status"}
        _, call = await net.request("POST", "Calls.json", **(fields | record))
        await customer.wait_until(lambda: customer.fields_of("/recorded") and customer.fields_of("/status"))
        assert all(request.signed for request in customer.webhooks)
        (reported,) = customer.fields_of("/recorded")
        assert (reported["RecordingStatus"], reported["RecordingChannels"], reported["CallSid"]) == (
            "completed",
            "2",
            call["sid"],
        )
        assert (reported["RecordingDuration"], reported["RecordingSource"]) == ("2", "OutboundAPI")
        assert customer.fields_of("/status")[0]["RecordingSid"] == reported["RecordingSid"]
        status, kind, body = await sound(net, reported["RecordingUrl"])
        assert (status, kind) == (200, "audio/x-wav")
        with wave.open(io.BytesIO(body)) as file:
            assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8_000, 2)
            legs = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
        # Channel 1 is the called person, who speaks at once; channel 2 is the agent, who greets.
        assert np.abs(legs[:1_600, 0]).max() > 5_000
        assert np.abs(legs[:, 1]).max() > 5_000
        status, _, body = await sound(net, f"{reported['RecordingUrl']}.wav?RequestedChannels=1")
        assert status == 200 and soundfile.info(io.BytesIO(body)).channels == 1
        status, kind, body = await sound(net, f"{reported['RecordingUrl']}.mp3")
        assert (status, kind, soundfile.info(io.BytesIO(body)).format) == (200, "audio/mpeg", "MP3")
        async with net.session.get(reported["RecordingUrl"]) as answer:
            assert answer.status == 401


async def test_a_recording_is_started_paused_stopped_and_deleted_by_rest() -> None:
    async with Customer().running() as customer, running_twilio_network() as net, asyncio.timeout(LIMIT_S):
        add_own_number(net, customer)
        net.phone_network.subscribers[PERSON] = answering_phone()
        fields = {"To": PERSON, "From": NUMBER, "Twiml": connect(customer), "StatusCallback": f"{customer.url}/status"}
        _, call = await net.request("POST", "Calls.json", **(fields | {"StatusCallbackEvent": ["answered"]}))
        recordings = f"Calls/{call['sid']}/Recordings"
        await customer.wait_until(lambda: customer.fields_of("/status"))
        callback = {"RecordingStatusCallback": f"{customer.url}/recorded"}
        events = {"RecordingStatusCallbackEvent": ["in-progress", "completed"]}
        status, started = await net.request("POST", f"{recordings}.json", **callback, **events)
        assert (status, started["status"], started["source"]) == (201, "in-progress", "StartCallRecordingAPI")
        line = net.carrier.calls.calls[str(call["sid"])].line
        assert line is not None
        before = line.at_ms
        await customer.wait_until(lambda: line.at_ms >= before + 1_000)
        one = f"{recordings}/Twilio.CURRENT.json"
        assert (await net.request("POST", one, Status="paused"))[1]["status"] == "paused"
        assert (await net.request("POST", one, Status="in-progress"))[1]["status"] == "in-progress"
        assert (await net.request("POST", one, Status="stopped"))[1]["status"] == "completed"
        assert (await net.request("POST", one, Status="paused"))[0] == 400
        await customer.wait_until(lambda: len(customer.fields_of("/recorded")) == 2)
        assert [reported["RecordingStatus"] for reported in customer.fields_of("/recorded")] == [
            "in-progress",
            "completed",
        ]
        _, listed = await net.request("GET", f"{recordings}.json")
        assert [entry["sid"] for entry in listed["recordings"]] == [started["sid"]]  # type: ignore[attr-defined]
        url = f"{net.url}/2010-04-01/Accounts/{ACCOUNT}/Recordings/{started['sid']}"
        assert (await sound(net, f"{url}.wav?RequestedChannels=2"))[0] == 400
        status, body = await net.request("GET", f"Recordings/{started['sid']}.json")
        assert (status, body["media_url"]) == (200, url)
        assert (await net.request("DELETE", f"Recordings/{started['sid']}.json"))[0] == 204
        assert (await sound(net, f"{url}.wav"))[0] == 404
        assert (await net.request("DELETE", f"Recordings/{started['sid']}.json"))[0] == 404
        await net.request("POST", f"Calls/{call['sid']}.json", Status="completed")
        await line.closed()
        await net.webhook_client.drain()
        status, body = await net.request("POST", f"{recordings}.json")
        assert (status, body["code"]) == (400, 21220)


async def test_inbound_call_is_recorded_by_its_document_from_the_first_moment() -> None:
    async with Customer().running() as customer, running_twilio_network() as net, asyncio.timeout(LIMIT_S):
        add_own_number(net, customer)
        attributes = f'channels="dual" recordingStatusCallback="{customer.url}/recorded"'
        start = f"<Start><Recording {attributes}/></Start><Pause length='1'/>"
        customer.documents["/voice"] = [f"<Response>{start}</Response>"]
        line = await net.phone_network.call(PERSON, NUMBER, PassiveParty(tone(600, 500.0)))
        await customer.wait_until(lambda: customer.fields_of("/recorded"))
        (reported,) = customer.fields_of("/recorded")
        assert (reported["RecordingStatus"], reported["RecordingChannels"]) == ("completed", "2")
        _, _, body = await sound(net, reported["RecordingUrl"])
        with wave.open(io.BytesIO(body)) as file:
            legs = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
        assert np.abs(legs[:1_600, 0]).max() > 5_000
        assert line is not None
