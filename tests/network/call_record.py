"""The record of an ended call in the API and in the database."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from control.calls.records.state import FINAL
from lab.stage.platform import Platform

PATIENCE_S: Final = 60.0
_SEQS: Final = "SELECT seq, event_type FROM call_events WHERE call_id::text = $1 ORDER BY seq"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """answer: of GET …/calls/{id}. events: of …/events. rows: the database's, (seq, type)."""

    answer: Mapping[str, Any]
    events: list[dict[str, Any]]
    rows: list[tuple[int, str]]

    @property
    def call(self) -> Mapping[str, Any]:
        """The call without agent and transcript."""
        call: Mapping[str, Any] = self.answer["call"]
        return call


async def find_call_id(platform: Platform, carrier_call_id: str) -> str:
    """The API's id of the call with this id at the carrier."""
    path = f"{platform.workspace.path}/calls?carrier_call_id={quote(carrier_call_id, safe='')}"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = (await platform.workspace.owner.request("GET", path))["calls"]
            if found:
                break
            await asyncio.sleep(0.05)
    (call,) = found
    call_id: str = call["id"]
    return call_id


async def wait_for_record(platform: Platform, call_id: str, *, recorded: bool) -> CallRecord:
    """Waits for the end of the call in its record, and for its recording."""
    path = f"{platform.workspace.path}/calls/{call_id}"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            events = (await platform.workspace.owner.request("GET", f"{path}/events"))["events"]
            types = {event["event_type"] for event in events}
            answer = await platform.workspace.owner.request("GET", path)
            if answer["call"]["status"] in FINAL and (not recorded or {"call.ended", "recording.ready"} <= types):
                break
            await asyncio.sleep(0.1)
    rows = await platform.rows(_SEQS, call_id)
    return CallRecord(answer, events, [(row["seq"], row["event_type"]) for row in rows])
