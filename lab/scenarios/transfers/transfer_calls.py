"""Runs the cases side by side on the whole platform: agents with the local voice, a model that transfers at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from lab.scenarios.transfers.cases import BRIEF, CALLING, INSTEAD, PERSON, TransferCase
from lab.scenarios.transfers.parties import Progress, TargetPerson, TransferCaller
from lab.stage.platform import Platform
from lab.stage.speech_services import running_model, running_speech
from simulator.carrier.mulaw import encode
from simulator.carrier.network.phone_network import CallEvent, CallOutcome, PhoneNetwork, Subscriber
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.vendors.chat_reply import ChatReply, ToolUse
from vocalized.caller.local_speech import load_voice
from vocalized.stack.settings import CarrierName

CARRIERS: Final[Sequence[CarrierName]] = ("twilio", "telnyx")
MODEL: Final = "transferring"
LIMIT_S: Final = 150.0
_POLL_S: Final = 0.2
_STATES: Final = """
    SELECT number, status, failure, joined_at, brief FROM warm_transfers WHERE number = ANY($1::text[]) LIMIT 100
"""


@dataclass(slots=True)
class TransferCall:
    """One call. number: the caller's. carrier_call_id: of the caller's call. outcome: None before its end. row: of the
    transfer; None without one. person: None where nobody picked up."""

    case: TransferCase
    carrier: CarrierName
    target: str
    number: str
    party: TransferCaller
    carrier_call_id: str = ""
    outcome: CallOutcome | None = None
    row: Mapping[str, Any] | None = None
    person: TargetPerson | None = None
    sentence: bytes = field(default=b"", repr=False)

    async def run(self, network: PhoneNetwork, called: str) -> None:
        """The whole call."""
        self.outcome = await network.call(self.number, called, self.party, on_event=self._note)

    def _note(self, event: CallEvent) -> None:
        self.carrier_call_id = event.call_id or self.carrier_call_id

    def answer(self) -> TargetPerson:
        """The person who picks up at the target."""
        self.person = TargetPerson(self.case, self.sentence)
        return self.person


def reply_to(body: Mapping[str, Any]) -> ChatReply:
    """The model transfers in its first answer; afterwards it offers to take a message."""
    if any(message.get("tool_calls") for message in body["messages"]):
        return ChatReply(INSTEAD)
    return ChatReply(CALLING, (ToolUse("transfer", json.dumps({"brief": BRIEF})),))


async def run_transfers(
    platform: Platform, turns: Sequence[PreparedTurn], cases: Sequence[TransferCase], *, first_number: int
) -> list[TransferCall]:
    """Runs each case over both carriers, all at once, to the end of each call. turns: the first is said. first_number:
    of the callers, each of which has one of its own."""
    calls = make_calls(turns, cases, first_number)
    sentence = encode(np.frombuffer(await asyncio.to_thread(_speak_sentence), dtype="<i2"))
    for call in calls:
        call.sentence = sentence
        party = call.answer if call.case.behavior == "answer" else None
        subscriber = Subscriber(call.case.behavior, ring_s=0.2, party=party)
        platform.network.phone_network.subscribers[call.target] = subscriber
    async with asyncio.timeout(LIMIT_S), transferring_agents(platform):
        watcher = asyncio.create_task(_watch(platform, calls))
        try:
            await asyncio.gather(*(_run_carrier(platform, carrier, calls) for carrier in CARRIERS))
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
    await _read_rows(platform, calls)
    return calls


def make_calls(turns: Sequence[PreparedTurn], cases: Sequence[TransferCase], first_number: int) -> list[TransferCall]:
    """Each case over both carriers, with numbers of its own."""
    calls: list[TransferCall] = []
    for index, (carrier, case) in enumerate((carrier, case) for carrier in CARRIERS for case in cases):
        numbers = f"+1646555{8_300 + index}", f"+1646{first_number + index:07d}"
        calls.append(TransferCall(case, carrier, *numbers, TransferCaller(turns[0], case)))
    return calls


@asynccontextmanager
async def transferring_agents(platform: Platform) -> AsyncIterator[None]:
    """Both agents speak with the local voice and transfer warm, until the block ends."""
    async with running_speech(platform), running_model(platform, MODEL, reply_to):
        before = {carrier: await _config(platform, carrier) for carrier in CARRIERS}
        try:
            yield
        finally:
            for carrier, config in before.items():
                await _put(platform, carrier, dict.fromkeys(_agent_config("", config)) | config)


def _agent_config(number: str, before: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "transfer_mode": "warm",
        "fallback_number": number,
        "tools": ["end_call", "transfer"],
        "analysis": {"enabled": False},
        "speech": {**before["speech"], "llm": [{"provider": MODEL}], "tts": [{"provider": "local"}]},
    }


async def _config(platform: Platform, carrier: CarrierName) -> dict[str, Any]:
    path = f"{platform.workspace.path}/agents/{platform.workspace.agents[carrier].id}"
    config: dict[str, Any] = (await platform.workspace.owner.request("GET", path))["agent"]["config"]
    return config


async def _put(platform: Platform, carrier: CarrierName, config: Mapping[str, Any]) -> None:
    path = f"{platform.workspace.path}/agents/{platform.workspace.agents[carrier].id}"
    await platform.workspace.owner.request("PUT", path, {"config": config})


async def _run_carrier(platform: Platform, carrier: CarrierName, calls: Sequence[TransferCall]) -> None:
    """A call's plan has its agent's number of the moment at which it begins, so they begin one after the other."""
    before = await _config(platform, carrier)
    async with asyncio.TaskGroup() as running:
        for call in (one for one in calls if one.carrier == carrier):
            await _put(platform, carrier, _agent_config(call.target, before))
            number = platform.workspace.agents[carrier].number
            task = running.create_task(call.run(platform.network.phone_network, number))
            while not call.party.has_heard and not task.done():  # noqa: ASYNC110 -- the network gives no signal
                await asyncio.sleep(0.05)


async def _watch(platform: Platform, calls: Sequence[TransferCall]) -> None:
    """Tells the callers how far their transfers are."""
    while True:
        await _read_rows(platform, calls)
        await asyncio.sleep(_POLL_S)


async def _read_rows(platform: Platform, calls: Sequence[TransferCall]) -> None:
    rows = {row["number"]: row for row in await platform.rows(_STATES, [call.target for call in calls])}
    for call in calls:
        call.row = rows.get(call.target)
        if call.row is not None:
            call.party.progress = _progress(call.row)


def _progress(row: Mapping[str, Any]) -> Progress:
    if row["joined_at"] is not None:
        return "joined"
    return "failed" if row["status"] == "failed" else "asking" if row["status"] == "asking" else ""


def _speak_sentence() -> bytes:
    return load_voice()(PERSON)
