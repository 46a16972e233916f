"""Calls of both carriers, in and out, a share of them with each fault; what no fault explains counts as wrong."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from control.calls.records.state import FINAL
from lab.engine.scenario import Scenario, Stage
from lab.scenarios.lines.line_call import FIND_IDS, LineCall, make_line_call, run_line_call
from lab.scenarios.lines.verdict import count_calls, find_faults
from lab.stage.call_records import RecordedCall, carrier_ids, records_by_id
from lab.stage.line_faults import BOTH, ENDINGS, HARMLESS, IN_AND_OUT, REFUSALS, draw_cases
from lab.stage.platform import Platform, PlatformShape
from lab.verdict import Verdict

# Of the agents, so that words in English show.
LANGUAGE: Final = "de"
SEED: Final = 12
CALLS: Final = 200
# Calls that begin each second.
PER_S: Final = 5.0
RECORDS_S: Final = 90.0
_PROGRAMS: Final = ("api.log", "worker.log", "media-*.log")
# Errors that follow from the faults.
_EXPECTED_ERRORS: Final = frozenset({"call.command_refused"})
_UNHANDLED: Final = "SELECT count(*) AS n FROM webhook_events WHERE handled_at IS NULL"
_ALL_CALLS: Final = "SELECT count(*) AS n FROM calls"


async def _run(stage: Stage) -> list[Verdict]:
    """Runs the calls of both directions side by side and judges each by its fault."""
    platform, cases = stage.platform, draw_cases((*HARMLESS, *ENDINGS, *REFUSALS), CALLS, SEED)
    line_calls = [make_line_call(case, stage.words, number) for number, case in enumerate(cases)]
    begun = time.monotonic()
    tasks = []
    for number, call in enumerate(line_calls):
        await asyncio.sleep(max(0.0, begun + number / PER_S - time.monotonic()))
        tasks.append(asyncio.create_task(run_line_call(platform, call)))
    await asyncio.gather(*tasks)
    records = await wait_for_line_records(platform, line_calls)
    return await _report(platform, line_calls, records)


async def wait_for_line_records(platform: Platform, calls: Sequence[LineCall]) -> dict[str, RecordedCall]:
    """By our ids, once all calls are over, all events stored and all webhooks handled; after RECORDS_S, as they are."""
    until = time.monotonic() + RECORDS_S
    events = -1
    while True:
        await _find_ids(platform, calls)
        waiting = await platform.bus.length() + (await platform.rows(_UNHANDLED))[0]["n"]
        records = await records_by_id(platform, [call.call_id for call in calls if call.call_id])
        before, events = events, sum(record.events for record in records.values())
        over = len(records) == len(calls) and all(record.status in FINAL for record in records.values())
        if (over and not waiting and events == before) or time.monotonic() > until:
            return records
        await asyncio.sleep(1.0)


async def _find_ids(platform: Platform, calls: Sequence[LineCall]) -> None:
    """Fills in our ids of the inbound calls."""
    without = {one: call for call in calls if not call.call_id for one in carrier_ids(platform, call.caller)}
    for row in await platform.rows(FIND_IDS, list(without)):
        without[row["carrier_call_id"]].call_id = row["id"]


async def _report(platform: Platform, calls: Sequence[LineCall], records: Mapping[str, RecordedCall]) -> list[Verdict]:
    faults = {call.number: find_faults(call, records.get(call.call_id), platform.network, LANGUAGE) for call in calls}
    for call in calls:
        if faults[call.number]:
            place = f"{call.case.carrier} {call.case.direction}, {call.case.fault.name}: {call.call_id}"
            print(f"  wrong: {place}: {'; '.join(faults[call.number])}", flush=True)
    shares = ", ".join(
        f"{count_calls(calls, carrier, direction)} {carrier} {direction}"
        for carrier in BOTH
        for direction in IN_AND_OUT
    )
    [rows] = await platform.rows(_ALL_CALLS)
    [unhandled] = await platform.rows(_UNHANDLED)
    errors = unexpected_errors(platform.folder)
    return [
        Verdict("calls", "", f"{len(calls)}: {shares}", None),
        *_fault_rows(calls, faults),
        Verdict("calls in the record", str(len(calls)), str(rows["n"]), rows["n"] == len(calls)),
        Verdict("webhooks left unhandled", "0", str(unhandled["n"]), unhandled["n"] == 0),
        Verdict("errors in the programs' logs that no fault explains", "0", _counted(errors), not errors),
    ]


def _fault_rows(calls: Sequence[LineCall], faults: Mapping[int, Sequence[str]]) -> list[Verdict]:
    """One row for each fault, and one for all calls."""
    names = dict.fromkeys(call.case.fault.name for call in sorted(calls, key=_table_place))
    rows = [
        _wrong_row(f"wrong of those with: {name}", [c for c in calls if c.case.fault.name == name], faults)
        for name in names
    ]
    return [*rows, _wrong_row("calls that went wrong", calls, faults)]


def _table_place(call: LineCall) -> int:
    return (*HARMLESS, *ENDINGS, *REFUSALS).index(call.case.fault)


def _wrong_row(what: str, calls: Sequence[LineCall], faults: Mapping[int, Sequence[str]]) -> Verdict:
    wrong = [faults[call.number] for call in calls if faults[call.number]]
    example = f": {wrong[0][0]}" if wrong else ""
    return Verdict(what, "0", f"{len(wrong)} of {len(calls)}{example}", not wrong)


def unexpected_errors(folder: Path) -> Counter[str]:
    """Counts the error events in the logs of our programs; lines that are no events, such as tracebacks, count too."""
    found: Counter[str] = Counter()
    for log in sorted(one for name in _PROGRAMS for one in folder.glob(name)):
        for line in log.read_text(errors="replace").splitlines():
            event = _read_error(line)
            if event and event not in _EXPECTED_ERRORS:
                found[event] += 1
    return found


def _read_error(line: str) -> str:
    """The name of an error event; empty for other lines."""
    if not line.startswith("{"):
        return line.strip()[:80]
    try:
        fields: dict[str, Any] = json.loads(line)
    except ValueError:
        return line[:80]
    return str(fields.get("event", "")) if fields.get("level") in ("error", "critical") else ""


def _counted(errors: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in errors.most_common(3)) or "0"


SCENARIO: Final = Scenario(
    title="Carriers and phones as they behave",
    shape=PlatformShape(nodes=2, language=LANGUAGE, call_rate=5.0),
    turns=3,
    run=_run,
)
