"""What the API and the database hold of a call, once it is over there."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from control.calls.model import FINAL
from vocalized.rehearse.stage import Stage

PATIENCE_S: Final = 60.0
_SEQS: Final = "SELECT seq, event_type FROM call_events WHERE call_id::text = $1 ORDER BY seq"


@dataclass(frozen=True, slots=True)
class Record:
    """answer: of GET …/calls/{id}. events: of …/events. rows: the database's, (seq, type)."""

    answer: Mapping[str, Any]
    events: list[dict[str, Any]]
    rows: list[tuple[int, str]]

    @property
    def call(self) -> Mapping[str, Any]:
        """Without agent and transcript."""
        call: Mapping[str, Any] = self.answer["call"]
        return call


async def call_id_of(stage: Stage, carrier_call_id: str) -> str:
    """Ours, of a call that the carrier knows under this id."""
    path = f"{stage.desk.path}/calls?carrier_call_id={quote(carrier_call_id, safe='')}"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = (await stage.desk.user.ask("GET", path))["calls"]
            if found:
                break
            await asyncio.sleep(0.05)
    (call,) = found
    call_id: str = call["id"]
    return call_id


async def record_of(stage: Stage, call_id: str, *, recorded: bool) -> Record:
    """Waits for the call's end in the records, and for its recording."""
    path = f"{stage.desk.path}/calls/{call_id}"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            events = (await stage.desk.user.ask("GET", f"{path}/events"))["events"]
            told = {event["event_type"] for event in events}
            answer = await stage.desk.user.ask("GET", path)
            if answer["call"]["status"] in FINAL and (not recorded or {"call.ended", "recording.ready"} <= told):
                break
            await asyncio.sleep(0.1)
    rows = await stage.desk.rows(_SEQS, call_id)
    return Record(answer, events, [(row["seq"], row["event_type"]) for row in rows])
