"""A message that is left at an answering machine: left by an agent, read back from the recording."""

import asyncio
from typing import Final

from lab.scenarios.transfers.transfer_calls import CARRIERS
from lab.stage.platform import Platform
from lab.stage.speech_services import running_speech
from lab.stage.stored_call import StoredCall, agent_channel, read_call
from lab.verdict import Verdict
from simulator.carrier.network.phone_network import Subscriber
from vocalized.caller.local_speech import RATE, Recognize
from vocalized.demo.readback import read_back
from vocalized.stack.settings import CarrierName

# Of the machine, with its beep.
GREETING_S: Final = 4.0
MESSAGE: Final = "This is the dentist. Please call us back."
# The end of the beep as the call's clock has it may be earlier than the greeting's length.
_EARLIEST_S: Final = GREETING_S - 1


async def leave_message(platform: Platform, carrier: CarrierName) -> StoredCall:
    """Calls a machine. The engine of the local voice must run. Raises TimeoutError, ApiError."""
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
        return await read_call(platform, placed["call_id"])
    finally:
        await owner.request("PUT", path, {"config": {"voicemail_message": None, "speech": before["speech"]}})


def find_message_faults(stored: StoredCall, recognize: Recognize) -> list[str]:
    """What is wrong with a message; nothing for one that was left whole, once, after the beep."""
    call, faults = stored.call, list[str]()
    end = (call["status"], call["end_reason"], call["answered_by"])
    if end != ("completed", "voicemail", "machine"):
        faults.append(f"the call ended as {end}")
    said = stored.events_of("agent.said")
    if [one["text"] for one in said].count(MESSAGE) != 1 or said[-1]["text"] != MESSAGE or said[-1]["interrupted"]:
        faults.append(f"the record has {[one['text'] for one in said]}")
    elif said[-1]["start_ms"] < _EARLIEST_S * 1_000:
        faults.append(f"it began after {said[-1]['start_ms']} ms, over the greeting")
    read = read_back(MESSAGE, agent_channel(stored.recording)[round(_EARLIEST_S * RATE) :], recognize)
    return faults if read.share == 1 else [*faults, f"the recording has: {read.heard or 'nothing'}"]


async def voicemail_rows(platform: Platform, recognize: Recognize) -> list[Verdict]:
    """A row for each carrier."""
    async with running_speech(platform):
        stored = await asyncio.gather(*(leave_message(platform, carrier) for carrier in CARRIERS))
    rows = []
    for carrier, one in zip(CARRIERS, stored, strict=True):
        faults = await asyncio.to_thread(find_message_faults, one, recognize)
        found = "; ".join(faults) or "as demanded"
        rows.append(Verdict(f"voicemail, {carrier}", "the whole message after the beep", found, not faults))
    return rows
