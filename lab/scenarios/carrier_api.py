"""Twilio's REST API answers 503 to every request for a minute, while calls go on and new ones are ordered.

What a user is promised (docs/run/outages.md, "a carrier's API"):

- Running calls and new inbound calls of Twilio notice nothing, and neither do calls over Telnyx.
- The API still accepts orders of outbound calls. A search for numbers gets 503 `carrier_away`.
- A 503 does not prove that Twilio placed no call. Such a call is never dialed again. The worker looks for it, and
  closes it as `not_confirmed` if it is not found within a minute.
- Calls that are ordered after the minute ring once, and are answered.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from control.calls.records.state import FINAL
from lab.engine.scenario import Scenario, Stage
from lab.stage.callers import scripted_caller
from lab.stage.calls import check_calls, start_calls, wait_for_records
from lab.stage.platform import Platform, PlatformShape
from lab.verdict import Verdict
from simulator.carrier.media_stream import Party
from simulator.carrier.network.passive_party import PassiveParty
from simulator.carrier.network.phone_network import Subscriber
from vocalized.stack.api_client import ApiError
from vocalized.stack.settings import CarrierName

AWAY_S: Final = 60.0
# Calls that run when the outage begins, and calls that begin in it.
RUNNING: Final = 12
NEW: Final = 8
NEW_TURNS: Final = 3
# Outbound calls that are ordered in the outage over each carrier, and after it over Twilio.
ORDERED: Final = 8
# More requests than the platform sends in a minute.
_ENOUGH: Final = 100_000
_PHONE_S: Final = 5.0
# After the outage: the minute for which the last call is looked for, and the longest pause before the next look.
_CLOSED_S: Final = 150.0
_STATES: Final = "SELECT status, end_reason, end_detail FROM calls WHERE id = ANY($1::uuid[])"


@dataclass(slots=True)
class _Orders:
    """Outbound calls over one carrier. refused: why the API did not accept an order. answers: by phone."""

    carrier: CarrierName
    call_ids: list[UUID]
    refused: list[str]
    answers: Counter[str]

    def phone(self, number: str) -> Party:
        """The person who answers, and hangs up after a few seconds."""
        self.answers[number] += 1
        return PassiveParty(longest_s=_PHONE_S)


async def _run(stage: Stage) -> list[Verdict]:
    platform, twilio = stage.platform, stage.platform.network.twilio
    assert twilio is not None
    running = [scripted_caller(stage.words, index) for index in range(RUNNING)]
    new = [scripted_caller(stage.words[:NEW_TURNS], RUNNING + index) for index in range(NEW)]
    tasks = await start_calls(platform, running, 10.0)
    await asyncio.sleep(3.0)
    begun = time.monotonic()
    twilio.fail_next.extend([503] * _ENOUGH)
    new_tasks, by_twilio, by_telnyx, search = await asyncio.gather(
        start_calls(platform, new, 0.25),
        _order(platform, "twilio", 1, every_s=5.0),
        _order(platform, "telnyx", 2, every_s=5.0),
        _search_numbers(platform),
    )
    await asyncio.sleep(max(0.0, begun + AWAY_S - time.monotonic()))
    together, refused = sum(not task.done() for task in tasks), _ENOUGH - len(twilio.fail_next)
    twilio.fail_next.clear()
    later = await _order(platform, "twilio", 3, every_s=0.5)
    await asyncio.gather(*tasks, *new_tasks)
    callers = [*running, *new]
    inbound = check_calls(callers, await wait_for_records(platform, callers))
    ended = [await _wait_for_ends(platform, orders) for orders in (by_twilio, by_telnyx, later)]
    return [
        Verdict(
            "requests that Twilio answered with 503", "at least 1 per call ordered", str(refused), refused >= ORDERED
        ),
        Verdict("calls that went on through all of it", str(RUNNING), str(together), together == RUNNING),
        *inbound,
        Verdict("search for numbers meanwhile", "503 carrier_away", search, search == "503 carrier_away"),
        *_order_rows("Twilio meanwhile", by_twilio, ended[0], "failed carrier_error not_confirmed", answers=0),
        *_order_rows("Telnyx meanwhile", by_telnyx, ended[1], "completed caller_hangup", answers=1),
        *_order_rows("Twilio afterwards", later, ended[2], "completed caller_hangup", answers=1),
    ]


async def _order(platform: Platform, carrier: CarrierName, group: int, *, every_s: float) -> _Orders:
    """Orders the calls. group: gives the phones their numbers."""
    orders, workspace = _Orders(carrier, [], [], Counter()), platform.workspace
    for index in range(ORDERED):
        number = f"+1646{6_000_000 + 100 * group + index:07d}"
        subscriber = Subscriber(party=partial(orders.phone, number))
        platform.network.phone_network.subscribers[number] = subscriber
        body = {"agent_id": workspace.agents[carrier].id, "phone_number_to_call": number}
        try:
            placed = await workspace.owner.request("POST", f"{workspace.path}/calls/outbound", body)
            orders.call_ids.append(UUID(placed["call_id"]))
        except ApiError as error:
            orders.refused.append(str(error))
        await asyncio.sleep(every_s)
    return orders


async def _search_numbers(platform: Platform) -> str:
    """Status and code of the answer to a search for Twilio's numbers."""
    path = f"{platform.workspace.path}/phone-numbers/available?country=US&area_code=415&carrier=twilio"
    try:
        await platform.workspace.owner.request("GET", path)
    except ApiError as error:
        return f"{error.status} {error.code}"
    return "200"


async def _wait_for_ends(platform: Platform, orders: _Orders) -> Sequence[Any]:
    """The calls as they are recorded, once all are over; after _CLOSED_S, as they are then."""
    until = time.monotonic() + _CLOSED_S
    while True:
        rows = await platform.rows(_STATES, orders.call_ids)
        if all(row["status"] in FINAL for row in rows) or time.monotonic() > until:
            return rows
        await asyncio.sleep(1.0)


def _order_rows(name: str, orders: _Orders, rows: Sequence[Any], end: str, *, answers: int) -> list[Verdict]:
    """answers: how often each phone is to be answered."""
    ends = Counter(" ".join(filter(None, (row["status"], row["end_reason"], row["end_detail"]))) for row in rows)
    accepted, answered = len(orders.call_ids), Counter(orders.answers.values())
    wanted = {answers: ORDERED} if answers else {}
    why = f": {orders.refused[0]}" if orders.refused else ""
    found = "; ".join(f"{count} {one}" for one, count in ends.most_common()) or "none"
    rings = f"{orders.answers.total()} on {len(orders.answers)} phones"
    return [
        Verdict(f"{name}: orders accepted", str(ORDERED), f"{accepted}{why}", accepted == ORDERED),
        Verdict(f"{name}: ends of the calls", f"{ORDERED} {end}", found, ends == {end: ORDERED}),
        Verdict(
            f"{name}: phones answered", f"{ORDERED}, each once" if answers else "none", rings, dict(answered) == wanted
        ),
    ]


SCENARIO: Final = Scenario(
    title="Twilio's API away",
    # The carriers' pace does not delay the calls.
    shape=PlatformShape(call_rate=10.0),
    turns=18,
    run=_run,
)
