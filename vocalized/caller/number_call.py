"""Calls a number of the running platform from the simulated network's handset; reads the events from the API."""

import asyncio

import aiohttp
import msgspec

from shared.events import CallEnded, CallUsage
from simulator.carrier import handset
from simulator.carrier.media_stream import Party
from simulator.carrier.stream_messages import CallIdentity
from vocalized.caller.api_events import ApiCall
from vocalized.caller.console import CallPrinter
from vocalized.caller.finished_call import EventsUnavailable, FinishedCall, print_events, run_with_events
from vocalized.caller.transcript import Transcript
from vocalized.stack.addresses import Addresses
from vocalized.stack.api_client import ApiClient, Json

CALLER = "+14155550100"

_LAST_EVENTS_S = 20.0
_RECORDING_S = 15.0


async def call_number(
    addresses: Addresses, number: str, party: Party, printer: CallPrinter, *, limit_s: float = 600.0,
    patience_s: float = 10.0,
) -> FinishedCall:  # fmt: skip
    """Runs a call to its end and prints its events. Raises CannotConnect, and Refused when nobody answered."""
    transcript = Transcript()
    ringing: asyncio.Queue[CallIdentity] = asyncio.Queue()
    async with aiohttp.ClientSession() as session:
        client = ApiClient(session, addresses.control)
        call = ApiCall(client, addresses.user, addresses.workspace_id, patience_s)
        record, missing = await run_with_events(
            handset.call_number(
                session, addresses.carrier, caller=CALLER, called=number, party=party, limit_s=limit_s,
                on_ringing=ringing.put_nowait,
            ),
            _read(call, ringing, transcript, printer),
            _LAST_EVENTS_S,
            "API",
        )  # fmt: skip
        if missing:
            printer.warning(missing)
        recording = await call.recording(_RECORDING_S) if transcript.recording else None
        return FinishedCall(record, transcript, recording, call.recording_url if recording else "")


async def _read(
    call: ApiCall, ringing: asyncio.Queue[CallIdentity], transcript: Transcript, printer: CallPrinter
) -> str:
    """Returns why the events ended early; empty when they are complete."""
    identity = await ringing.get()
    missing = await print_events(call.events(identity.call), transcript, printer)
    if missing:
        return missing
    try:
        transcript.ended = _outcome(await call.outcome(), transcript.ended)
    except EventsUnavailable as error:
        return str(error)
    return ""


def _outcome(call: Json, event: CallEnded | None) -> CallEnded | None:
    """How the call ended. The API's record wins over the media node's event, because the carrier may know more."""
    if call["end_reason"] is None:
        return event
    ended = event or CallEnded(call["status"], call["end_reason"], "", 0, CallUsage())
    return msgspec.structs.replace(ended, status=call["status"], end_reason=call["end_reason"])
