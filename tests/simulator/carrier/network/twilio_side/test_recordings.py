"""Recordings: made from the line, told, fetched, deleted."""

import asyncio
import io
import wave

import aiohttp
import numpy as np
import soundfile  # type: ignore[import-untyped]  # ships no types

from simulator.carrier.network.people import Listener, tone
from simulator.carrier.network.world import Subscriber
from tests.simulator.carrier.network.stage import (
    ACCOUNT,
    LIMIT_S,
    NUMBER,
    PERSON,
    TOKEN,
    Customer,
    Network,
    answering,
    connect,
    network,
    own_number,
)

AUTH = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}


async def sound(net: Network, url: str) -> tuple[int, str, bytes]:
    async with net.session.get(url, headers=AUTH) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_a_call_that_is_recorded_from_its_beginning() -> None:
    async with Customer().running() as customer, network() as net, asyncio.timeout(LIMIT_S):
        own_number(net, customer)
        speaks = Listener(tone(600, 500.0), longest_s=2.0)
        net.world.subscribers[PERSON] = Subscriber(ring_s=0.01, party=lambda: speaks)
        record = {"Record": "true", "RecordingChannels": "dual", "RecordingStatusCallback": f"{customer.url}/recorded"}
        fields = {"To": PERSON, "From": NUMBER, "Twiml": connect(customer), "StatusCallback": f"{customer.url}/status"}
        _, call = await net.request("POST", "Calls.json", **(fields | record))
        await customer.until(lambda: customer.at("/recorded") and customer.at("/status"))
        assert all(asked.signed for asked in customer.asked)
        (told,) = customer.at("/recorded")
        assert (told["RecordingStatus"], told["RecordingChannels"], told["CallSid"]) == ("completed", "2", call["sid"])
        assert (told["RecordingDuration"], told["RecordingSource"]) == ("2", "OutboundAPI")
        assert customer.at("/status")[0]["RecordingSid"] == told["RecordingSid"]
        status, kind, body = await sound(net, told["RecordingUrl"])
        assert (status, kind) == (200, "audio/x-wav")
        with wave.open(io.BytesIO(body)) as file:
            assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8_000, 2)
            legs = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
        # Channel 1 is whoever was called, who spoke at once; channel 2 is the agent, who greeted.
        assert np.abs(legs[:1_600, 0]).max() > 5_000
        assert np.abs(legs[:, 1]).max() > 5_000
        status, _, body = await sound(net, f"{told['RecordingUrl']}.wav?RequestedChannels=1")
        assert status == 200 and soundfile.info(io.BytesIO(body)).channels == 1
        status, kind, body = await sound(net, f"{told['RecordingUrl']}.mp3")
        assert (status, kind, soundfile.info(io.BytesIO(body)).format) == (200, "audio/mpeg", "MP3")
        async with net.session.get(told["RecordingUrl"]) as answer:
            assert answer.status == 401


async def test_a_recording_is_started_paused_stopped_and_deleted_by_rest() -> None:
    async with Customer().running() as customer, network() as net, asyncio.timeout(LIMIT_S):
        own_number(net, customer)
        net.world.subscribers[PERSON] = answering()
        fields = {"To": PERSON, "From": NUMBER, "Twiml": connect(customer), "StatusCallback": f"{customer.url}/status"}
        _, call = await net.request("POST", "Calls.json", **(fields | {"StatusCallbackEvent": ["answered"]}))
        recordings = f"Calls/{call['sid']}/Recordings"
        await customer.until(lambda: customer.at("/status"))
        callback = {"RecordingStatusCallback": f"{customer.url}/recorded"}
        events = {"RecordingStatusCallbackEvent": ["in-progress", "completed"]}
        status, started = await net.request("POST", f"{recordings}.json", **callback, **events)
        assert (status, started["status"], started["source"]) == (201, "in-progress", "StartCallRecordingAPI")
        line = net.side.ledger.calls[str(call["sid"])].line
        assert line is not None
        before = line.at_ms
        await customer.until(lambda: line.at_ms >= before + 1_000)
        one = f"{recordings}/Twilio.CURRENT.json"
        assert (await net.request("POST", one, Status="paused"))[1]["status"] == "paused"
        assert (await net.request("POST", one, Status="in-progress"))[1]["status"] == "in-progress"
        assert (await net.request("POST", one, Status="stopped"))[1]["status"] == "completed"
        assert (await net.request("POST", one, Status="paused"))[0] == 400
        await customer.until(lambda: len(customer.at("/recorded")) == 2)
        assert [told["RecordingStatus"] for told in customer.at("/recorded")] == ["in-progress", "completed"]
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
        await net.hooks.settle()
        status, body = await net.request("POST", f"{recordings}.json")
        assert (status, body["code"]) == (400, 21220)
