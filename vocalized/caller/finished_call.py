"""Runs a call while its events are read, and what is known of it afterwards."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from shared.events import EventEnvelope
from simulator.carrier.media_call import CompletedCall
from vocalized.caller.call_costs import ProviderCost
from vocalized.caller.console import CallPrinter
from vocalized.caller.transcript import Transcript


class EventsUnavailable(Exception):
    """The call's events cannot be read, or not to their end; the message says why."""


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """record: of the caller's side. transcript: as far as events were read.

    recording: the server's own, a WAV file's bytes, if there is one; recording_url: where it can be fetched. costs: of
    the providers, where the API tells them.
    """

    record: CompletedCall
    transcript: Transcript
    recording: bytes | None = None
    recording_url: str = ""
    costs: Sequence[ProviderCost] = ()


async def print_events(events: AsyncIterator[EventEnvelope], transcript: Transcript, printer: CallPrinter) -> str:
    """Adds the events to the transcript and prints them. Returns why they ended early; empty when they are complete."""
    try:
        async for envelope in events:
            transcript.add(envelope)
            printer.event(envelope)
    except EventsUnavailable as error:
        return str(error)
    return ""


async def run_with_events(
    call: Coroutine[Any, Any, CompletedCall], reading: Coroutine[Any, Any, str], wait_s: float, server: str
) -> tuple[CompletedCall, str]:
    """Runs the call while `reading` handles its events, which gets `wait_s` after the call for the last ones.

    Returns the record, and why events are missing, if any are. server: named in that text.
    """
    task = asyncio.create_task(reading)
    try:
        record = await call
        await asyncio.wait({task}, timeout=wait_s)
        missing = task.result() if task.done() else f"the {server} did not report the call's end within {wait_s:g} s"
    finally:
        task.cancel()
        await asyncio.wait({task})
    return record, missing
