"""A media node is killed under calls of both carriers: they go on at the other one, as one call with a gap."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from shared.events import SEQ_PER_LEG
from simulator.carrier.prepare import Performance
from tests.network.conftest import NODES, TURNS
from tests.network.record import call_id_of, record_of
from vocalized.rehearse.callers import Guest, guest
from vocalized.rehearse.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="package")

CALLS = 4


async def test_calls_go_on_elsewhere(stage: Stage, words: Sequence[Performance]) -> None:
    guests = [guest(words, number) for number in range(CALLS)]
    numbers = [agent.number for agent in stage.desk.agents.values()]
    phoning = [
        asyncio.create_task(one.phone(stage.network.world, numbers[index % 2])) for index, one in enumerate(guests)
    ]
    ids = {one.number: await call_id_of(stage, await _carriers_id(one)) for one in guests}
    await _until_all_spoke(stage, list(ids.values()))
    nodes = await stage.desk.rows(
        "SELECT id::text AS id, media_node FROM calls WHERE id = ANY($1::uuid[])", list(ids.values())
    )
    hit = {row["id"] for row in nodes if row["media_node"].startswith("media-0")}
    assert len({row["media_node"] for row in nodes}) == NODES, "the calls are spread over both nodes"
    stage.nodes[0].kill()
    killed = time.monotonic()
    await asyncio.gather(*phoning)
    await stage.nodes[0].stop()
    await stage.nodes[0].start()  # for the other tests; and it tells what it had not told any more
    for one in guests:
        record = await record_of(stage, ids[one.number], recorded=True)
        was_hit = ids[one.number] in hit
        assert one.caller.done
        assert (record.call["status"], record.call["end_reason"]) == ("completed", "caller_hangup")
        assert len(record.call["gaps"]) == was_hit
        assert sum(event["event_type"] == "call.resumed" for event in record.events) == was_hit
        seqs = [seq for seq, _ in record.rows]
        assert len(seqs) == len(set(seqs))
        said = [word["text"] for word in await _words(stage, ids[one.number]) if word["speaker"] == "caller"]
        assert len(said) >= TURNS, "both what was said before and after"
        if was_hit:
            assert one.heard_after(killed) is not None
            assert any(seq > SEQ_PER_LEG for seq in seqs)


async def _carriers_id(one: Guest) -> str:
    async with asyncio.timeout(30):
        while not one.call_id:  # noqa: ASYNC110 -- the phone is told, nobody else
            await asyncio.sleep(0.02)
    return one.call_id


async def _until_all_spoke(stage: Stage, call_ids: list[str]) -> None:
    sql = "SELECT DISTINCT call_id FROM call_events WHERE event_type = 'caller.said' AND call_id = ANY($1::uuid[])"
    async with asyncio.timeout(30):
        while len(await stage.desk.rows(sql, call_ids)) < len(call_ids):  # noqa: ASYNC110 -- another process writes
            await asyncio.sleep(0.1)


async def _words(stage: Stage, call_id: str) -> list[dict[str, Any]]:
    told = await stage.desk.user.ask("GET", f"{stage.desk.path}/calls/{call_id}/transcription")
    words: list[dict[str, Any]] = told["words"]
    return words
