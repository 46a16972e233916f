"""Calls a number of the running platform from the simulated network's handset, or answers a call of the platform there;
reads the events from the API."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from typing import Any

import aiohttp
import msgspec

from shared.events import CallEnded, CallUsage
from simulator.carrier import handset
from simulator.carrier.handset import CallRefused, OnRinging
from simulator.carrier.media_call import CompletedCall
from simulator.carrier.media_stream import Party
from simulator.carrier.stream_messages import CallIdentity
from vocalized.caller.api_events import ApiCall, is_unanswered
from vocalized.caller.call_costs import ProviderCost, read_costs
from vocalized.caller.call_reader import CallReader, customer_reader, staff_reader
from vocalized.caller.console import CallPrinter
from vocalized.caller.finished_call import EventsUnavailable, FinishedCall, print_events, run_with_events
from vocalized.caller.refusal import CallUnanswered, unanswered
from vocalized.caller.transcript import Transcript
from vocalized.stack.addresses import Addresses
from vocalized.stack.agents import find_agent
from vocalized.stack.api_client import ApiClient, ApiError, Json

CALLER = "+14155550100"

_LAST_EVENTS_S = 20.0
_RECORDING_S = 15.0


async def call_number(
    addresses: Addresses, number: str, party: Party, printer: CallPrinter, *, limit_s: float = 600.0,
    patience_s: float = 10.0,
) -> FinishedCall:  # fmt: skip
    """Runs a call to its end and prints its events. Raises CannotConnect and CallUnanswered."""

    def place(session: aiohttp.ClientSession, on_ringing: OnRinging) -> Coroutine[Any, Any, CompletedCall]:
        return handset.call_number(
            session, addresses.carrier, caller=CALLER, called=number, party=party, limit_s=limit_s,
            on_ringing=on_ringing,
        )  # fmt: skip

    return await follow_call(addresses, place, printer, patience_s)


async def answer_number(
    addresses: Addresses, number: str, party: Party, printer: CallPrinter, *, wait_s: float, limit_s: float = 600.0,
    patience_s: float = 10.0, agent: str = "",
) -> FinishedCall:  # fmt: skip
    """Waits for a call to a number of the simulated network, answers it, and prints its events to its end.

    agent: the name of one of the demonstration's workspace, which places a test call to the number first. Raises
    CannotConnect, and CallUnanswered when nobody called within `wait_s`.
    """
    if agent:
        await _place_test_call(addresses, agent, number)

    def wait(session: aiohttp.ClientSession, on_ringing: OnRinging) -> Coroutine[Any, Any, CompletedCall]:
        def announce(identity: CallIdentity) -> None:
            printer.info(f"{identity.caller} calls")
            on_ringing(identity)

        return handset.answer_call(
            session, addresses.carrier, number, party, limit_s=limit_s, wait_s=wait_s, on_ringing=announce,
            on_ready=lambda: printer.info(f"waiting for a call to {number}"),
        )  # fmt: skip

    return await follow_call(addresses, wait, printer, patience_s, is_answering=True)


async def _place_test_call(addresses: Addresses, agent: str, number: str) -> None:
    """The number rings a moment later. Raises CallUnanswered."""
    async with aiohttp.ClientSession() as session:
        api = ApiClient(session, addresses.control)
        try:
            await api.sign_in(**asdict(addresses.user))
            found = await find_agent(api, addresses.workspace_id, agent)
            if found is None:
                raise CallUnanswered(f"the workspace has no agent called {agent!r}")
            path = f"/workspaces/{addresses.workspace_id}/agents/{found['id']}/test"
            await api.request("POST", path, {"phone_number_to_call": number})
        except ApiError as error:
            raise CallUnanswered(f"{agent} cannot call: {error}") from error


async def follow_call(
    addresses: Addresses,
    run: Callable[[aiohttp.ClientSession, OnRinging], Coroutine[Any, Any, CompletedCall]],
    printer: CallPrinter,
    patience_s: float,
    *,
    is_answering: bool = False,
) -> FinishedCall:
    """Runs a call and prints its events. is_answering: whether this side answers, so that the call may be a transfer's
    second leg, of which the API has no record. Raises CannotConnect and CallUnanswered."""
    transcript = Transcript()
    ringing: asyncio.Queue[CallIdentity] = asyncio.Queue()
    rung: list[CallIdentity] = []

    def on_ringing(identity: CallIdentity) -> None:
        rung.append(identity)
        ringing.put_nowait(identity)

    async with aiohttp.ClientSession() as session:
        call = make_api_call(session, addresses, patience_s)
        try:
            record, missing = await run_with_events(
                run(session, on_ringing),
                _read(call, ringing, transcript, printer, is_answering=is_answering),
                _LAST_EVENTS_S,
                "API",
            )
        except CallRefused as refused:
            why = unanswered(refused.reason, await _platform_reason(call, rung))
            raise CallUnanswered(why, refused.reason) from refused
        if missing:
            printer.warning(missing)
        recording = await call.recording(_RECORDING_S) if transcript.recording else None
        staff = staff_reader(ApiClient(session, addresses.control), addresses.admin)
        costs = await _read_costs(staff, call.call_id, printer)
        return FinishedCall(record, transcript, recording, call.recording_url if recording else "", costs)


async def _read_costs(staff: CallReader, call_id: str, printer: CallPrinter) -> Sequence[ProviderCost]:
    """Print why there are no costs if the API refuses them, for example to staff with a second factor."""
    if not call_id:
        return ()
    try:
        return await read_costs(staff, call_id)
    except ApiError as error:
        printer.info(f"the providers' costs are in GET {staff.calls}/{call_id}, for staff: {error}")
        return ()


async def _platform_reason(call: ApiCall, rung: Sequence[CallIdentity]) -> str:
    """Why the platform refused a call that rang there; empty if it did not, or the API does not say."""
    try:
        return await call.refusal(rung[0].call) if rung else ""
    except EventsUnavailable:
        return ""


async def _read(
    call: ApiCall,
    ringing: asyncio.Queue[CallIdentity],
    transcript: Transcript,
    printer: CallPrinter,
    *,
    is_answering: bool,
) -> str:
    """Follows the call that begins to ring. Returns why the events ended early; empty when they are complete."""
    identity = await ringing.get()
    missing = await print_events(call.events(identity.call), transcript, printer)
    if not call.call_id and is_answering:
        return f"{missing}; if this is a transfer's target, the events belong to the transferred call"
    if not call.call_id:
        transcript.ended = CallEnded("failed", "carrier_error", "unknown_call", 0, CallUsage())
    if missing:
        return missing
    transcript.call_id = call.call_id
    try:
        transcript.ended = _outcome(await call.outcome(), transcript.ended)
    except EventsUnavailable as error:
        return str(error)
    return ""


def make_api_call(session: aiohttp.ClientSession, addresses: Addresses, patience_s: float) -> ApiCall:
    """Reads a call of the demonstration's workspace as its customer, and any other call as the staff."""
    customer, staff = (ApiClient(session, addresses.control) for _ in range(2))
    readers = customer_reader(customer, addresses.user, addresses.workspace_id), staff_reader(staff, addresses.admin)
    return ApiCall(readers, patience_s)


def _outcome(call: Json, event: CallEnded | None) -> CallEnded | None:
    """How the call ended. The API's record wins over the media node's event, because the carrier may know more."""
    if is_unanswered(call) and event is None:
        return CallEnded(call["status"], "carrier_error", call["end_detail"] or "", 0, CallUsage())
    if call["end_reason"] is None:
        return event
    ended = event or CallEnded(call["status"], call["end_reason"], "", 0, CallUsage())
    return msgspec.structs.replace(ended, status=call["status"], end_reason=call["end_reason"])
