"""A media node is killed during calls of both carriers: the other node resumes them, as one call with a gap."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from lab.stage.callers import RehearsalCaller, scripted_caller
from lab.stage.platform import Platform
from shared.events import SEQ_PER_LEG
from simulator.carrier.prepared_turn import PreparedTurn
from tests.network.call_record import find_call_id, wait_for_record
from tests.network.conftest import NODES, TURNS

pytestmark = pytest.mark.asyncio(loop_scope="package")

CALLS = 4
# The usage that a call's events tell, each with its row of the ledger.
BOOKED = """
    SELECT e.seq, u.seq AS booked FROM call_events e
    LEFT JOIN usage_records u ON u.call_id = e.call_id AND u.seq = e.seq AND u.at = e.at
    WHERE e.call_id::text = $1 AND e.event_type = 'usage.recorded' ORDER BY 1
"""
SECONDS = "SELECT sum(quantity) FROM usage_records WHERE call_id::text = $1 AND resource_type = 'call_minutes'"


async def test_other_node_resumes_the_calls(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    callers = [scripted_caller(turns, number) for number in range(CALLS)]
    numbers = [agent.number for agent in platform.workspace.agents.values()]
    running = [
        asyncio.create_task(caller.call(platform.network.phone_network, numbers[index % 2]))
        for index, caller in enumerate(callers)
    ]
    ids = {caller.number: await find_call_id(platform, await _carrier_call_id(caller)) for caller in callers}
    await wait_for_caller_speech(platform, list(ids.values()))
    nodes = await platform.rows(
        "SELECT id::text AS id, media_node FROM calls WHERE id = ANY($1::uuid[])", list(ids.values())
    )
    ids_on_lost_node = {row["id"] for row in nodes if row["media_node"].startswith("media-0")}
    assert len({row["media_node"] for row in nodes}) == NODES, "both nodes have calls"
    platform.nodes[0].kill()
    killed = time.monotonic()
    await asyncio.gather(*running)
    await platform.nodes[0].stop()
    await platform.nodes[0].start()  # for the other tests; it also sends the events in its spool
    for caller in callers:
        record = await wait_for_record(platform, ids[caller.number], recorded=True)
        was_lost = ids[caller.number] in ids_on_lost_node
        assert caller.party.done
        assert (record.call["status"], record.call["end_reason"]) == ("completed", "caller_hangup")
        assert len(record.call["gaps"]) == was_lost
        assert sum(event["event_type"] == "call.resumed" for event in record.events) == was_lost
        seqs = [seq for seq, _ in record.rows]
        assert len(seqs) == len(set(seqs))
        texts = [
            utterance["text"]
            for utterance in await load_utterances(platform, ids[caller.number])
            if utterance["speaker"] == "caller"
        ]
        assert len(texts) >= TURNS, "turns before and after the loss are stored"
        if was_lost:
            assert caller.heard_after(killed) is not None
            assert any(seq > SEQ_PER_LEG for seq in seqs)
        await check_ledger(platform, ids[caller.number], record.call["duration_seconds"], was_lost=was_lost)


async def check_ledger(platform: Platform, call_id: str, seconds: int, *, was_lost: bool) -> None:
    """Usage of both streams is booked once, and the minutes of the whole call."""
    told = await platform.rows(BOOKED, call_id)
    seqs = [row["seq"] for row in told]
    assert [row["booked"] for row in told] == seqs == sorted(set(seqs))
    assert {seq > SEQ_PER_LEG for seq in seqs} == ({False, True} if was_lost else {False})
    ((booked,),) = await platform.rows(SECONDS, call_id)
    assert booked == seconds > 0


async def _carrier_call_id(caller: RehearsalCaller) -> str:
    async with asyncio.timeout(30):
        while not caller.call_id:  # noqa: ASYNC110 -- set by the network without a signal
            await asyncio.sleep(0.02)
    return caller.call_id


async def wait_for_caller_speech(platform: Platform, call_ids: list[str]) -> None:
    sql = "SELECT DISTINCT call_id FROM call_events WHERE event_type = 'caller.said' AND call_id = ANY($1::uuid[])"
    async with asyncio.timeout(30):
        while len(await platform.rows(sql, call_ids)) < len(call_ids):  # noqa: ASYNC110 -- another process writes
            await asyncio.sleep(0.1)


async def load_utterances(platform: Platform, call_id: str) -> list[dict[str, Any]]:
    answer = await platform.workspace.owner.request("GET", f"{platform.workspace.path}/calls/{call_id}/transcription")
    utterances: list[dict[str, Any]] = answer["utterances"]
    return utterances
