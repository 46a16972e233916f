"""Phones a number of the running platform: the caller at the simulated network's handset, the words from the API."""

import asyncio

import aiohttp
import msgspec

from shared.events import CallEnded, Usage
from simulator.carrier.handset import phone
from simulator.carrier.stream import Party
from simulator.carrier.wire import Identity
from vocalized.addresses import Addresses
from vocalized.api import Api, Json
from vocalized.follow import NoEvents
from vocalized.follow_api import CallWatch
from vocalized.phone import Conversation
from vocalized.show import Show
from vocalized.transcript import Transcript

CALLER = "+14155550100"

_LAST_WORDS_S = 20.0
_RECORDING_S = 15.0


async def ring(
    addresses: Addresses, number: str, party: Party, show: Show, *, limit_s: float = 600.0, patience_s: float = 10.0
) -> Conversation:
    """Carries a call to its end, showing it as it goes. Raises CannotConnect, and Refused when nobody answered."""
    transcript = Transcript()
    known: asyncio.Queue[Identity] = asyncio.Queue()
    async with aiohttp.ClientSession() as session:
        watch = CallWatch(Api(session, addresses.control), addresses.user, addresses.workspace_id, patience_s)
        watching = asyncio.create_task(_watch(watch, known, transcript, show))
        try:
            record = await phone(
                session, addresses.carrier, caller=CALLER, called=number, party=party, limit_s=limit_s,
                on_ringing=known.put_nowait,
            )  # fmt: skip
            missing = await _last_words(watching)
        finally:
            watching.cancel()
            await asyncio.wait({watching})
        if missing:
            show.warn(missing)
        recording = await watch.recording(_RECORDING_S) if transcript.recording else None
        return Conversation(record, transcript, recording, watch.recording_url if recording else "")


async def _last_words(watching: asyncio.Task[str]) -> str:
    """Waits for the call's last event; returns why words are missing, if any are."""
    await asyncio.wait({watching}, timeout=_LAST_WORDS_S)
    return watching.result() if watching.done() else f"the API did not tell the call's end within {_LAST_WORDS_S:g} s"


async def _watch(watch: CallWatch, known: asyncio.Queue[Identity], transcript: Transcript, show: Show) -> str:
    """Returns why the events ended early, or nothing when they came to their end."""
    identity = await known.get()
    try:
        async for envelope in watch.events(identity.call):
            transcript.add(envelope)
            show.event(envelope)
        transcript.ended = _outcome(await watch.outcome(), transcript.ended)
    except NoEvents as error:
        return str(error)
    return ""


def _outcome(call: Json, told: CallEnded | None) -> CallEnded | None:
    """How the call ended by its record, which has the last word: the carrier may know more than the node."""
    if call["end_reason"] is None:
        return told
    ended = told or CallEnded(call["status"], call["end_reason"], "", 0, Usage())
    return msgspec.structs.replace(ended, status=call["status"], end_reason=call["end_reason"])
