"""Calls a stand-alone media server: opens its socket as a carrier would, and reads the call's events from it."""

import asyncio
from urllib.parse import urlsplit

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
_LOOK_S = 0.25
_PORTS = {"ws": 80, "wss": 443}


def carrier_of(url: str) -> CarrierName:
    """Whose protocol the socket at this address speaks: Telnyx's if its path says so, else Twilio's."""
    return "telnyx" if url.rstrip("/").endswith("/telnyx") else "twilio"


async def _wait_for_port(url: str, printer: CallPrinter, limit_s: float) -> None:
    """Return once something listens at the address, or after `limit_s`."""
    parts, deadline = urlsplit(url), asyncio.get_running_loop().time() + limit_s
    is_told = False
    while asyncio.get_running_loop().time() < deadline:
        try:
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or _PORTS.get(parts.scheme))
        except ConnectionRefusedError:
            if not is_told:
                printer.info(f"nothing listens at {parts.netloc} yet; waiting up to {limit_s:g} s for the media server")
            is_told = True
            await asyncio.sleep(_LOOK_S)
        except OSError:
            return  # the call reports it
        else:
            writer.close()
            return


async def call_media_server(
    url: str, party: Party, printer: CallPrinter, *, pace: Clock | None = None, limit_s: float = 600.0,
    patience_s: float = 5.0, start_s: float = 0.0,
) -> FinishedCall:  # fmt: skip
    """Runs a call to its end and prints its events. start_s: how long a server that starts is waited for. Raises BadUrl
    and CannotConnect."""
    await _wait_for_port(url, printer, start_s)
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
