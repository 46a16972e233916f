"""Places one call and follows it: the caller's side of the line, and the server's word on what was said."""

import asyncio
from dataclasses import dataclass

import aiohttp

from simulator.carrier.dial import CallRecord, Carrier, dial
from simulator.carrier.pace import Pace
from simulator.carrier.stream import Party
from simulator.carrier.wire import Identity, telnyx_identity, twilio_identity
from vocalized.follow import NoEvents, events_url, follow
from vocalized.show import Show
from vocalized.transcript import Transcript

# The server writes the recording and its last event after the caller has hung up.
_LAST_WORDS_S = 10.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """A call that took place, and its words as far as the server told them.

    recording: the server's own, a WAV file's bytes, where it gives one out; recording_url: where that is.
    """

    record: CallRecord
    transcript: Transcript
    recording: bytes | None = None
    recording_url: str = ""


def carrier_of(url: str) -> Carrier:
    """Which carrier's protocol the socket at this address speaks: Telnyx's by its name, else Twilio's."""
    return "telnyx" if url.rstrip("/").endswith("/telnyx") else "twilio"


async def place(
    url: str, party: Party, show: Show, *, pace: Pace | None = None, limit_s: float = 600.0, patience_s: float = 5.0
) -> Conversation:
    """Carries a call to its end, showing it as it goes. Raises BadUrl and CannotConnect."""
    carrier = carrier_of(url)
    identity = telnyx_identity() if carrier == "telnyx" else twilio_identity()
    transcript = Transcript()
    async with aiohttp.ClientSession() as session:
        listening = asyncio.create_task(_listen(session, url, identity, transcript, show, patience_s))
        try:
            record = await dial(session, url, party, identity, carrier=carrier, pace=pace, limit_s=limit_s)
            missing = await _last_words(listening)
        finally:
            listening.cancel()
            await asyncio.wait({listening})
    if missing:
        show.warn(missing)
    return Conversation(record, transcript)


async def _last_words(listening: asyncio.Task[str]) -> str:
    """Waits for the server's last event; returns why words are missing, if any are."""
    await asyncio.wait({listening}, timeout=_LAST_WORDS_S)
    return listening.result() if listening.done() else f"the server did not end the call within {_LAST_WORDS_S:g} s"


async def _listen(
    session: aiohttp.ClientSession, url: str, identity: Identity, transcript: Transcript, show: Show, patience_s: float
) -> str:
    """Returns why the events ended early, or nothing when they came to their end."""
    try:
        async for envelope in follow(session, events_url(url, identity.stream), patience_s=patience_s):
            transcript.add(envelope)
            show.event(envelope)
    except NoEvents as error:
        return str(error)
    return ""
