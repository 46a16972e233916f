"""Callers who are told that an artificial voice speaks, because the law where they are demands it, and one who is not;
over both simulated carriers."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
import pytest_asyncio

from config.catalog import shipped_disclosures
from lab.stage.callers import RehearsalCaller
from lab.stage.platform import Platform
from simulator.carrier.caller import Caller
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import Ending
from tests.network.call_record import find_call_id, wait_for_record

pytestmark = pytest.mark.asyncio(loop_scope="package")

TEXT = shipped_disclosures()["texts"]["en"]
# By carrier and the number that calls.
BERLIN, NEW_YORK = ("twilio", "+4930555001"), ("twilio", "+16462500090")
PARIS, MAINE = ("telnyx", "+33123456789"), ("telnyx", "+12075550142")


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def events(platform: Platform, turns: Sequence[PreparedTurn]) -> AsyncIterator[Mapping[Any, list[Any]]]:
    """Of calls by all these numbers at once, to a workspace that tells what the law demands."""
    owner, path = platform.workspace.owner, platform.workspace.path
    await owner.request("PUT", path, {"disclosure": {"mode": "by_jurisdiction"}})
    cases = (BERLIN, NEW_YORK, PARIS, MAINE)
    found = await asyncio.gather(*(call(platform, turns, *case) for case in cases))
    await owner.request("PUT", path, {"disclosure": {"mode": "off"}})
    yield dict(zip(cases, found, strict=True))


async def call(platform: Platform, turns: Sequence[PreparedTurn], carrier: str, number: str) -> list[Any]:
    caller = RehearsalCaller(Caller(tuple(turns[:1]), Ending(quiet_ms=800)), number)
    await caller.call(platform.network.phone_network, platform.workspace.agents[carrier].number)
    record = await wait_for_record(platform, await find_call_id(platform, caller.call_id), recorded=True)
    assert caller.party.done
    return list(record.events)


@pytest.mark.parametrize("case", [BERLIN, PARIS, MAINE], ids="-".join)
async def test_caller_hears_it_before_anything_else(case: Any, events: Mapping[Any, list[Any]]) -> None:
    said = [one["event_data"] for one in events[case] if one["event_type"] == "agent.said"]
    assert (said[0]["text"], said[0]["interrupted"]) == (TEXT, False)
    assert len(said) > 1, "the greeting follows"
    heard = [one["event_data"]["kind"] for one in events[case] if one["event_type"] == "announcement.heard"]
    assert heard == ["disclosure"]


async def test_nobody_else_hears_it(events: Mapping[Any, list[Any]]) -> None:
    said = [one["event_data"]["text"] for one in events[NEW_YORK] if one["event_type"] == "agent.said"]
    assert said and TEXT not in said
