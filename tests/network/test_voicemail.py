"""Messages that are left at answering machines, over both simulated carriers."""

import asyncio

import pytest

from simulator.carrier.network.phone_network import Subscriber
from tests.network.call_record import CallRecord, wait_for_record
from tests.network.test_transfers import CARRIERS
from vocalized.caller.local_speech import RATE, load_recogniser
from vocalized.demo.readback import read_back
from vocalized.rehearse.platform import Platform
from vocalized.rehearse.transfers.scenario import running_speech
from vocalized.rehearse.transfers.verdict import agent_channel

pytestmark = pytest.mark.asyncio(loop_scope="package")

GREETING_S = 4.0
MESSAGE = "This is the dentist. Please call us back."


async def leave_message(platform: Platform, carrier: str) -> CallRecord:
    """The record of a call to a machine."""
    number, owner = f"+1646555{8_200 + CARRIERS.index(carrier)}", platform.workspace.owner
    platform.network.phone_network.subscribers[number] = Subscriber("machine", greeting_s=GREETING_S)
    agent = platform.workspace.agents[carrier].id
    path = f"{platform.workspace.path}/agents/{agent}"
    before = (await owner.request("GET", path))["agent"]["config"]
    speech = {**before["speech"], "tts": [{"provider": "local"}]}
    await owner.request("PUT", path, {"config": {"voicemail_message": MESSAGE, "speech": speech}})
    try:
        body = {"agent_id": agent, "phone_number_to_call": number}
        placed = await owner.request("POST", f"{platform.workspace.path}/calls/outbound", body)
        return await wait_for_record(platform, placed["call_id"], recorded=True)
    finally:
        await owner.request("PUT", path, {"config": {"voicemail_message": None, "speech": before["speech"]}})


async def test_the_message_is_left_whole_after_the_beep(platform: Platform) -> None:
    async with running_speech(platform):
        records = await asyncio.gather(*(leave_message(platform, carrier) for carrier in CARRIERS))
    recognise = await asyncio.to_thread(load_recogniser)
    for record in records:
        call = record.call
        assert (call["status"], call["end_reason"], call["answered_by"]) == ("completed", "voicemail", "machine")
        said = [event["event_data"] for event in record.events if event["event_type"] == "agent.said"]
        assert [one["text"] for one in said].count(MESSAGE) == 1
        assert said[-1]["text"] == MESSAGE and not said[-1]["interrupted"]
        assert said[-1]["start_ms"] >= (GREETING_S - 1) * 1_000, "not over the greeting"
        path = f"{platform.workspace.path}/calls/{call['id']}/recording"
        recording = agent_channel(await platform.workspace.owner.download(path))
        after_beep = recording[round(GREETING_S - 1) * RATE :]
        read = await asyncio.to_thread(read_back, MESSAGE, after_beep, recognise)
        assert read.share == 1, read.heard
