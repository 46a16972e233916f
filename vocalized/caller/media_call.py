"""Calls a stand-alone media server: opens its socket as a carrier would, and reads the call's events from it."""

import aiohttp

from simulator.carrier.clock import Clock
from simulator.carrier.media_call import CarrierName, dial
from simulator.carrier.media_stream import Party
from simulator.carrier.stream_messages import telnyx_identity, twilio_identity
from vocalized.caller.console import CallPrinter
from vocalized.caller.finished_call import FinishedCall, print_events, run_with_events
from vocalized.caller.media_events import events_url, media_events
from vocalized.caller.transcript import Transcript

# The server writes the recording and its last event after the caller has hung up.
_LAST_EVENTS_S = 10.0


def carrier_of(url: str) -> CarrierName:
    """Whose protocol the socket at this address speaks: Telnyx's if its path says so, else Twilio's."""
    return "telnyx" if url.rstrip("/").endswith("/telnyx") else "twilio"


async def call_media_server(
    url: str, party: Party, printer: CallPrinter, *, pace: Clock | None = None, limit_s: float = 600.0,
    patience_s: float = 5.0,
) -> FinishedCall:  # fmt: skip
    """Runs a call to its end and prints its events. Raises BadUrl and CannotConnect."""
    carrier = carrier_of(url)
    identity = telnyx_identity() if carrier == "telnyx" else twilio_identity()
    transcript = Transcript()
    async with aiohttp.ClientSession() as session:
        events = media_events(session, events_url(url, identity.stream), patience_s=patience_s)
        record, missing = await run_with_events(
            dial(session, url, party, identity, carrier=carrier, clock=pace, limit_s=limit_s),
            print_events(events, transcript, printer),
            _LAST_EVENTS_S,
            "server",
        )
    if missing:
        printer.warning(missing)
    return FinishedCall(record, transcript)
